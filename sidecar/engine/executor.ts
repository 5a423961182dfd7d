import { type Action, handedOver } from "../graph/action.ts";
import type { Parse } from "../graph/expression.ts";
import type { Place, StartCause } from "../graph/place.ts";
import { evaluateWith } from "../graph/template.ts";
import { scopeOf } from "../graph/view.ts";
import type { StepResult } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, EphemeralBody, RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { freezeDeep, toJson } from "../state/codec.ts";
import { armTimeout, untilAborted, whenReady } from "./abort.ts";
import { createDecisions, type Decisions } from "./decide.ts";
import { failureBodies } from "./failure.ts";
import type { GenerationSink } from "./generation.ts";
import { createJournal, type Journal } from "./journal.ts";
import { loadRef } from "./load-ref.ts";
import { createContext } from "./operations.ts";
import { applyToRecord, type RunRecord } from "./record.ts";
import type { EnginePorts, Invocation, OperationScope, RunInfo } from "./scope.ts";
import { unknownOutcome } from "./unknown.ts";

/** Crashes in a row after which an instance is not started again by itself. */
const crashLimit = 3;

export interface ExecutorOptions {
  readonly ports: EnginePorts;
  readonly info: RunInfo;
  readonly ir: Ir;
  readonly record: RunRecord;
  readonly head: number;
  readonly width: number;
  readonly parse: Parse;
  onDurable(event: RunEvent): void;
  onLive(body: EphemeralBody): void;
  /** Called when nothing runs any more: ended, parked, dropped or refused by the disk. */
  onIdle(error: PodiumError | null): void;
}

interface Running {
  readonly controller: AbortController;
  readonly place: Place;
}

/** Acts on what the schedule says, for one run, until the run ends or nothing but waiting is left. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly journal: Journal;
  readonly generations = new Set<GenerationSink>();
  readonly #running = new Set<Running>();
  readonly #held = new Map<string, (value: Json) => void>();
  readonly #timers = new AbortController();
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
    return this.#advance(bodies, "synced");
  }

  /** Puts a run away that was only looked at. */
  rest(): void {
    this.#settle();
  }

  /** True while the promise of a step waits for this ask. */
  holds(ask: string): boolean {
    return this.#held.has(ask);
  }

  release(ask: string, value: Json): void {
    this.#held.get(ask)?.(value);
    this.#held.delete(ask);
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
    this.#abort(() => true, new PodiumError("cancelled", `The run was cancelled by ${by}.`));
    this.#settle();
    return done;
  }

  /** Admits no new operation; `now` aborts the ones in flight. What was dropped runs again at the next start. */
  drain(now: boolean): void {
    this.#isDraining = true;
    this.#timers.abort();
    if (now) this.#abort(() => true, new PodiumError("cancelled", "The hub stops."));
    for (const running of [...this.#running]) {
      const notes = this.#options.record.notes.get(running.place.instance);
      const isBusy = [...(notes?.ops.values() ?? [])].some((op) => op.status === "open" && op.kind !== "ask");
      if (!isBusy) this.#running.delete(running);
    }
    this.#settle();
  }

  #abort(which: (place: Place) => boolean, reason: PodiumError): void {
    for (const { controller, place } of this.#running) {
      if (!controller.signal.aborted && which(place)) controller.abort(reason);
    }
  }

  /** Pushes the events, takes every action that follows from them, commits once, then starts the steps. */
  async #advance(bodies: readonly DurableBody[], durability: "synced" | "written"): Promise<void> {
    const starts: { readonly place: Place; readonly cause: StartCause; readonly attempt: number }[] = [];
    let isSynced = durability === "synced";
    for (const body of bodies) this.#append(body);
    try {
      for (let action = this.#take(); action; action = this.#take()) {
        if (action.type === "start") {
          const started = this.#startOf(action.place, action.cause);
          if (started) starts.push(started);
        } else if (action.type === "wait") {
          this.#wait(action.place, action.at);
        } else if (action.type === "end-run") {
          isSynced = true;
          this.#append(this.#decisions.endRun(action.error));
        } else {
          const { bodies: made, value } = this.#decisions.bodiesOf(action);
          this.#delta = value;
          for (const body of made) this.#append(body);
        }
        this.#abortDoomed();
      }
      this.#abortDoomed();
      for (const start of starts) this.#register(start.place);
      await this.journal.commit([], isSynced ? "synced" : "written");
    } catch (error) {
      this.#fail(toPodiumError(error, "storage"));
      return;
    }
    for (const start of starts) this.#launch(start.place, start.cause, start.attempt);
    this.#settle();
  }

  readonly #controllers = new Map<Place, Running>();

  #register(place: Place): void {
    const running = { controller: new AbortController(), place };
    this.#controllers.set(place, running);
    this.#running.add(running);
    if (this.#cancel) running.controller.abort(new PodiumError("cancelled", "The run was cancelled."));
  }

  #take(): Action | null {
    if (this.#isDraining || this.#cancel) return null;
    return this.#options.record.schedule.take(this.#options.width);
  }

  #append(body: DurableBody): void {
    this.journal.ride(body);
  }

  #end(body: DurableBody & { kind: "step-end" }, value: Json): void {
    this.#delta = freezeDeep(value);
    this.#append({ ...body, delta: this.journal.refOf(value) });
  }

  #startOf(place: Place, cause: StartCause): { place: Place; cause: StartCause; attempt: number } | null {
    const { instance } = place;
    const { node } = place.planned;
    const step = node.kind === "step" ? this.#options.ports.steps.get(node.step) : undefined;
    const attempt = place.attempt + 1;
    const started: DurableBody = { kind: "step-start", instance, attempt, cause };
    if (!step) {
      const detail = `There is no step ${node.kind === "step" ? node.step : node.kind} here; update Podium or the workflow.`;
      this.#append({ kind: "step-park", instance, reason: "definition_missing", detail });
      return null;
    }
    if (cause === "crash") {
      if (place.crashes >= crashLimit) {
        const detail = `Podium stopped ${crashLimit} times in a row while this step ran; look at its log, then resume.`;
        this.#append({ kind: "step-park", instance, reason: "crash_loop", detail });
        return null;
      }
      const unknown = unknownOutcome(this.#options, instance, step);
      if (unknown) {
        for (const body of unknown) this.#append(body);
        return null;
      }
    }
    this.#append(started);
    return { place, cause, attempt };
  }

  #abortDoomed(): void {
    const { schedule } = this.#options.record;
    if (this.#running.size === 0) return;
    const reason = new PodiumError("cancelled", "A step beside this one failed.");
    this.#abort((place) => schedule.isDoomed(place), reason);
  }

  #wait(place: Place, at: number): void {
    const { clock } = this.#options.ports;
    this.#waits += 1;
    const wake = async (): Promise<void> => {
      await clock.sleep(Math.max(0, at - clock.now()), this.#timers.signal);
      this.#waits -= 1;
      this.#options.record.schedule.wake(place);
      await this.#advance([], "written");
    };
    wake().catch(() => {
      this.#waits -= 1;
      this.#settle();
    });
  }

  #launch(place: Place, cause: StartCause, attempt: number): void {
    const running = this.#controllers.get(place);
    this.#controllers.delete(place);
    if (running) void this.#invoke(running, cause, attempt);
  }

  async #invoke(running: Running, cause: StartCause, attempt: number): Promise<void> {
    const { place, controller } = running;
    const { ports, info, parse } = this.#options;
    const { node } = place.planned;
    const step = node.kind === "step" ? ports.steps.get(node.step) : undefined;
    if (!step || node.kind !== "step") return;
    const began = ports.clock.monotonic();
    const ended = new AbortController();
    let isDropped = false;
    let drop: () => void = () => undefined;
    const dropped = new Promise<"dropped">((resolve) => {
      drop = () => {
        isDropped = true;
        resolve("dropped");
      };
    });
    const invocation: Invocation = {
      place,
      attempt,
      cause,
      effect: step.effect,
      signal: controller.signal,
      openEffects: new Set(),
      degraded: false,
      isClosed: () => isDropped || this.#isDraining || controller.signal.aborted,
      park: (reason, detail, bodies) => {
        if (isDropped || controller.signal.aborted) return;
        drop();
        this.#running.delete(running);
        void this.#advance([...bodies, { kind: "step-park", instance: place.instance, reason, detail }], "written");
      },
      drop: () => {
        if (isDropped) return;
        drop();
        this.#running.delete(running);
        this.#settle();
      },
      hold: (ask) =>
        new Promise((resolve) => {
          this.#held.set(ask.ask, resolve);
          this.journal.ride(ask);
        }),
    };
    if (node.timeoutMs !== undefined) armTimeout(ports.clock, node.timeoutMs, controller, ended.signal);
    const finish = (): number => {
      ended.abort();
      this.#running.delete(running);
      return Math.round(ports.clock.monotonic() - began);
    };
    try {
      this.#decisions.restoreLists(place.frame);
      const inputs = evaluateWith(node.with, scopeOf(place, info.input), parse);
      const context = createContext(this.#scope, invocation);
      const work = whenReady(ports, invocation, () => step.run({ with: inputs, config: node.config }, context));
      const outcome = await Promise.race([
        work,
        dropped,
        untilAborted(ports.clock, controller.signal, work, ended.signal),
      ]);
      if (outcome === "dropped" || !this.#running.has(running)) {
        ended.abort();
        return;
      }
      const result = { ...outcome, value: plain(outcome.value) };
      await this.#finishStep(place, attempt, finish(), result, invocation.degraded);
    } catch (error) {
      if (!this.#running.has(running)) {
        ended.abort();
        return;
      }
      await this.#stepFailed(place, attempt, finish(), toPodiumError(error, "step_failed"), invocation);
    }
  }

  async #finishStep(place: Place, attempt: number, ms: number, result: StepResult, degraded: boolean): Promise<void> {
    const { instance } = place;
    const { node } = place.planned;
    this.#end(
      {
        kind: "step-end",
        instance,
        attempt,
        ms,
        ...(result.denied ? { denied: true } : {}),
        ...(degraded ? { degraded: true } : {}),
      },
      result.value,
    );
    const emitted = node.kind === "step" && node.emit !== undefined;
    const signals: DurableBody[] = emitted ? [{ kind: "signal", instance, name: node.emit, value: result.value }] : [];
    await this.#advance(signals, "written");
  }

  async #stepFailed(
    place: Place,
    attempt: number,
    ms: number,
    error: PodiumError,
    invocation: Invocation,
  ): Promise<void> {
    if (this.#isDraining) {
      this.#settle();
      return;
    }
    const { ports, info, record } = this.#options;
    await this.#advance(failureBodies({ ports, info, record, place, attempt, ms, error, invocation }), "written");
  }

  #fail(error: PodiumError): void {
    if (this.isIdle) return;
    this.isIdle = true;
    this.#isDraining = true;
    this.#timers.abort();
    this.#abort(() => true, error);
    this.#running.clear();
    this.journal.drop();
    this.#cancel?.end();
    this.#options.onIdle(error);
  }

  /** Nothing runs: ends a cancelled run, or hands the run back as ended, parked or drained. */
  #settle(): void {
    if (this.isIdle || this.#running.size > 0) return;
    if (this.#cancel && !this.#options.record.schedule.ended) {
      this.#append({ kind: "run-end", status: "cancelled" });
      this.journal.commit([], "synced").then(
        () => this.#settle(),
        (error: unknown) => this.#fail(toPodiumError(error, "storage")),
      );
      return;
    }
    const { schedule } = this.#options.record;
    if (!schedule.ended && !this.#isDraining && this.#waits > 0) return;
    if (this.#isDraining && schedule.root.running > 0) this.#append({ kind: "run-adopt", why: handedOver });
    this.isIdle = true;
    this.#timers.abort();
    this.journal.flush().then(
      () => {
        this.#cancel?.end();
        this.#options.onIdle(null);
      },
      (error: unknown) => this.#options.onIdle(toPodiumError(error, "storage")),
    );
  }
}

/** Cheap for what is plain already; a step of somebody's own may return anything. */
const plain = (value: unknown): Json => toJson(value);
