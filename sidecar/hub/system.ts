import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock, Digest, Ids } from "../ports.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {});
  },
};

/** Ids that sort by the time they were made: 9 characters of time, 9 of randomness. */
export const systemIds: Ids = {
  next: (prefix) =>
    `${prefix}_${Date.now().toString(36).padStart(9, "0")}${randomBytes(6).toString("hex").slice(0, 9)}`,
};

export const sha256: Digest = (text) => createHash("sha256").update(text).digest("hex");

const kept = [
  "PATH",
  "LANG",
  "LC_ALL",
  "HOME",
  "USER",
  "TMPDIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "SystemRoot",
  "USERPROFILE",
] as const;

/** The environment a run's tools get exactly: an allow-list, never a secret. */
export function runEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
