import type { Clock } from "../../sidecar/ports.ts";

/** The machine's clock, for tests that talk to real sockets. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((done, failed) => {
      if (signal?.aborted) {
        failed(signal.reason);
        return;
      }
      const abort = () => {
        clearTimeout(timer);
        failed(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        done();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    }),
};
