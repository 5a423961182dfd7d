import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { PodiumError } from "../protocol/errors.ts";
import type { HubRecord } from "../protocol/hub.ts";
import { isAlive } from "./record.ts";

/** A process that started later than this after the record was written only has got the number of a dead one. */
const slackMs = 2000;
const ticksPerSecond = 100;

/** Wall ms at which a process began; null when this system does not tell. */
function startOf(pid: number): number | null {
  try {
    if (process.platform === "linux") {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
      const sinceBoot = Number(fields[19]) / ticksPerSecond;
      return boot === undefined || Number.isNaN(sinceBoot) ? null : (Number(boot) + sinceBoot) * 1000;
    }
    if (process.platform === "win32") return null;
    const began = Date.parse(execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }));
    return Number.isNaN(began) ? null : began;
  } catch {
    return null;
  }
}

/** Whose number a record's is now: still that very process's, another's, nobody's, or this system does not tell. */
export function ownerOf({ pid, startedAt }: HubRecord): "hub" | "stranger" | "nobody" | "unknown" {
  if (pid === undefined || !isAlive(pid)) return "nobody";
  const began = startedAt === undefined ? null : startOf(pid);
  if (began === null || startedAt === undefined) return "unknown";
  return began <= startedAt + slackMs ? "hub" : "stranger";
}

/** Ends the hub of a record that holds its lock and does not answer; false when that process is not known to be the hub. */
export function endBlocked(record: HubRecord): boolean {
  if (record.pid === undefined || ownerOf(record) !== "hub") return false;
  try {
    process.kill(record.pid, "SIGKILL");
    return true;
  } catch (cause) {
    const sentence = `Podium's process ${record.pid} does not answer and cannot be ended; end it by hand.`;
    throw new PodiumError("no_hub", sentence, { reason: "blocked", cause });
  }
}
