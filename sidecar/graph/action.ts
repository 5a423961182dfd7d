import type { ErrorShape } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import { compareOrder } from "./paths.ts";
import type { Frame, Place, StartCause } from "./place.ts";

/** Why a run is taken over that a hub gave up in good order: what ran then runs again, and no crash is counted. */
export const handedOver = "Podium stopped in good order.";

/** What the executor has to do next; each is answered by an event that is applied to the schedule. */
export type Action =
  | { readonly type: "start"; readonly place: Place; readonly cause: StartCause }
  | { readonly type: "wait"; readonly place: Place; readonly at: number }
  | { readonly type: "skip"; readonly place: Place }
  | { readonly type: "choose"; readonly place: Place }
  | { readonly type: "open"; readonly place: Place }
  | { readonly type: "end-item"; readonly frame: Frame; readonly instance: string }
  | { readonly type: "end-map"; readonly place: Place }
  | { readonly type: "fail"; readonly instance: string; readonly error: ErrorShape }
  | { readonly type: "end-run"; readonly error: ErrorShape | null };

/** What a map writes under `<id>_failed`: the items that were left out. */
export const failedOf = (map: Place): Json =>
  map.items.flatMap(({ index, end }) =>
    end?.error ? [{ index, code: end.error.code, message: end.error.message }] : [],
  );

/** Once nothing runs inside a failing part, its failure moves one level up. */
export function failuresOf(from: Frame, through: Place | null): readonly Action[] {
  const actions: Action[] = [];
  const failMap = (map: Place | null): void => {
    if (map?.failing && map.running === 0) actions.push({ type: "fail", instance: map.instance, error: map.failing });
  };
  failMap(through);
  for (let frame: Frame | null = from; frame; frame = frame.owner?.frame ?? null) {
    const { owner, failing } = frame;
    if (failing && frame.running === 0) {
      const instance = frame.kind === "item" ? frame.instance : owner?.instance;
      actions.push(
        instance === undefined ? { type: "end-run", error: failing } : { type: "fail", instance, error: failing },
      );
    }
    failMap(owner);
  }
  return actions;
}

/** Keeps ready places in graph order; a place usually belongs at the end. */
export function insertInOrder(ready: Place[], place: Place): void {
  let at = ready.length;
  for (let other = ready[at - 1]; other && compareOrder(other.order, place.order) > 0; other = ready[at - 1]) at -= 1;
  if (at === ready.length) ready.push(place);
  else ready.splice(at, 0, place);
}

/** The map that lies deepest: an item is idle only once the maps inside it have been asked for more. */
export function deepest(maps: Iterable<Place>): Place | undefined {
  let found: Place | undefined;
  for (const map of maps) if (!found || map.order.length > found.order.length) found = map;
  return found;
}
