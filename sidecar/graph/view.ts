import type { Json, JsonObject } from "../protocol/json.ts";
import type { Scope } from "./evaluate.ts";
import type { Frame, Place } from "./place.ts";
import { isAncestor, type PlannedNode } from "./plan.ts";

/** What a done node wrote under a key; undefined if it wrote nothing there. */
function written(place: Place, key: string): Json | undefined {
  const { node } = place.planned;
  if (node.kind === "switch") {
    for (const frame of place.arms) {
      const found = frame.dead ? undefined : lastWritten(frame, null, key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (place.status !== "done") return undefined;
  if (node.kind === "step") return place.value;
  if (key !== node.id) return place.failed;
  return place.value;
}

/** The last value in graph order that ancestors of `reader` wrote; without a reader, all of the list. */
function lastWritten(frame: Frame, reader: PlannedNode | null, key: string): Json | undefined {
  const writers = frame.list.writers.get(key);
  if (!writers) return undefined;
  for (let at = writers.length - 1; at >= 0; at -= 1) {
    const writer = writers[at];
    const place = writer && frame.places[writer.rank];
    if (!place || (reader && !isAncestor(reader, writer))) continue;
    const value = written(place, key);
    if (value !== undefined) return value;
  }
  return undefined;
}

function lookUp(frame: Frame, reader: PlannedNode | null, key: string, input: JsonObject): Json | undefined {
  let at: Frame = frame;
  let from = reader;
  for (;;) {
    const found = lastWritten(at, from, key);
    if (found !== undefined) return found;
    const { owner } = at;
    if (owner === null) return key === "input" ? input : undefined;
    if (at.kind === "item") {
      const { node } = owner.planned;
      if (key === "index") return at.index;
      if (key === "item" || (node.kind === "map" && key === node.as)) return itemOf(owner, at.index);
    }
    from = owner.planned;
    at = owner.frame;
  }
}

const itemOf = (map: Place, index: number): Json => map.list?.[index] ?? null;

/**
 * The state a node sees: run input and what its done ancestors wrote, in graph order. Nothing is copied: a key is looked up
 * when an expression reads it, so a step costs the same however large the state is.
 */
export function scopeOf(place: Place, input: JsonObject): Scope {
  return (key) => lookUp(place.frame, place.planned, key, input);
}

/** The state at the end of a list: of the run, or of a map item for `keep` and `yield`. */
export function endScopeOf(frame: Frame, input: JsonObject): Scope {
  return (key) => lookUp(frame, null, key, input);
}

/** All keys written in a list, as one object: the final state, for results and tests. */
export function stateOf(frame: Frame): JsonObject {
  const entries: [string, Json][] = [];
  for (const key of frame.list.writers.keys()) {
    const value = lastWritten(frame, null, key);
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}
