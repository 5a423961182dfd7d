import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import { PodiumError } from "../protocol/errors.ts";
import type { HubRecord } from "../protocol/hub.ts";
import { HubClient, type Introduction } from "./client.ts";
import { copyBuild } from "./copy.ts";
import { isAlive, readRecord } from "./record.ts";
import { hubRuntime } from "./runtime.ts";

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
const crashWindowMs = 180_000;
const crashLimit = 5;

/** Attaches to the hub of this data directory, starting it when none answers. Rejects with `no_hub` and the log's path. */
export async function reachHub(reach: Reach): Promise<HubClient> {
  const started = Date.now();
  let child: { exit: number | null } | null = null;
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
    if (!child || (child.exit !== null && child.exit !== 3)) child = startHub(reach);
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

function startHub(reach: Reach): { exit: number | null } {
  mkdirSync(join(reach.home, "logs"), { recursive: true, mode: 0o700 });
  countStart(reach.home);
  const runtime = hubRuntime(reach.env);
  const log = openSync(logFile(reach.home), "a", 0o600);
  const folder = copyBuild(reach.dist, reach.home, reach.introduction.build);
  const bundle = join(folder, "hub.mjs");
  const entry = existsSync(bundle) ? bundle : join(folder, "main.ts");
  const child = spawn(runtime.file, [entry], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: reach.home,
    env: { ...runtime.env, PODIUM_HOME: reach.home },
    windowsHide: true,
  });
  closeSync(log);
  const state: { exit: number | null } = { exit: null };
  child.once("exit", (code) => {
    state.exit = code ?? 1;
  });
  child.once("error", () => {
    state.exit = 1;
  });
  child.unref();
  return state;
}

const Starts = z.array(z.number());
const startsFile = (home: string): string => join(home, "starts.json");

function readStarts(home: string): number[] {
  try {
    return Starts.parse(JSON.parse(readFileSync(startsFile(home), "utf8")));
  } catch {
    return [];
  }
}

/** Counted on disk, so that several windows together stop after five starts that never answered. */
function countStart(home: string): void {
  const recent = readStarts(home).filter((at) => Date.now() - at < crashWindowMs);
  if (recent.length >= crashLimit) {
    throw new PodiumError(
      "no_hub",
      `Podium ended five times right after its start. The reason is in ${logFile(home)}`,
      { reason: "crash_loop" },
    );
  }
  writeFileSync(startsFile(home), JSON.stringify([...recent, Date.now()]), { mode: 0o600 });
}

function forgetStarts(home: string): void {
  if (readStarts(home).length > 0) writeFileSync(startsFile(home), "[]", { mode: 0o600 });
}
