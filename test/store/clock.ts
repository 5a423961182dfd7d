import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../sidecar/ports.ts";

/** The machine's own time, for tests with several processes. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
