import type { ParkReason, RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { isAsked } from "../protocol/run.ts";
import { type Action, handedOver } from "./action.ts";
import { Dataflow } from "./dataflow.ts";
import type { Frame, Place, StartCause } from "./place.ts";
import { planOf } from "./plan.ts";

/**
 * `next` of ENGINE E2, kept up to date event by event, so that a step costs the same in a graph of ten and of ten thousand.
 * It decides from applied events alone: the same log gives the same actions after a restart.
 */
export class Schedule {
  readonly #flow: Dataflow;
  paused: ParkReason | null = null;
  ended = false;
  cancelled = false;

  constructor(ir: Ir) {
    this.#flow = new Dataflow(planOf(ir));
  }

  get root(): Frame {
    return this.#flow.root;
  }

  place(instance: string): Place | undefined {
    return this.#flow.place(instance);
  }

  places(): Iterable<Place> {
    return this.#flow.places();
  }

  /** True when nothing of this place may start any more: something around it has failed, or the run is over. */
  isDoomed(place: Place): boolean {
    return this.#flow.isDoomed(place);
  }

  /**
   * The next action that fits while at most `width` instances run; null when there is none now. A start is given again until
   * an event is applied that says what became of it.
   */
  take(width: number): Action | null {
    if (this.ended || this.cancelled || this.paused) return null;
    const { agenda } = this.#flow;
    for (;;) {
      const due = agenda.takeDue((action) => this.#flow.holds(action));
      if (due) return due;
      const map = agenda.takeMap();
      if (!map) break;
      this.#flow.admit(map);
    }
    if (this.root.running >= width) return null;
    const place = this.#nextReady();
    return place && { type: "start", place, cause: place.cause };
  }

  /** True when a step could start if there were room. */
  get isReady(): boolean {
    return !this.ended && !this.cancelled && !this.paused && this.#nextReady() !== null;
  }

  #nextReady(): Place | null {
    return this.#flow.agenda.nextReady((ready) => ready.status === "ready" && !this.isDoomed(ready));
  }

  /** A retry whose time has come. */
  wake(place: Place): void {
    if (place.status === "retrying") this.#flow.ready(place, "retry");
  }

  /** Folds one event in; `value` is what a step-end's delta refers to. */
  apply(event: RunEvent, value?: Json): void {
    switch (event.kind) {
      case "run-adopt":
        for (const place of this.places()) {
          if (place.status === "running") this.#unpark(place, "crash", event.why === handedOver ? 0 : 1);
        }
        return;
      case "run-park":
        this.paused = event.reason;
        return;
      case "run-resume":
        this.paused = null;
        for (const place of this.places()) {
          if (place.status === "parked" && !isAsked(place.reason)) this.#unpark(place, "resume");
        }
        return;
      case "run-cancel":
        this.cancelled = true;
        this.#flow.isOver = true;
        return;
      case "run-end":
        this.ended = true;
        this.#flow.isOver = true;
        return;
    }
    if (!("instance" in event)) return;
    this.#flow.reach(event.instance);
    const item = this.#flow.item(event.instance);
    const place = this.place(event.instance);
    if (item) this.#applyToItem(item, event, value);
    else if (place) this.#applyToPlace(place, event, value);
  }

  #applyToItem(item: Frame, event: RunEvent, value: Json | undefined): void {
    if (event.kind === "step-end") {
      this.#flow.endItem(item, { kept: event.kept ?? true, value: value ?? null, error: null });
    } else if (event.kind === "step-error") {
      this.#flow.endItem(item, { kept: false, value: null, error: event.error });
    }
  }

  #applyToPlace(place: Place, event: RunEvent, value: Json | undefined): void {
    switch (event.kind) {
      case "step-start":
        place.attempt = event.attempt;
        this.#flow.setStatus(place, "running");
        return;
      case "step-end":
        place.attempt = event.attempt;
        place.value = value;
        place.denied = event.denied ?? false;
        if (place.planned.node.kind === "switch") this.#flow.choose(place, event.edges ?? []);
        else this.#flow.done(place);
        return;
      case "step-error":
        this.#flow.fail(place, event.error);
        return;
      case "step-skip":
        this.#flow.skip(place);
        return;
      case "step-park":
        place.reason = event.reason;
        this.#flow.setStatus(place, "parked");
        return;
      case "step-retry":
        place.retries += 1;
        this.#flow.agenda.add({ type: "wait", place, at: event.at });
        return;
      case "map-open":
        this.#flow.openMap(place, event.n);
        return;
      case "answer":
        if (place.status === "parked") this.#unpark(place, "answer");
        return;
    }
  }

  #unpark(place: Place, cause: StartCause, crashes = 0): void {
    place.crashes = cause === "resume" ? 0 : place.crashes + crashes;
    this.#flow.ready(place, cause);
  }
}
