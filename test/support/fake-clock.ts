import type { Clock } from "../../sidecar/ports.ts";

export interface FakeClock extends Clock {
  /** Moves time on and wakes what is due, in order. */
  advance(ms: number): Promise<void>;
  /** Sleepers that wait now. */
  readonly sleepers: number;
}

/** A clock that only moves when told to. */
export function createFakeClock(start = 1_700_000_000_000): FakeClock {
  let elapsed = 0;
  const waiting = new Set<{ readonly due: number; readonly wake: () => void }>();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const entry = {
          due: elapsed + ms,
          wake: () => {
            waiting.delete(entry);
            resolve();
          },
        };
        waiting.add(entry);
        signal?.addEventListener("abort", () => {
          waiting.delete(entry);
          reject(signal.reason);
        });
      }),
    get sleepers() {
      return waiting.size;
    },
    async advance(ms) {
      const until = elapsed + ms;
      await turn();
      for (;;) {
        const next = [...waiting].sort((left, right) => left.due - right.due)[0];
        if (!next || next.due > until) break;
        elapsed = next.due;
        next.wake();
        await turn();
      }
      elapsed = until;
      await turn();
    },
  };
}
