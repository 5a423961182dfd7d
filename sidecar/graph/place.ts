import type { ErrorShape } from "../protocol/errors.ts";
import type { ParkReason } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import type { PlannedList, PlannedNode } from "./plan.ts";

export type StartCause = "start" | "crash" | "answer" | "retry" | "resume";

/** One node in one scope of a running workflow. `dead` = all its in-edges died, the skip is not recorded yet. */
export interface Place {
  readonly planned: PlannedNode;
  readonly frame: Frame;
  readonly instance: string;
  readonly order: readonly number[];
  status: "waiting" | "ready" | "running" | "retrying" | "parked" | "open" | "done" | "dead" | "skipped" | "failed";
  /** In-edges and gate that are still open. */
  waiting: number;
  taken: boolean;
  gateClosed: boolean;
  denied: boolean;
  cause: StartCause;
  attempt: number;
  retries: number;
  /** Hub crashes in a row while this ran. */
  crashes: number;
  reason: ParkReason | null;
  error: ErrorShape | null;
  value: Json | undefined;
  /** The items of an open map. */
  list: readonly Json[] | null;
  /** What a map writes under `<id>_failed`. */
  failed: Json | undefined;
  edges: readonly string[];
  readonly arms: Frame[];
  readonly items: Frame[];
  n: number;
  endedItems: number;
  /** Items in which something runs or is ready. */
  activeItems: number;
  /** A map that fails because one of its items did. */
  failing: ErrorShape | null;
  /** Instances running inside. */
  running: number;
}

/** One list in execution: the workflow itself, an arm of a switch, or a map item. */
export interface Frame {
  readonly kind: "root" | "arm" | "item";
  readonly list: PlannedList;
  readonly prefix: string;
  /** Without the slash: of a map item its own instance. */
  readonly instance: string;
  readonly owner: Place | null;
  readonly index: number;
  /** An arm that was not taken. */
  readonly dead: boolean;
  /** By rank. */
  readonly places: readonly Place[];
  remaining: number;
  running: number;
  ready: number;
  failing: ErrorShape | null;
  /** How a map item ended. */
  end: { readonly kept: boolean; readonly value: Json; readonly error: ErrorShape | null } | null;
}

export function openFrame(
  kind: Frame["kind"],
  list: PlannedList,
  prefix: string,
  order: readonly number[],
  owner: Place | null,
  index: number,
  dead: boolean,
): Frame {
  const places: Place[] = [];
  const frame: Frame = {
    kind,
    list,
    prefix,
    instance: prefix.slice(0, -1),
    owner,
    index,
    dead,
    places,
    remaining: list.nodes.length,
    running: 0,
    ready: 0,
    failing: null,
    end: null,
  };
  for (const planned of list.nodes) {
    places.push({
      planned,
      frame,
      instance: `${prefix}${planned.node.id}`,
      order: [...order, planned.rank],
      status: "waiting",
      waiting: planned.needs.length + (planned.gate === null ? 0 : 1),
      taken: false,
      gateClosed: false,
      denied: false,
      cause: "start",
      attempt: 0,
      retries: 0,
      crashes: 0,
      reason: null,
      error: null,
      value: undefined,
      list: null,
      failed: undefined,
      edges: [],
      arms: [],
      items: [],
      n: 0,
      endedItems: 0,
      activeItems: 0,
      failing: null,
      running: 0,
    });
  }
  return frame;
}

/** True while the outermost map item that a place lies in runs or is about to; false outside every item. */
export function itemGoesOn(place: Place): boolean {
  let item: Frame | null = null;
  for (let frame: Frame | undefined = place.frame; frame; frame = frame.owner?.frame) {
    if (frame.kind === "item") item = frame;
  }
  return item !== null && item.end === null && (item.running > 0 || item.ready > 0);
}
