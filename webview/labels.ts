import type { Ref } from "../sidecar/protocol/events.ts";
import type { Node } from "../sidecar/protocol/ir.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import type { RunView } from "../sidecar/protocol/run.ts";
import { visible } from "./text.ts";

export type Load = (ref: Ref | undefined) => Json | undefined;

/** One part of an instance path: `found[3]`, `if1.then`, `draft`. */
interface Segment {
  readonly id: string;
  readonly index: number | null;
  readonly arm: string | null;
}

const segmentForm = /^([^[.]+)(?:\[(\d+)\])?(?:\.(.+))?$/;

function segmentsOf(instance: string): readonly Segment[] {
  return instance.split("/").map((part) => {
    const [, id = part, index, arm = null] = segmentForm.exec(part) ?? [];
    return { id, index: index === undefined ? null : Number(index), arm };
  });
}

/** The node of the graph that an instance is of. */
export function nodeOf(nodes: readonly Node[], instance: string): Node | null {
  let level = nodes;
  let found: Node | null = null;
  for (const { id, arm } of segmentsOf(instance)) {
    found = level.find((node) => node.id === id) ?? null;
    if (found === null) return null;
    if (found.kind === "map") level = found.nodes;
    else level = found.kind === "switch" ? (found.arms.find(({ name }) => name === arm)?.nodes ?? []) : [];
  }
  return found;
}

/** `found[3]/draft` hangs below `found[3]`, `found[3]` below `found`, `if1.then/check` below `if1`; "" is the root. */
export function parentOf(instance: string): string {
  const slash = instance.lastIndexOf("/");
  const last = instance.slice(slash + 1);
  const bracket = last.indexOf("[");
  if (bracket > 0) return instance.slice(0, slash + 1 + bracket);
  return instance.slice(0, Math.max(0, slash)).replace(/\.[^./[\]]+$/, "");
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The words that name an item best. */
function nameOf(item: Json | undefined): string | null {
  if (typeof item === "string") return item;
  if (typeof item === "number") return String(item);
  if (!isObject(item)) return null;
  for (const key of ["title", "name", "path", "claim", "id"]) {
    const value = item[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

/** The item that a map's instance works on, when the list is a plain path like `change.files`. */
function itemOf(view: RunView, map: string, list: string, index: number, load: Load): Json | undefined {
  const [head = "", ...path] = list.replace(/^=/, "").split(".");
  const scope = map.slice(0, map.lastIndexOf("/") + 1);
  let value: Json | undefined =
    head === "input" ? view.input : load(view.steps.get(scope + head)?.delta ?? view.steps.get(head)?.delta);
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return Array.isArray(value) ? value[index] : undefined;
}

/** What a step is called in a sentence: its own name after that of the item it works on, `src/a.ts › draft`. */
export function nameIn(view: RunView, instance: string, load: Load): string {
  let item = instance;
  while (item !== "" && !item.endsWith("]")) item = parentOf(item);
  const own = labelOf(view, instance, load);
  return item === "" || item === instance ? own : `${labelOf(view, item, load)} › ${own}`;
}

/** What a row is called: the written id, the item of a map, `if` for a branch without a name. */
export function labelOf(view: RunView, instance: string, load: Load): string {
  const last = segmentsOf(instance).at(-1);
  if (!last) return instance;
  const node = nodeOf(view.ir.nodes, instance);
  if (last.index !== null) {
    const map = parentOf(instance);
    const item = node?.kind === "map" ? nameOf(itemOf(view, map, node.list, last.index, load)) : null;
    return visible(item ?? `#${last.index + 1}`)
      .replaceAll("\n", " ")
      .slice(0, 120);
  }
  return node?.kind === "switch" ? last.id.replace(/^(if|switch)\d+$/, "$1") : last.id;
}
