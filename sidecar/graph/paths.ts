import type { PlannedList } from "./plan.ts";

/** One step down an instance path: `found[3]`, `if1.then`, `fix#2` or a plain id. */
export interface Segment {
  readonly id: string;
  readonly item: number | null;
  readonly arm: string | null;
  readonly round: number | null;
}

const shape = /^([^.[#]+)(?:\[(\d+)\]|\.([^/]+)|#(\d+))?$/;

/** Splits `each[3]/if1.then/draft` into its segments; null if it is not an instance path. */
export function parsePath(instance: string): readonly Segment[] | null {
  const segments: Segment[] = [];
  for (const text of instance.split("/")) {
    const found = shape.exec(text);
    const id = found?.[1];
    if (!found || id === undefined) return null;
    segments.push({
      id,
      item: found[2] === undefined ? null : Number(found[2]),
      arm: found[3] ?? null,
      round: found[4] === undefined ? null : Number(found[4]),
    });
  }
  return segments;
}

/** Numbers that sort instances in graph order: per segment the node's topological index, then the item, arm or round. */
export function orderOf(plan: PlannedList, instance: string): readonly number[] {
  const order: number[] = [];
  let list: PlannedList | null = plan;
  for (const segment of parsePath(instance) ?? []) {
    const planned: PlannedList["nodes"][number] | undefined = list?.nodes.find((node) => node.node.id === segment.id);
    order.push(planned?.rank ?? Number.MAX_SAFE_INTEGER);
    const arm: number = planned?.arms.findIndex((candidate) => candidate.name === segment.arm) ?? -1;
    if (segment.item !== null) order.push(segment.item);
    if (segment.round !== null) order.push(segment.round);
    if (segment.arm !== null) order.push(arm);
    list = segment.arm === null ? (planned?.body ?? null) : (planned?.arms[arm]?.list ?? null);
  }
  return order;
}

/** Negative when `left` comes first; an outer instance comes before what lies inside it. */
export function compareOrder(left: readonly number[], right: readonly number[]): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** A text that sorts like the order itself. */
export const orderKey = (order: readonly number[]): string =>
  order.map((part) => String(Math.min(part, 99_999_999)).padStart(8, "0")).join("/");
