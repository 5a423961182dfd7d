import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PodiumError } from "../protocol/errors.ts";
import type { HubRecord } from "../protocol/hub.ts";
import { HubClient, type Introduction } from "./client.ts";
import { forgetStarts, type Launched, launchHub } from "./launch.ts";
import { assertOwnDirectory } from "./own-directory.ts";
import { isAlive, readRecord } from "./record.ts";

/** What it takes to reach or start the hub. `dist` holds hub.mjs beside its native parts, or the sources. */
export interface Reach {
  readonly home: string;
  readonly dist: string;
  readonly env: NodeJS.ProcessEnv;
  readonly introduction: Introduction;
  /** False in Restricted Mode: only a hub that already answers is used. */
  readonly mayStart: boolean;
}

const pollMs = 100;
const patienceMs = 15_000;

/**
 * Attaches to the hub of this data directory, starting it when none answers. Rejects with the reason that a hub which cannot
 * start gives, such as `data_unreadable` or `port_taken`, else with `no_hub` and the log's path.
 */
export async function reachHub(reach: Reach): Promise<HubClient> {
  assertOwnDirectory(reach.home);
  const started = Date.now();
  let child: Launched | null = null;
  for (;;) {
    const record = readRecord(reach.home);
    const client = await attach(record, reach);
    if (client && (await isOutdated(client, reach))) {
      await replace(client, reach);
      continue;
    }
    if (client) {
      forgetStarts(reach.home);
      return client;
    }
    if (!reach.mayStart) throw new PodiumError("no_hub", "Podium is not running.");
    if (!child || (child.exit !== null && child.exit !== 3)) {
      const reason = child?.reason() ?? null;
      if (reason) throw reason;
      child = launch(reach);
    }
    if (Date.now() - started > patienceMs) {
      throw new PodiumError("no_hub", `Podium did not start within 15 s. The reason is in ${logFile(reach.home)}`);
    }
    await delay(pollMs);
  }
}

async function attach(record: HubRecord | null, reach: Reach): Promise<HubClient | null> {
  if (record?.pid === undefined || !isAlive(record.pid)) return null;
  try {
    return await HubClient.connect(record, reach.introduction);
  } catch (error) {
    if (error instanceof PodiumError && error.code === "no_hub") return null;
    throw error;
  }
}

/** A newer build of the same channel replaces the running one: an update, or a clone that was built again. Channels never mix. */
async function isOutdated(client: HubClient, reach: Reach): Promise<boolean> {
  const ours = reach.introduction.build;
  const theirs = client.record.build;
  return reach.mayStart && ours.channel === theirs.channel && theirs.builtAt < ours.builtAt;
}

async function replace(client: HubClient, reach: Reach): Promise<void> {
  const pid = client.hello.pid;
  client.close();
  const record = readRecord(reach.home);
  if (!record) return;
  const admin = await HubClient.connect(record, { ...reach.introduction, scopes: ["admin"] });
  await admin.request("hub.stop", {});
  admin.close();
  const deadline = Date.now() + 600_000;
  while (isAlive(pid) && Date.now() < deadline) await delay(pollMs);
}

export const logFile = (home: string): string => join(home, "logs", "hub.log");

const launch = ({ home, dist, env, introduction }: Reach): Launched =>
  launchHub({ home, log: logFile(home), dist, env, build: introduction.build });
