import type { ErrorShape } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import { type Action, failedOf, failuresOf } from "./action.ts";
import { Agenda } from "./agenda.ts";
import { type Frame, openFrame, type Place, type StartCause } from "./place.ts";
import type { PlannedList } from "./plan.ts";
import { willRetry } from "./retry.ts";

/**
 * The places of a running workflow and the edges between them (ENGINE E2): a place resolves once all its in-edges are taken or
 * dead, a dead one is skipped and kills its own out-edges, and a failure moves outward once nothing runs inside it.
 */
export class Dataflow {
  readonly root: Frame;
  readonly agenda = new Agenda();
  readonly #places = new Map<string, Place>();
  readonly #items = new Map<string, Frame>();
  /** The run has ended or was cancelled: nothing starts any more. */
  isOver = false;

  constructor(plan: PlannedList) {
    this.root = openFrame("root", plan, "", [], null, 0, false);
    this.#start(this.root);
  }

  place(instance: string): Place | undefined {
    return this.#places.get(instance);
  }

  places(): Iterable<Place> {
    return this.#places.values();
  }

  item(instance: string): Frame | undefined {
    return this.#items.get(instance);
  }

  /** True when nothing of this place may start any more: something around it has failed, or the run is over. */
  isDoomed(place: Place): boolean {
    if (this.isOver) return true;
    for (let at: Place | null = place; at; at = at.frame.owner) {
      if (at.frame.failing || (at !== place && at.failing)) return true;
    }
    return false;
  }

  /** False for an action that an applied event has already answered, or that a failure made pointless. */
  holds(action: Action): boolean {
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
        return this.#places.get(action.instance)?.status === "open";
      }
      case "end-run":
        return true;
    }
  }

  #mayEnd({ end, owner }: Frame): boolean {
    return end === null && owner !== null && owner.failing === null && !this.isDoomed(owner);
  }

  // ---- a list begins, its places resolve and end -----------------------------------------------------------------------

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
    this.agenda.add({ type: "skip", place });
  }

  /** All in-edges are taken or dead. */
  #resolve(place: Place): void {
    if (place.gateClosed || (place.planned.needs.length > 0 && !place.taken)) {
      this.#die(place);
      return;
    }
    const { kind } = place.planned.node;
    if (kind === "step") {
      this.ready(place, "start");
      return;
    }
    this.setStatus(place, "ready");
    this.agenda.add(kind === "switch" ? { type: "choose", place } : { type: "open", place });
  }

  /** The place may start, for the first time or again. */
  ready(place: Place, cause: StartCause): void {
    this.setStatus(place, "ready");
    place.cause = cause;
    this.agenda.addReady(place);
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
      this.agenda.add({ type: "end-run", error: null });
    } else if (frame.kind === "item") {
      this.agenda.add({ type: "end-item", frame, instance: frame.instance });
    } else {
      owner.status = "done";
      this.#end(owner, true);
    }
  }

  /** A step or a map is done. */
  done(place: Place): void {
    const { node } = place.planned;
    this.setStatus(place, "done");
    if (node.kind === "map" && node.onItemError === "continue") place.failed = failedOf(place);
    this.#dropItems(place);
    this.#end(place, true);
  }

  // ---- arms of a switch ------------------------------------------------------------------------------------------------

  /** Opens the arms that were taken and kills the others. */
  choose(place: Place, edges: readonly string[]): void {
    this.setStatus(place, "open");
    place.edges = edges;
    this.#openArms(place, edges);
    if (edges.length === 0) {
      place.status = "done";
      this.#end(place, true);
    }
  }

  skip(place: Place): void {
    this.setStatus(place, "skipped");
    this.#openArms(place, []);
    if (!place.frame.dead) this.#end(place, false);
  }

  #openArms(place: Place, taken: readonly string[]): void {
    for (const [at, arm] of place.planned.arms.entries()) {
      const prefix = `${place.instance}.${arm.name}/`;
      const frame = openFrame("arm", arm.list, prefix, [...place.order, at], place, at, !taken.includes(arm.name));
      place.arms.push(frame);
      this.#start(frame);
    }
  }

  // ---- items of a map --------------------------------------------------------------------------------------------------

  openMap(place: Place, n: number): void {
    place.n = n;
    this.setStatus(place, "open");
    this.agenda.addMap(place);
    if (n === 0) this.agenda.add({ type: "end-map", place });
  }

  /** Opens as many items as may be under way at once. */
  admit(map: Place): void {
    const { node, body } = map.planned;
    if (node.kind !== "map" || body === null || map.status !== "open" || map.failing || this.isDoomed(map)) return;
    let room = node.width - map.activeItems;
    while (map.items.length < map.n && room > 0) {
      this.#openItem(map, body);
      room -= 1;
    }
  }

  /** Opens the items that an instance of the log lies in: they were admitted before it was written. */
  reach(instance: string): void {
    if (this.#places.has(instance) || this.#items.has(instance)) return;
    for (const found of instance.matchAll(/\[(\d+)\]/g)) {
      const map = this.#places.get(instance.slice(0, found.index));
      const body = map?.planned.body;
      if (!map || !body || map.status !== "open") continue;
      while (map.items.length <= Number(found[1]) && map.items.length < map.n) this.#openItem(map, body);
    }
  }

  #openItem(map: Place, body: PlannedList): void {
    const index = map.items.length;
    const frame = openFrame("item", body, `${map.instance}[${index}]/`, [...map.order, index], map, index, false);
    map.items.push(frame);
    this.#items.set(frame.instance, frame);
    this.#start(frame);
  }

  endItem(
    frame: Frame,
    end: { readonly kept: boolean; readonly value: Json; readonly error: ErrorShape | null },
  ): void {
    const map = frame.owner;
    if (frame.end !== null || map === null || map.planned.node.kind !== "map") return;
    if (isActive(frame)) map.activeItems -= 1;
    frame.end = end;
    map.endedItems += 1;
    if (end.error && map.planned.node.onItemError === "fail") {
      map.failing ??= end.error;
      this.agenda.add(...failuresOf(map.frame, map));
      return;
    }
    this.agenda.addMap(map);
    if (map.endedItems === map.n) this.agenda.add({ type: "end-map", place: map });
  }

  /** What a map item held is in the map's own list now. */
  #dropItems(place: Place): void {
    for (const frame of place.items) {
      this.#items.delete(frame.instance);
      for (const inner of frame.places) this.#places.delete(inner.instance);
    }
    place.items.length = 0;
  }

  // ---- failures and counts ---------------------------------------------------------------------------------------------

  fail(place: Place, error: ErrorShape): void {
    const { node } = place.planned;
    place.error = error;
    if (node.kind === "step" && !this.isDoomed(place) && willRetry(node, error, place.retries)) {
      this.setStatus(place, "retrying");
      return;
    }
    this.#dropItems(place);
    this.setStatus(place, "failed");
    if (node.onError === "continue" && !place.frame.failing) {
      this.#end(place, true);
      return;
    }
    place.frame.failing ??= error;
    this.agenda.add(...failuresOf(place.frame, null));
  }

  /** Keeps the counts of what runs and is ready inside every list and map around the place. */
  setStatus(place: Place, status: Place["status"]): void {
    const before = place.status;
    place.status = status;
    const running = Number(status === "running") - Number(before === "running");
    const ready = readiness(status) - readiness(before);
    if (running === 0 && ready === 0) return;
    let hasFailing = false;
    for (let frame: Frame | null = place.frame; frame; frame = frame.owner?.frame ?? null) {
      const wasActive = isActive(frame);
      frame.running += running;
      frame.ready += ready;
      if (frame.failing) hasFailing = true;
      const { owner } = frame;
      if (!owner) continue;
      owner.running += running;
      if (owner.failing) hasFailing = true;
      if (frame.kind !== "item") continue;
      owner.activeItems += Number(isActive(frame)) - Number(wasActive);
      if (frame.running + frame.ready === 0) this.agenda.addMap(owner);
    }
    if (hasFailing && running < 0) this.agenda.add(...failuresOf(place.frame, null));
  }
}

const readiness = (status: Place["status"]): number => Number(status === "ready" || status === "retrying");

const isActive = (frame: Frame): boolean => frame.end === null && frame.running + frame.ready > 0;
