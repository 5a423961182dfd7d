import type { Clock, Models } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";

/** How long work may take to settle after it was aborted, ms. */
const settleMs = 5000;

/** Rejects once aborted work has had its time to settle; work that ignores its signal is left behind. */
export async function untilAborted(
  clock: Clock,
  signal: AbortSignal,
  work: Promise<unknown>,
  ended: AbortSignal,
): Promise<never> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      ended.addEventListener("abort", () => resolve(), { once: true });
    });
  }
  if (ended.aborted) return new Promise<never>(() => undefined);
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, clock.sleep(settleMs, ended).catch(() => undefined)]);
  throw signal.reason;
}

/** Aborts with `deadline` after `ms`, unless the step has ended before. */
export function armTimeout(clock: Clock, ms: number, controller: AbortController, ended: AbortSignal): void {
  const arm = async (): Promise<void> => {
    await clock.sleep(ms, ended);
    controller.abort(new PodiumError("deadline", `The step took longer than its timeout of ${ms / 1000} s.`));
  };
  arm().catch(() => undefined);
}

/** Begins work once discovery has looked, so that no step takes an early look for a machine without models. */
export async function whenReady<T>(
  ports: { readonly models: Models },
  invocation: { isClosed(): boolean; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  await ports.models.ready();
  invocation.signal.throwIfAborted();
  if (invocation.isClosed()) return new Promise<never>(() => undefined);
  return work();
}
