import type { HubClient } from "./client.ts";
import { endBlocked } from "./process.ts";

const pingMs = 10_000;
const missesAllowed = 2;

/** Two pings of 10 s without an answer, while this process did not sleep, mean a blocked hub: it is ended, so that a new one can start. */
export function watchPulse(client: HubClient): void {
  let misses = 0;
  let last = Date.now();
  const timer = setInterval(() => {
    const slept = Date.now() - last > 2 * pingMs;
    last = Date.now();
    if (slept) misses = 0;
    if (misses >= missesAllowed) {
      clearInterval(timer);
      endBlocked(client.record);
      return;
    }
    misses += 1;
    client.request("ping", {}).then(
      () => {
        misses = 0;
      },
      () => undefined,
    );
  }, pingMs);
  timer.unref();
  client.onClose(() => clearInterval(timer));
}
