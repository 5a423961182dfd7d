import type { CallClass } from "../ports.ts";

/** One call that waits for a lane. `since` is monotonic ms; `order` compares as text, earlier in the graph first. */
export interface Waiting {
  readonly model: string;
  readonly callClass: CallClass;
  readonly run: string;
  readonly order: string;
  readonly since: number;
}

/** Which model the device holds and how long it has been preferred. */
export interface Affinity {
  readonly model: string | null;
  readonly picks: number;
  readonly since: number;
}

const classes: { readonly [K in CallClass]: number } = { interactive: 0, review: 1, background: 2 };
const ageMs = 30_000;
const maxPicks = 8;
const maxAffinityMs = 60_000;

/** A class that grows better by one every 30 s, so that nothing waits for ever. Lower goes first. */
export function effectiveClass(
  waiting: { readonly callClass: CallClass; readonly since: number },
  now: number,
): number {
  return classes[waiting.callClass] - Math.floor(Math.max(0, now - waiting.since) / ageMs);
}

/** The order in which waiting calls get a lane: class with age, loaded model, run that waits longest, order in the graph. */
export function rank<T extends Waiting>(waiting: readonly T[], affinity: Affinity, now: number): readonly T[] {
  const prefers = affinity.model !== null && affinity.picks < maxPicks && now - affinity.since < maxAffinityMs;
  const best = new Map<string, number>();
  for (const { run, since } of waiting) best.set(run, Math.min(best.get(run) ?? since, since));
  const keys = new Map<T, readonly number[]>();
  for (const one of waiting) {
    const loaded = prefers && one.model === affinity.model ? 0 : 1;
    keys.set(one, [effectiveClass(one, now), loaded, best.get(one.run) ?? one.since]);
  }
  return [...waiting].sort((a, b) => {
    const left = keys.get(a) ?? [];
    const right = keys.get(b) ?? [];
    for (const [index, value] of left.entries()) {
      const difference = value - (right[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return compareText(a.run, b.run) || compareText(a.order, b.order) || a.since - b.since;
  });
}

/** The affinity after `model` was picked. */
export function afterPick(affinity: Affinity, model: string, now: number): Affinity {
  if (affinity.model !== model) return { model, picks: 1, since: now };
  return { ...affinity, picks: affinity.picks + 1 };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
