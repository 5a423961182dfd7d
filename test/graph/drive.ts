import assert from "node:assert/strict";
import type { Action } from "../../sidecar/graph/action.ts";
import { Schedule } from "../../sidecar/graph/schedule.ts";
import type { DurableBody, RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir } from "../../sidecar/protocol/ir.ts";
import type { Json } from "../../sidecar/protocol/json.ts";
import { isApprove } from "./oracle.ts";

export interface Driven {
  readonly schedule: Schedule;
  readonly events: readonly RunEvent[];
  readonly running: ReadonlySet<string>;
  readonly parked: ReadonlySet<string>;
}

/** A number that depends on nothing but a text and a seed. */
export const dice = (text: string, seed: number): number => {
  let hash = seed | 0;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return Math.abs(hash ^ (hash >>> 13));
};

interface Plan {
  /** Chooses arms, list lengths and values: the same for every order. */
  readonly seed: number;
  /** Which of the running steps ends next. */
  readonly order: readonly number[];
  readonly width?: number;
  /** How often a step fails before it ends. */
  readonly failures?: (instance: string) => number;
  readonly look?: (driven: Driven) => void;
  /** What was recorded before a crash. */
  readonly log?: readonly RunEvent[];
  /** Sees each action that the schedule gives, before it is answered. */
  readonly took?: (action: Action, at: number) => void;
}

/** Stands in for the executor: answers what the schedule wants, and ends what runs in the order of the plan. */
class Driver {
  readonly schedule: Schedule;
  readonly events: RunEvent[];
  readonly running = new Set<string>();
  readonly parked = new Set<string>();
  readonly #plan: Plan;

  constructor(ir: Ir, plan: Plan) {
    this.#plan = plan;
    this.events = [...(plan.log ?? [])];
    this.schedule = foldAll(ir, this.events);
    for (const { instance, status } of this.schedule.places()) if (status === "parked") this.parked.add(instance);
    if (this.events.length > 0 && !this.schedule.ended) this.#push({ kind: "run-adopt", why: "A crash." });
  }

  #push(body: DurableBody, value?: Json): void {
    const event: RunEvent = { run: "run_1", seq: this.events.length + 1, at: 0, epoch: 1, ...body };
    this.events.push(event);
    this.schedule.apply(event, value);
  }

  #end(instance: string, attempt: number, value: Json, more: { readonly denied?: boolean } = {}): void {
    this.#push({ kind: "step-end", instance, attempt, ms: 0, delta: { inline: value }, ...more }, value);
  }

  /** Takes and answers every action that there is now. */
  decide(): void {
    const { width = 1000, took } = this.#plan;
    for (let action = this.schedule.take(width); action; action = this.schedule.take(width)) {
      took?.(action, this.events.length);
      this.#act(action);
    }
  }

  #act(action: Action): void {
    switch (action.type) {
      case "start": {
        const { instance, attempt } = action.place;
        this.running.add(instance);
        this.#push({ kind: "step-start", instance, attempt: attempt + 1, cause: action.cause });
        return;
      }
      case "skip":
        this.#push({ kind: "step-skip", instance: action.place.instance });
        return;
      case "wait":
        this.schedule.wake(action.place);
        return;
      case "choose": {
        const { instance } = action.place;
        const arm = ["then", "else", null][dice(instance, this.#plan.seed) % 3];
        this.#push({ kind: "step-end", instance, attempt: 1, ms: 0, edges: arm ? [arm] : [] });
        return;
      }
      case "open": {
        const { instance } = action.place;
        this.#push({ kind: "map-open", instance, n: dice(instance, this.#plan.seed) % 4 });
        return;
      }
      case "end-item":
        this.#end(action.instance, 1, action.instance);
        return;
      case "end-map":
        this.#end(
          action.place.instance,
          1,
          action.place.items.map(({ end }) => end?.value ?? null),
        );
        return;
      case "fail":
        this.#push({ kind: "step-error", instance: action.instance, attempt: 1, ms: 0, error: action.error });
        return;
      case "end-run":
        if (action.error) this.#push({ kind: "run-end", status: "failed", error: action.error });
        else this.#push({ kind: "run-end", status: "succeeded" });
        return;
    }
  }

  /** Moves one instance on: a parked one is answered, an approve that was not asked yet parks, any other fails or ends. */
  move(turn: number): void {
    const { order, seed, failures } = this.#plan;
    const all = [...this.running, ...this.parked].sort();
    const instance = all[(order[turn % order.length] ?? 0) % all.length] ?? "";
    if (this.parked.delete(instance)) {
      this.#push({ kind: "answer", instance, op: 0, ask: `ask_${instance}`, by: "me", door: "test", value: true });
      return;
    }
    this.running.delete(instance);
    const place = this.schedule.place(instance);
    if (!place) return;
    const { attempt } = place;
    if (place.retries < (failures?.(instance) ?? 0)) {
      const error = { code: "step_failed", message: "no", retryable: false } as const;
      this.#push({ kind: "step-error", instance, attempt, ms: 0, error });
      if (place.status === "retrying") this.#push({ kind: "step-retry", instance, attempt, at: 0 });
    } else if (!isApprove(place.planned.node)) {
      this.#end(instance, attempt, dice(instance, seed));
    } else if (place.cause === "answer") {
      const denied = dice(instance, seed) % 3 === 0;
      this.#end(instance, attempt, !denied, denied ? { denied } : {});
    } else {
      this.parked.add(instance);
      this.#push({ kind: "step-park", instance, reason: "ask", detail: "Go on?" });
    }
  }
}

export function drive(ir: Ir, plan: Plan): Driven {
  const driver = new Driver(ir, plan);
  for (let turn = 0; turn < 5000; turn += 1) {
    driver.decide();
    plan.look?.(driver);
    if (driver.schedule.ended || driver.running.size + driver.parked.size === 0) return driver;
    driver.move(turn);
  }
  return assert.fail("the run does not end");
}

/** The schedule as a restart finds it: nothing but the log. */
export function foldAll(ir: Ir, events: readonly RunEvent[]): Schedule {
  const schedule = new Schedule(ir);
  for (const event of events) {
    const value = event.kind === "step-end" && event.delta && "inline" in event.delta ? event.delta.inline : undefined;
    schedule.apply(event, value);
  }
  return schedule;
}
