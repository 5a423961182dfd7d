import type { Notes, RecordedOp } from "./record.ts";

/** What to do at an operation that a step asks for. */
export type Replay =
  | { readonly type: "result" | "error" | "live" | "open"; readonly op: RecordedOp }
  | { readonly type: "new" }
  | { readonly type: "unknown"; readonly op: RecordedOp };

/** Hands out ordinals in call order, and finds what an earlier invocation recorded there (ENGINE E7). */
export interface Ordinals {
  /** Undefined key: the next call in order. */
  next(key: string | undefined): number;
}

export function createOrdinals(notes: Notes): Ordinals {
  const unkeyed = [...notes.ops.values()].filter((op) => op.key === null).map((op) => op.ordinal);
  unkeyed.sort((left, right) => left - right);
  const keyed = new Map<string, number>();
  let fresh = 0;
  for (const op of notes.ops.values()) {
    fresh = Math.max(fresh, op.ordinal + 1);
    if (op.key !== null) keyed.set(op.key, op.ordinal);
  }
  let at = 0;
  return {
    next(key) {
      const known = key === undefined ? unkeyed[at] : keyed.get(key);
      if (key === undefined) at += 1;
      if (known !== undefined) return known;
      const ordinal = fresh;
      fresh += 1;
      if (key !== undefined) keyed.set(key, ordinal);
      return ordinal;
    },
  };
}

/**
 * Decides between the recorded result and a live call. A different hash is a divergence: what was recorded from here on is
 * ignored, unless an unsafe operation is among it, whose outcome then nobody can know.
 */
export function replayOf(notes: Notes, ordinal: number, hash: string): Replay {
  const op = notes.ops.get(ordinal);
  if (!op) return { type: "new" };
  if (op.hash !== hash) {
    const later = [...notes.ops.values()].filter((other) => other.ordinal >= ordinal && !other.stale);
    const unsafe = later.find(
      (other) => other.effect === "unsafe" && other.status !== "failed" && other.resolved === null,
    );
    if (unsafe) return { type: "unknown", op: unsafe };
    for (const other of later) other.stale = true;
    return { type: "new" };
  }
  if (op.stale) return { type: "live", op };
  if (op.status === "done") return { type: "result", op };
  if (op.status === "failed") return { type: "error", op };
  if (op.effect === "unsafe" && op.resolved !== "retry") return { type: "unknown", op };
  return { type: "open", op };
}
