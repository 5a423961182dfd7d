import type { ErrorShape } from "../protocol/errors.ts";
import type { ParkReason, RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { type Action, deepest, failedOf, failuresOf, handedOver, insertInOrder } from "./action.ts";
import { type Frame, openFrame, type Place, type StartCause } from "./place.ts";
import { type PlannedList, planOf } from "./plan.ts";
import { willRetry } from "./retry.ts";

/** Parks that only an answer ends; the others are left by a resume. */
const asked: ReadonlySet<ParkReason> = new Set(["ask", "budget", "unsafe_unknown"]);

/**
 * `next` of ENGINE E2, kept up to date event by event, so that a step costs the same in a graph of ten and of ten thousand.
 * It decides from applied events alone: the same log gives the same actions after a restart.
 */
export class Schedule {
  readonly plan: PlannedList;
  readonly root: Frame;
  readonly #places = new Map<string, Place>();
  readonly #items = new Map<string, Frame>();
  #due: Action[] = [];
  #dueAt = 0;
  readonly #ready: Place[] = [];
  readonly #maps = new Set<Place>();
  paused: ParkReason | null = null;
  ended = false;
  cancelled = false;

  constructor(ir: Ir) {
    this.plan = planOf(ir);
    this.root = openFrame("root", this.plan, "", [], null, 0, false);
    this.#start(this.root);
  }

  place(instance: string): Place | undefined {
    return this.#places.get(instance);
  }

  places(): Iterable<Place> {
    return this.#places.values();
  }

  /** True when nothing of this place may start any more: something around it has failed, or the run is over. */
  isDoomed(place: Place): boolean {
    if (this.ended || this.cancelled) return true;
    for (let at: Place | null = place; at; at = at.frame.owner) {
      if (at.frame.failing || (at !== place && at.failing)) return true;
    }
    return false;
  }

  /** The next action that fits while at most `width` instances run; null when there is none now. */
  take(width: number): Action | null {
    if (this.ended || this.cancelled || this.paused) return null;
    for (;;) {
      const due = this.#takeDue();
      if (due) return due;
      const map = deepest(this.#maps);
      if (!map) break;
      this.#maps.delete(map);
      this.#admit(map);
    }
    while (this.root.running < width) {
      const place = this.#ready.shift();
      if (!place) return null;
      if (place.status !== "ready" || this.isDoomed(place)) continue;
      return { type: "start", place, cause: place.cause };
    }
    return null;
  }

  /** A retry whose time has come. */
  wake(place: Place): void {
    if (place.status !== "retrying") return;
    this.#setStatus(place, "ready");
    this.#queue(place, "retry");
  }

  /** Folds one event in; `value` is what a step-end's delta refers to. */
  apply(event: RunEvent, value?: Json): void {
    if ("instance" in event) this.#reach(event.instance);
    switch (event.kind) {
      case "run-adopt":
        for (const place of this.#places.values()) {
          if (place.status === "running") this.#unpark(place, "crash", event.why === handedOver ? 0 : 1);
        }
        return;
      case "run-park":
        this.paused = event.reason;
        return;
      case "run-resume":
        this.paused = null;
        for (const place of this.#places.values()) {
          if (place.status === "parked" && place.reason && !asked.has(place.reason)) this.#unpark(place, "resume");
        }
        return;
      case "run-cancel":
        this.cancelled = true;
        return;
      case "run-end":
        this.ended = true;
        return;
      case "step-end":
        this.#stepEnd(event, value);
        return;
      case "step-error":
        this.#stepError(event.instance, event.error);
        return;
    }
    if ("instance" in event) {
      const place = this.#places.get(event.instance);
      if (place) this.#applyTo(place, event);
    }
  }

  #applyTo(place: Place, event: RunEvent): void {
    if (event.kind === "step-start") {
      place.attempt = event.attempt;
      this.#setStatus(place, "running");
    } else if (event.kind === "step-skip") {
      this.#skip(place);
    } else if (event.kind === "step-park") {
      place.reason = event.reason;
      this.#setStatus(place, "parked");
    } else if (event.kind === "step-retry") {
      place.retries += 1;
      this.#due.push({ type: "wait", place, at: event.at });
    } else if (event.kind === "map-open") {
      place.n = event.n;
      this.#setStatus(place, "open");
      this.#maps.add(place);
      if (event.n === 0) this.#due.push({ type: "end-map", place });
    } else if (event.kind === "answer" && place.status === "parked") {
      this.#unpark(place, "answer");
    }
  }

  #unpark(place: Place, cause: StartCause, crashes = 0): void {
    place.crashes = cause === "resume" ? 0 : place.crashes + crashes;
    this.#setStatus(place, "ready");
    this.#queue(place, cause);
  }

  #queue(place: Place, cause: StartCause): void {
    place.cause = cause;
    insertInOrder(this.#ready, place);
  }

  #takeDue(): Action | null {
    for (let action = this.#due[this.#dueAt]; action; action = this.#due[this.#dueAt]) {
      this.#dueAt += 1;
      if (this.#isValid(action)) return action;
    }
    this.#due = [];
    this.#dueAt = 0;
    return null;
  }

  /** An action that an applied event has already answered, or that a failure made pointless, is dropped here. */
  #isValid(action: Action): boolean {
    switch (action.type) {
      case "start":
      case "choose":
      case "open":
        return action.place.status === "ready" && !this.isDoomed(action.place);
      case "wait":
        return action.place.status === "retrying" && !this.isDoomed(action.place);
      case "skip":
        return action.place.status === "dead" && (action.place.frame.dead || !this.isDoomed(action.place));
      case "end-item":
        return this.#mayEnd(action.frame);
      case "end-map":
        return action.place.status === "open" && !this.isDoomed(action.place);
      case "fail": {
        const item = this.#items.get(action.instance);
        if (item) return item.end === null;
        return this.#places.get(action.instance)?.status !== "failed";
      }
      case "end-run":
        return true;
    }
  }

  #mayEnd({ end, owner }: Frame): boolean {
    return end === null && owner !== null && owner.failing === null && !this.isDoomed(owner);
  }

  #start(frame: Frame): void {
    for (const place of frame.places) this.#places.set(place.instance, place);
    if (frame.dead) {
      for (const place of frame.places) this.#die(place);
      return;
    }
    if (frame.remaining === 0) this.#endFrame(frame);
    for (const place of frame.places) if (place.waiting === 0) this.#resolve(place);
  }

  #die(place: Place): void {
    place.status = "dead";
    this.#due.push({ type: "skip", place });
  }

  /** All in-edges are taken or dead. */
  #resolve(place: Place): void {
    if (place.gateClosed || (place.planned.needs.length > 0 && !place.taken)) {
      this.#die(place);
      return;
    }
    this.#setStatus(place, "ready");
    const { kind } = place.planned.node;
    if (kind === "step") this.#queue(place, "start");
    else this.#due.push(kind === "switch" ? { type: "choose", place } : { type: "open", place });
  }

  #end(place: Place, isTaken: boolean): void {
    const { frame, planned } = place;
    frame.remaining -= 1;
    const isOpen = isTaken && place.status === "done" && !place.denied;
    for (const next of planned.gated) {
      const other = frame.places[next.rank];
      if (!other) continue;
      if (!isOpen) other.gateClosed = true;
      other.waiting -= 1;
      if (other.waiting === 0) this.#resolve(other);
    }
    for (const next of planned.dependents) {
      const other = frame.places[next.rank];
      if (!other) continue;
      if (isTaken) other.taken = true;
      other.waiting -= 1;
      if (other.waiting === 0) this.#resolve(other);
    }
    if (frame.remaining === 0) this.#endFrame(frame);
  }

  #endFrame(frame: Frame): void {
    const { owner } = frame;
    if (owner === null) {
      this.#due.push({ type: "end-run", error: null });
    } else if (frame.kind === "item") {
      this.#due.push({ type: "end-item", frame, instance: frame.instance });
    } else {
      owner.status = "done";
      this.#end(owner, true);
    }
  }

  #stepEnd(event: RunEvent & { kind: "step-end" }, value: Json | undefined): void {
    const item = this.#items.get(event.instance);
    if (item) {
      this.#endItem(item, { kept: event.kept ?? true, value: value ?? null, error: null });
      return;
    }
    const place = this.#places.get(event.instance);
    if (!place) return;
    place.attempt = event.attempt;
    place.value = value;
    place.denied = event.denied ?? false;
    if (place.planned.node.kind === "switch") {
      this.#choose(place, event.edges ?? []);
      return;
    }
    this.#setStatus(place, "done");
    if (place.planned.node.kind === "map" && place.planned.node.onItemError === "continue")
      place.failed = failedOf(place);
    this.#dropItems(place);
    this.#end(place, true);
  }

  /** What a map item held is in the map's own list now. */
  #dropItems(place: Place): void {
    for (const frame of place.items) {
      this.#items.delete(frame.instance);
      for (const inner of frame.places) this.#places.delete(inner.instance);
    }
    place.items.length = 0;
  }

  #choose(place: Place, edges: readonly string[]): void {
    this.#setStatus(place, "open");
    place.edges = edges;
    for (const [at, arm] of place.planned.arms.entries()) {
      const prefix = `${place.instance}.${arm.name}/`;
      const frame = openFrame("arm", arm.list, prefix, [...place.order, at], place, at, !edges.includes(arm.name));
      place.arms.push(frame);
      this.#start(frame);
    }
    if (edges.length === 0) {
      place.status = "done";
      this.#end(place, true);
    }
  }

  #skip(place: Place): void {
    this.#setStatus(place, "skipped");
    for (const [at, arm] of place.planned.arms.entries()) {
      const frame = openFrame("arm", arm.list, `${place.instance}.${arm.name}/`, [...place.order, at], place, at, true);
      place.arms.push(frame);
      this.#start(frame);
    }
    if (!place.frame.dead) this.#end(place, false);
  }

  #stepError(instance: string, error: ErrorShape): void {
    const item = this.#items.get(instance);
    if (item) {
      this.#endItem(item, { kept: false, value: null, error });
      return;
    }
    const place = this.#places.get(instance);
    if (!place) return;
    place.error = error;
    if (
      place.planned.node.kind === "step" &&
      !this.isDoomed(place) &&
      willRetry(place.planned.node, error, place.retries)
    ) {
      this.#setStatus(place, "retrying");
      return;
    }
    this.#dropItems(place);
    this.#setStatus(place, "failed");
    if (place.planned.node.onError === "continue" && !place.frame.failing) {
      this.#end(place, true);
      return;
    }
    place.frame.failing ??= error;
    this.#settleFailures(place.frame);
  }

  #endItem(frame: Frame, end: NonNullable<Frame["end"]>): void {
    const map = frame.owner;
    if (frame.end !== null || map === null || map.planned.node.kind !== "map") return;
    frame.end = end;
    map.endedItems += 1;
    if (end.error && map.planned.node.onItemError === "fail") {
      map.failing ??= end.error;
      this.#settleFailures(map.frame, map);
      return;
    }
    this.#maps.add(map);
    if (map.endedItems === map.n) this.#due.push({ type: "end-map", place: map });
  }

  #settleFailures(from: Frame, through: Place | null = null): void {
    this.#due.push(...failuresOf(from, through));
  }

  #admit(map: Place): void {
    const { node, body } = map.planned;
    if (node.kind !== "map" || body === null || map.status !== "open" || map.failing || this.isDoomed(map)) return;
    let active = map.items.filter((frame) => frame.end === null && frame.running + frame.ready > 0).length;
    while (map.items.length < map.n && active < node.width) {
      this.#openItem(map, body);
      active += 1;
    }
  }

  #openItem(map: Place, body: PlannedList): void {
    const index = map.items.length;
    const frame = openFrame("item", body, `${map.instance}[${index}]/`, [...map.order, index], map, index, false);
    map.items.push(frame);
    this.#items.set(frame.instance, frame);
    this.#start(frame);
  }

  /** Opens the map items that an event of the log lies in: they were admitted before it was written. */
  #reach(instance: string): void {
    if (this.#places.has(instance) || this.#items.has(instance)) return;
    for (const found of instance.matchAll(/\[(\d+)\]/g)) {
      const map = this.#places.get(instance.slice(0, found.index));
      const body = map?.planned.body;
      if (!map || !body || map.status !== "open") continue;
      while (map.items.length <= Number(found[1]) && map.items.length < map.n) this.#openItem(map, body);
    }
  }

  #setStatus(place: Place, status: Place["status"]): void {
    const before = place.status;
    place.status = status;
    const running = Number(status === "running") - Number(before === "running");
    const isReady = (value: Place["status"]): number => Number(value === "ready" || value === "retrying");
    const ready = isReady(status) - isReady(before);
    if (running === 0 && ready === 0) return;
    let hasFailing = false;
    for (let frame: Frame | null = place.frame; frame; frame = frame.owner?.frame ?? null) {
      frame.running += running;
      frame.ready += ready;
      if (frame.failing) hasFailing = true;
      const { owner } = frame;
      if (!owner) continue;
      owner.running += running;
      if (owner.failing) hasFailing = true;
      if (frame.kind === "item" && frame.running + frame.ready === 0) this.#maps.add(owner);
    }
    if (hasFailing && running < 0) this.#settleFailures(place.frame);
  }
}
