import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PodiumError } from "../protocol/errors.ts";
import type { HubRecord } from "../protocol/hub.ts";
import { HubClient, type Introduction } from "./client.ts";
import { countFailedStart, forgetStarts, type Launched, launchHub } from "./launch.ts";
import { assertOwnDirectory } from "./own-directory.ts";
import { endBlocked, ownerOf } from "./process.ts";
import { isAlive, readRecord } from "./record.ts";
import { stopHub } from "./stop.ts";

/** What it takes to reach or start the hub. `dist` holds hub.mjs beside its native parts, or the sources. */
export interface Reach {
  readonly home: string;
  readonly dist: string;
  readonly env: NodeJS.ProcessEnv;
  readonly introduction: Introduction;
  /** False in Restricted Mode: only a hub that already answers is used. */
  readonly mayStart: boolean;
  /** How long a start and one hello may take, ms; 15 s and 10 s when absent. */
  readonly patience?: { readonly startMs: number; readonly helloMs: number };
}

const pollMs = 100;
const usualPatience = { startMs: 15_000, helloMs: 10_000 };
/** As many hellos without an answer mean a blocked process. */
const silencesAllowed = 2;
/** The lock may become free when the process that holds it is just ending. */
const lockedPauseMs = 1000;
/** A child that finds the lock taken exits with this. */
const lockedExit = 3;

/**
 * Attaches to the hub of this data directory, starting it when none answers. Rejects with the reason that a hub which cannot
 * start gives, such as `data_unreadable` or `port_taken`, else with `no_hub` and the log's path.
 */
export async function reachHub(reach: Reach): Promise<HubClient> {
  assertOwnDirectory(reach.home);
  const attempt = new Attempt(reach);
  let isReplaced = false;
  for (;;) {
    const found = await attach(readRecord(reach.home), reach);
    if (found instanceof HubClient) {
      if (isReplaced || !isOutdated(found, reach)) {
        forgetStarts(reach.home);
        return found;
      }
      found.close();
      await stopHub(reach.home, reach.introduction, false);
      attempt.begin();
      isReplaced = true;
      continue;
    }
    if (!reach.mayStart) throw new PodiumError("no_hub", "Podium is not running.");
    attempt.goOn(found);
    await delay(pollMs);
  }
}

/** One caller's way to a hub that answers: what it started, how long it has waited, and what kept silent. */
class Attempt {
  readonly #reach: Reach;
  #began = Date.now();
  #child: Launched | null = null;
  #launchedAt = 0;
  #silences = 0;
  #isLocked = false;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  /** Gives a hub that is still to be started its whole time. */
  begin(): void {
    this.#began = Date.now();
    this.#child = null;
  }

  /** Does the next thing after nobody answered; throws when there is nothing left to do. */
  goOn(found: "absent" | Silent): void {
    if (found === "absent") this.#silences = 0;
    else if (!found.slept) this.#endSilent(found.record);
    if (this.#isDue()) this.#launch();
    const { startMs } = this.#reach.patience ?? usualPatience;
    if (Date.now() - this.#began > startMs) throw this.#lateness();
  }

  #endSilent(record: HubRecord): void {
    this.#silences += 1;
    this.#began = Date.now();
    if (this.#silences < silencesAllowed) return;
    this.#silences = 0;
    if (endBlocked(record)) this.#child = null;
  }

  #isDue(): boolean {
    if (this.#child === null) return this.#silences === 0;
    if (this.#child.exit === null) return false;
    this.#isLocked = this.#child.exit === lockedExit;
    return !this.#isLocked || Date.now() - this.#launchedAt > lockedPauseMs;
  }

  #launch(): void {
    const { home, dist, env, introduction } = this.#reach;
    if (this.#child && !this.#isLocked) {
      countFailedStart(home);
      const reason = this.#child.reason();
      if (reason) throw reason;
    }
    this.#child = launchHub({ home, log: logFile(home), dist, env, build: introduction.build });
    this.#launchedAt = Date.now();
  }

  #lateness(): PodiumError {
    const { home } = this.#reach;
    return this.#isLocked
      ? new PodiumError(
          "no_hub",
          `Another Podium process holds ${home} and does not answer. End it, or set PODIUM_HOME to another folder.`,
          { reason: "blocked" },
        )
      : new PodiumError("no_hub", `Podium did not start within 15 s. The reason is in ${logFile(home)}`);
  }
}

/** A process that took the connection and did not say a word. `slept` = this one was suspended meanwhile. */
interface Silent {
  readonly record: HubRecord;
  readonly slept: boolean;
}

async function attach(record: HubRecord | null, reach: Reach): Promise<HubClient | "absent" | Silent> {
  if (record?.pid === undefined || !isAlive(record.pid)) return "absent";
  const began = Date.now();
  const { helloMs } = reach.patience ?? usualPatience;
  try {
    return await HubClient.connect(record, reach.introduction, helloMs);
  } catch (error) {
    const code = error instanceof PodiumError ? error.code : null;
    if (code === "hub_incompatible" && ownerOf(record) === "stranger") return "absent";
    if (!(error instanceof PodiumError) || code !== "no_hub") throw error;
    return error.reason === "silent" ? { record, slept: Date.now() - began > 3 * helloMs } : "absent";
  }
}

/** A newer build of the same channel replaces the running one: an update, or a clone that was built again. Channels never mix. */
function isOutdated(client: HubClient, reach: Reach): boolean {
  const ours = reach.introduction.build;
  const theirs = client.record.build;
  return reach.mayStart && ours.channel === theirs.channel && theirs.builtAt < ours.builtAt;
}

export const logFile = (home: string): string => join(home, "logs", "hub.log");
