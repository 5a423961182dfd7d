import { setTimeout as delay } from "node:timers/promises";
import { PodiumError } from "../protocol/errors.ts";
import { HubClient, type Introduction } from "./client.ts";
import { ownerOf } from "./process.ts";
import { isAlive, readRecord } from "./record.ts";

const pollMs = 100;
const drainMs = 11 * 60_000;

/**
 * Ends the hub of a data directory, if there is one, and resolves when its process is gone: false = there was none. Calls
 * under way are waited for, or aborted when `now`. Starts nothing. A hub that speaks another protocol gets a signal instead.
 */
export async function stopHub(home: string, introduction: Introduction, now: boolean): Promise<boolean> {
  const record = readRecord(home);
  if (record?.pid === undefined || !isAlive(record.pid)) return false;
  try {
    const client = await HubClient.connect(record, { ...introduction, scopes: ["admin"] });
    await client.request("hub.stop", { now });
    client.close();
  } catch (error) {
    const code = error instanceof PodiumError ? error.code : null;
    const owner = ownerOf(record);
    if (code !== "hub_incompatible" && code !== "no_hub") throw error;
    if (owner === "stranger" || owner === "nobody") return false;
    if (code === "hub_incompatible" && owner === "unknown") throw error;
    if (code === "hub_incompatible") process.kill(record.pid, "SIGTERM");
  }
  const deadline = Date.now() + drainMs;
  while (isAlive(record.pid)) {
    if (Date.now() > deadline) throw new PodiumError("no_hub", `Podium's process ${record.pid} does not end.`);
    await delay(pollMs);
  }
  return true;
}
