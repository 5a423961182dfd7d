import type { ErrorShape } from "../protocol/errors.ts";
import type { Node } from "../protocol/ir.ts";

/** These were already tried again below the step, where it is known that no token had come. */
const triedBelow: ReadonlySet<string> = new Set(["unreachable", "overloaded"]);

/** Whether a failed attempt is followed by another one: only if `retry:` is written on the node. */
export function willRetry(node: Node, error: ErrorShape, retries: number): boolean {
  if (!node.retry || retries >= node.retry.max) return false;
  if (error.code === "cancelled" || error.code === "denied" || triedBelow.has(error.code)) return false;
  return node.retry.on === undefined || node.retry.on.includes(error.code);
}

/** Ms before retry number `retries` (from 0): 1 s, doubled each time, at most 30 s. */
export const retryDelay = (retries: number): number => Math.min(30_000, 1000 * 2 ** retries);
