import { type Action, handedOver } from "../graph/action.ts";
import type { Parse } from "../graph/expression.ts";
import type { Place } from "../graph/place.ts";
import { evaluateWith } from "../graph/template.ts";
import { scopeOf } from "../graph/view.ts";
import type { StepResult } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, EphemeralBody, RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { freezeDeep, toJson } from "../state/codec.ts";
import { admit } from "./admission.ts";
import { Attempt, type Outcome } from "./attempt.ts";
import { createContext } from "./context.ts";
import { createDecisions, type Decisions } from "./decide.ts";
import { failureBodies } from "./failure.ts";
import type { GenerationSink } from "./generation.ts";
import { createJournal, type Journal } from "./journal.ts";
import { loadRef } from "./load-ref.ts";
import { applyToRecord, type RunRecord } from "./record.ts";
import type { EnginePorts, OperationScope, RunInfo } from "./scope.ts";
import type { Slots } from "./slots.ts";

export interface ExecutorOptions {
  readonly ports: EnginePorts;
  readonly info: RunInfo;
  readonly ir: Ir;
  readonly record: RunRecord;
  readonly head: number;
  readonly width: number;
  readonly slots: Slots;
  readonly parse: Parse;
  onDurable(event: RunEvent): void;
  onLive(body: EphemeralBody): void;
  /** Called when nothing runs any more: ended, parked, dropped or refused by the disk. */
  onIdle(error: PodiumError | null): void;
}

/** Acts on what the schedule says, for one run, until the run ends or nothing but waiting is left. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly journal: Journal;
  readonly generations = new Set<GenerationSink>();
  readonly #attempts = new Set<Attempt>();
  /** Ends the waits for retries; made by the first of them. */
  #timers: AbortController | null = null;
  readonly #scope: OperationScope;
  readonly #decisions: Decisions;
  /** The value that the next appended step-end carries, so that it need not be read back. */
  #delta: Json | undefined;
  #waits = 0;
  #isDraining = false;
  /** True once this executor does nothing more; its run may be loaded again. */
  isIdle = false;
  #cancel: { readonly done: Promise<void>; readonly end: () => void } | null = null;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    const { ports, info, record } = options;
    this.journal = createJournal(
      ports,
      info.run,
      options.head,
      (event) => {
        applyToRecord(record, event, event.kind === "step-end" ? this.#delta : undefined);
        this.#delta = undefined;
      },
      (event) => options.onDurable(event),
    );
    this.#decisions = createDecisions({ ...options, refOf: this.journal.refOf });
    this.#scope = {
      ports,
      info,
      record,
      journal: this.journal,
      generations: this.generations,
      live: (body) => options.onLive(body),
      load: (ref) => loadRef(ports, ref),
    };
  }

  /** Appends `bodies` and goes on with whatever they made possible, in the same commit. */
  begin(bodies: readonly DurableBody[]): Promise<void> {
    return this.#advance(bodies);
  }

  /** Puts a run away that was only looked at. */
  rest(): void {
    this.#settle();
  }

  /** Hands an answer to the step whose promise waits for it, if there is one. */
  release(ask: string, value: Json): void {
    for (const attempt of this.#attempts) attempt.release(ask, value);
  }

  /** Aborts all that runs, waits for effects to settle, and ends the run as cancelled. */
  cancel(by: string): Promise<void> {
    if (this.#cancel) return this.#cancel.done;
    let end = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#cancel = { done, end };
    this.journal.ride({ kind: "run-cancel", by });
    this.#abort(new PodiumError("cancelled", `The run was cancelled by ${by}.`));
    this.#settle();
    return done;
  }

  /** Admits no new operation; `now` aborts the ones in flight. What was dropped runs again at the next start. */
  drain(now: boolean): void {
    this.#isDraining = true;
    this.#timers?.abort();
    if (now) this.#abort(new PodiumError("cancelled", "Podium stops."));
    for (const attempt of [...this.#attempts]) {
      const notes = this.#options.record.notes.get(attempt.place.instance);
      const isBusy = [...(notes?.ops.values() ?? [])].some((op) => op.status === "open" && op.kind !== "ask");
      if (isBusy) continue;
      this.#release(attempt);
      attempt.drop();
    }
    this.#settle();
  }

  #abort(reason: PodiumError): void {
    for (const attempt of this.#attempts) attempt.abort(reason);
  }

  /** Pushes the events, takes every action that follows from them, commits once, then starts the steps. */
  async #advance(bodies: readonly DurableBody[]): Promise<void> {
    const starts: Attempt[] = [];
    for (const body of bodies) this.journal.ride(body);
    try {
      for (let action = this.#take(); action; action = this.#take()) {
        this.#act(action, starts);
        this.#abortDoomed();
      }
      this.#abortDoomed();
      for (const attempt of starts) this.#register(attempt);
      await this.journal.commit([]);
    } catch (error) {
      this.#fail(toPodiumError(error, "storage"));
      return;
    }
    for (const attempt of starts) void this.#run(attempt);
    this.#settle();
  }

  #take(): Action | null {
    if (this.#isDraining || this.#cancel) return null;
    const { record, width, slots } = this.#options;
    const { schedule } = record;
    const action = schedule.take(Math.min(width, schedule.root.running + slots.free));
    if (action === null && this.#isCrowdedOut()) slots.wait(this.#wake);
    return action;
  }

  /** True when a step could start, were it not for the other runs of this hub. */
  #isCrowdedOut(): boolean {
    const { record, width, slots } = this.#options;
    return slots.free <= 0 && record.schedule.root.running < width && record.schedule.isReady;
  }

  readonly #wake = (): void => void this.#advance([]);

  #act(action: Action, starts: Attempt[]): void {
    if (action.type === "start") {
      const attempt = this.#admit(action);
      if (attempt) starts.push(attempt);
    } else if (action.type === "wait") {
      this.#wait(action.place, action.at);
    } else if (action.type === "end-run") {
      this.journal.ride(this.#decisions.endRun(action.error));
    } else {
      const { bodies, value } = this.#decisions.bodiesOf(action);
      this.#delta = value;
      for (const body of bodies) this.journal.ride(body);
    }
  }

  #admit({ place, cause }: Action & { type: "start" }): Attempt | null {
    const admitted = admit(this.#options, place, cause);
    if (admitted.type === "park") {
      for (const body of admitted.bodies) this.journal.ride(body);
      return null;
    }
    const { step, attempt } = admitted;
    this.#options.slots.take();
    this.journal.ride({ kind: "step-start", instance: place.instance, attempt, cause });
    return new Attempt({
      clock: this.#options.ports.clock,
      place,
      step,
      attempt,
      cause,
      isDraining: () => this.#isDraining,
      ride: (body) => this.journal.ride(body),
    });
  }

  #register(attempt: Attempt): void {
    this.#attempts.add(attempt);
    if (this.#cancel) attempt.abort(new PodiumError("cancelled", "The run was cancelled."));
  }

  /** False when the attempt was given up before. */
  #release(attempt: Attempt): boolean {
    if (!this.#attempts.delete(attempt)) return false;
    this.#options.slots.give(1);
    return true;
  }

  #abortDoomed(): void {
    const { schedule } = this.#options.record;
    for (const attempt of this.#attempts) {
      if (attempt.isAborted || !schedule.isDoomed(attempt.place)) continue;
      attempt.abort(new PodiumError("cancelled", "A step beside this one failed."));
    }
  }

  #wait(place: Place, at: number): void {
    const { clock } = this.#options.ports;
    this.#waits += 1;
    this.#timers ??= new AbortController();
    const { signal } = this.#timers;
    const wake = async (): Promise<void> => {
      await clock.sleep(Math.max(0, at - clock.now()), signal);
      this.#waits -= 1;
      this.#options.record.schedule.wake(place);
      await this.#advance([]);
    };
    wake().catch(() => {
      this.#waits -= 1;
      this.#settle();
    });
  }

  async #run(attempt: Attempt): Promise<void> {
    const { node } = attempt.place.planned;
    const outcome = await attempt.run(() => this.#invoke(attempt), node.timeoutMs);
    // A drained or failed executor has given the attempt up: its step runs again at the next start.
    if (!this.#release(attempt)) return;
    const bodies = this.#bodiesOf(attempt, outcome);
    if (bodies === null) this.#settle();
    else await this.#advance(bodies);
  }

  /** Begins once discovery has looked, so that no step takes an early look for a machine without models. */
  async #invoke(attempt: Attempt): Promise<StepResult> {
    const { ports, info, parse } = this.#options;
    const { place, step } = attempt;
    const { node } = place.planned;
    if (node.kind !== "step") throw new PodiumError("internal", `${place.instance} is not a step.`);
    this.#decisions.restoreLists(place.frame);
    const inputs = evaluateWith(node.with, scopeOf(place, info.input), parse);
    await ports.models.ready(this.#options.info.settings);
    if (attempt.isClosed()) return new Promise<never>(() => undefined);
    const result = await step.run({ with: inputs, config: node.config }, createContext(this.#scope, attempt));
    return { ...result, value: toJson(result.value) };
  }

  /** What the log says of an attempt's end; null = nothing, it was given up. */
  #bodiesOf(attempt: Attempt, outcome: Outcome): readonly DurableBody[] | null {
    switch (outcome.type) {
      case "done":
        return this.#endOf(attempt, outcome.result);
      case "parked":
        return outcome.bodies;
      case "dropped":
        return null;
      case "failed": {
        if (this.#isDraining) return null;
        const { ports, info, record } = this.#options;
        return failureBodies({ ports, info, record, attempt, error: outcome.error });
      }
    }
  }

  #endOf({ place, attempt, ms, degraded }: Attempt, { value, denied }: StepResult): readonly DurableBody[] {
    const { instance, planned } = place;
    this.#delta = freezeDeep(value);
    const end: DurableBody = {
      kind: "step-end",
      instance,
      attempt,
      ms,
      ...(denied ? { denied: true } : {}),
      ...(degraded ? { degraded: true } : {}),
      delta: this.journal.refOf(value),
    };
    const { node } = planned;
    if (node.kind !== "step" || node.emit === undefined) return [end];
    return [end, { kind: "signal", instance, name: node.emit, value }];
  }

  #fail(error: PodiumError): void {
    if (this.isIdle) return;
    this.isIdle = true;
    this.#isDraining = true;
    this.#timers?.abort();
    this.#abort(error);
    this.#options.slots.give(this.#attempts.size);
    this.#attempts.clear();
    this.journal.drop();
    this.#cancel?.end();
    this.#options.onIdle(error);
  }

  /** Nothing runs: ends a cancelled run, or hands the run back as ended, parked or drained. */
  #settle(): void {
    if (this.isIdle || this.#attempts.size > 0) return;
    const { schedule } = this.#options.record;
    if (this.#cancel && !schedule.ended) {
      this.journal.commit([{ kind: "run-end", status: "cancelled" }]).then(
        () => this.#settle(),
        (error: unknown) => this.#fail(toPodiumError(error, "storage")),
      );
      return;
    }
    if (!schedule.ended && !this.#isDraining && (this.#waits > 0 || this.#isCrowdedOut())) return;
    if (this.#isDraining && schedule.root.running > 0) this.journal.ride({ kind: "run-adopt", why: handedOver });
    this.isIdle = true;
    this.#timers?.abort();
    this.journal.flush().then(
      () => {
        this.#cancel?.end();
        this.#options.onIdle(null);
      },
      (error: unknown) => this.#options.onIdle(toPodiumError(error, "storage")),
    );
  }
}
