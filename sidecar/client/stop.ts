import { setTimeout as delay } from "node:timers/promises";
import { PodiumError } from "../protocol/errors.ts";
import type { HubRecord } from "../protocol/hub.ts";
import { HubClient, type Introduction } from "./client.ts";
import { endBlocked, ownerOf } from "./process.ts";
import { isAlive, readRecord } from "./record.ts";

const pollMs = 100;
const drainMs = 11 * 60_000;
const hellosAllowed = 2;

/**
 * Ends the hub of a data directory, if there is one, and resolves when its process is gone: false = there was none. Calls
 * under way are waited for, or aborted when `now`. Starts nothing. A hub that speaks another protocol gets a signal instead,
 * one that leaves two hellos unanswered is ended as it is.
 */
export async function stopHub(
  home: string,
  introduction: Introduction,
  now: boolean,
  helloMs = 10_000,
): Promise<boolean> {
  const record = readRecord(home);
  if (record?.pid === undefined || !isAlive(record.pid)) return false;
  for (let hellos = 1; ; hellos += 1) {
    const answer = await tell(record, introduction, now, helloMs);
    const owner = ownerOf(record);
    if (answer === "told") break;
    if (owner === "stranger" || owner === "nobody") return false;
    if (answer === "incompatible" && owner === "hub") process.kill(record.pid, "SIGTERM");
    else if (answer === "incompatible") throw new PodiumError("hub_incompatible", byHand(record.pid));
    if (answer !== "silent") break;
    if (hellos < hellosAllowed) continue;
    if (!endBlocked(record)) throw new PodiumError("no_hub", byHand(record.pid), { reason: "blocked" });
    break;
  }
  await untilGone(record.pid);
  return true;
}

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + drainMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) throw new PodiumError("no_hub", `Podium's process ${pid} does not end.`);
    await delay(pollMs);
  }
}

const byHand = (pid: number): string => `Podium's process ${pid} cannot be told to stop; end it by hand.`;

/** `gone` = it ended before it had answered. */
async function tell(
  record: HubRecord,
  introduction: Introduction,
  now: boolean,
  helloMs: number,
): Promise<"told" | "gone" | "silent" | "incompatible"> {
  try {
    const client = await HubClient.connect(record, { ...introduction, scopes: ["admin"] }, helloMs);
    await client.request("hub.stop", { now });
    client.close();
    return "told";
  } catch (error) {
    if (error instanceof PodiumError && error.code === "hub_incompatible") return "incompatible";
    if (error instanceof PodiumError && error.code === "no_hub") return error.reason === "silent" ? "silent" : "gone";
    throw error;
  }
}
