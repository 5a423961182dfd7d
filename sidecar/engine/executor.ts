import { evaluate, evaluateCondition } from "../graph/evaluate.ts";
import type { Parse } from "../graph/expression.ts";
import type { Frame, Place, StartCause } from "../graph/place.ts";
import { retryDelay, willRetry } from "../graph/retry.ts";
import type { Action } from "../graph/schedule.ts";
import { evaluateWith } from "../graph/template.ts";
import { endScopeOf, scopeOf } from "../graph/view.ts";
import type { Step, StepResult } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, EphemeralBody, Ref, RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { freezeDeep, isList, toJson } from "../state/codec.ts";
import type { GenerationSink } from "./generation.ts";
import { createJournal, type Journal } from "./journal.ts";
import {
  createContext,
  type EnginePorts,
  type Invocation,
  type OperationScope,
  type RunInfo,
  waitsForModel,
} from "./operations.ts";
import { applyToRecord, notesOf, type RunRecord } from "./record.ts";

/** Crashes in a row after which an instance is not started again by itself. */
const crashLimit = 3;
/** How long an operation with an effect may take to settle after its run was aborted, ms. */
const settleMs = 5000;

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
          this.#append(this.#endRun(action.error));
        } else {
          for (const body of this.#bodiesOf(action)) this.#append(body);
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
      const unknown = this.#unknownOutcome(place, step);
      if (unknown) {
        for (const body of unknown) this.#append(body);
        return null;
      }
    }
    this.#append(started);
    return { place, cause, attempt };
  }

  /** An unsafe operation, or a step with unsafe code of its own, was interrupted: only a person can say what happened. */
  #unknownOutcome(place: Place, step: Step): readonly DurableBody[] | null {
    const { ports, info, record } = this.#options;
    const { instance } = place;
    const open = [...notesOf(record, instance).ops.values()].find(
      (op) => op.status === "open" && op.effect === "unsafe" && op.resolved === null && !op.stale,
    );
    if (!open && step.effect !== "unsafe") return null;
    const name = step.effect === "unsafe" ? step.name : "an operation";
    const title = `It is not known whether ${name} of ${instance} took effect before Podium stopped. Run it again, take it as done, or skip the step?`;
    const op = step.effect === "unsafe" ? -1 : (open?.ordinal ?? -1);
    const show: Json = { instance, op };
    return [
      {
        kind: "ask",
        instance,
        op,
        ask: ports.ids.next("ask"),
        askKind: "grant",
        title,
        show,
        digest: ports.digest(JSON.stringify([info.run, instance, show])),
        reason: "unsafe_unknown",
      },
      { kind: "step-park", instance, reason: "unsafe_unknown", detail: title },
    ];
  }

  /** The events of an action that needs nothing but the state: choices, ends of items and maps, skips, failures. */
  #bodiesOf(action: Exclude<Action, { type: "start" | "wait" | "end-run" }>): readonly DurableBody[] {
    if (action.type === "skip") return [{ kind: "step-skip", instance: action.place.instance }];
    if (action.type === "fail") {
      return [{ kind: "step-error", instance: action.instance, attempt: 1, ms: 0, error: action.error }];
    }
    const instance = action.type === "end-item" ? action.instance : action.place.instance;
    try {
      if (action.type === "choose") return [this.#choice(action.place)];
      if (action.type === "open") return [this.#opening(action.place)];
      if (action.type === "end-item") return this.#endItem(action.frame);
      return this.#endMap(action.place);
    } catch (error) {
      const shape = toPodiumError(error, "expr_type").toShape();
      return [{ kind: "step-error", instance, attempt: 1, ms: 0, error: shape }];
    }
  }

  #choice(place: Place): DurableBody {
    const scope = scopeOf(place, this.#options.info.input);
    const taken = place.planned.arms.find(
      (arm) => arm.when === null || evaluateCondition(arm.when, scope, this.#options.parse),
    );
    const edges = taken ? [taken.name] : [];
    return { kind: "step-end", instance: place.instance, attempt: 1, ms: 0, edges };
  }

  #opening(place: Place): DurableBody {
    return { kind: "map-open", instance: place.instance, n: this.#listOf(place).length };
  }

  /** The items of a map. Only their number is recorded: the state they come from is, so the same list comes again. */
  #listOf(place: Place): readonly Json[] {
    const { node } = place.planned;
    if (place.list || node.kind !== "map") return place.list ?? [];
    this.#restoreLists(place.frame);
    const { info, parse } = this.#options;
    const list = evaluate(parse(node.list), scopeOf(place, info.input));
    if (list !== null && !isList(list)) {
      throw new PodiumError("expr_type", `each of ${place.instance} needs a list; ${node.list} is something else.`);
    }
    place.list = list ?? [];
    return place.list;
  }

  #restoreLists(frame: Frame): void {
    for (let at: Frame | null = frame; at; at = at.owner?.frame ?? null) {
      if (at.kind === "item" && at.owner && at.owner.list === null) this.#listOf(at.owner);
    }
  }

  #endItem(frame: Frame): readonly DurableBody[] {
    const map = frame.owner?.planned.node;
    if (map?.kind !== "map") return [];
    const { info, parse } = this.#options;
    this.#restoreLists(frame);
    const scope = endScopeOf(frame, info.input);
    const kept = map.keep === undefined || evaluateCondition(map.keep, scope, parse);
    const last = map.nodes.at(-1);
    const value = kept
      ? map.yield === undefined
        ? last
          ? (scope(last.id) ?? null)
          : null
        : evaluate(parse(map.yield), scope)
      : null;
    this.#delta = value;
    const end: DurableBody = {
      kind: "step-end",
      instance: frame.instance,
      attempt: 1,
      ms: 0,
      kept,
      ...(kept ? { delta: this.journal.refOf(value) } : {}),
    };
    if (!kept || map.emit === undefined) return [end];
    return [end, { kind: "signal", instance: frame.instance, name: map.emit, value }];
  }

  #endMap(place: Place): readonly DurableBody[] {
    const { instance, items } = place;
    const failed = items.filter((item) => item.end?.error);
    const first = failed[0]?.end?.error;
    if (first && failed.length === items.length) {
      const error = { ...first, message: `All ${items.length} items failed; the first: ${first.message}` };
      return [{ kind: "step-error", instance, attempt: 1, ms: 0, error }];
    }
    const value = items.flatMap((item) => (item.end?.kept ? [item.end.value] : []));
    this.#delta = value;
    return [{ kind: "step-end", instance, attempt: 1, ms: 0, delta: this.journal.refOf(value) }];
  }

  #endRun(failure: (Action & { type: "end-run" })["error"]): DurableBody {
    const { record, ir, info, parse } = this.#options;
    const { root } = record.schedule;
    const denied = root.places.some((place) => place.denied) ? { denied: true } : {};
    const degraded = record.degraded ? { degraded: true } : {};
    if (failure) return { kind: "run-end", status: "failed", error: failure, ...degraded };
    try {
      const output = evaluate(parse(ir.output), endScopeOf(root, info.input));
      return { kind: "run-end", status: "succeeded", output: this.journal.refOf(output), ...denied, ...degraded };
    } catch (error) {
      return { kind: "run-end", status: "failed", error: toPodiumError(error, "expr_type").toShape(), ...degraded };
    }
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
    if (node.timeoutMs !== undefined) this.#armTimeout(node.timeoutMs, controller, ended.signal);
    const finish = (): number => {
      ended.abort();
      this.#running.delete(running);
      return Math.round(ports.clock.monotonic() - began);
    };
    try {
      this.#restoreLists(place.frame);
      const inputs = evaluateWith(node.with, scopeOf(place, info.input), parse);
      const work = step.run({ with: inputs, config: node.config }, createContext(this.#scope, invocation));
      const outcome = await Promise.race([work, dropped, this.#aborted(controller.signal, work, ended.signal)]);
      if (outcome === "dropped" || !this.#running.has(running)) {
        ended.abort();
        return;
      }
      const result = outcome;
      const value = plain(result.value);
      await this.#finishStep(place, attempt, finish(), { ...result, value }, invocation.degraded);
    } catch (error) {
      if (!this.#running.has(running)) {
        ended.abort();
        return;
      }
      await this.#stepFailed(place, attempt, finish(), toPodiumError(error, "step_failed"), invocation);
    }
  }

  /** Rejects once aborted work has had its time to settle; an operation that ignores its signal is left behind. */
  async #aborted(signal: AbortSignal, work: Promise<StepResult>, ended: AbortSignal): Promise<never> {
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
        ended.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    if (ended.aborted) return new Promise<never>(() => undefined);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([settled, this.#options.ports.clock.sleep(settleMs, ended).catch(() => undefined)]);
    throw signal.reason;
  }

  #armTimeout(ms: number, controller: AbortController, ended: AbortSignal): void {
    const arm = async (): Promise<void> => {
      await this.#options.ports.clock.sleep(ms, ended);
      controller.abort(new PodiumError("deadline", `The step took longer than its timeout of ${ms / 1000} s.`));
    };
    arm().catch(() => undefined);
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
    const { record, ports } = this.#options;
    const { instance } = place;
    if (this.#isDraining) {
      this.#settle();
      return;
    }
    if (error.code === "provider_unavailable" && waitsForModel(record)) {
      await this.#advance([{ kind: "step-park", instance, reason: "provider", detail: error.message }], "written");
      return;
    }
    const isUnsafe = (op: number): boolean => notesOf(record, instance).ops.get(op)?.effect === "unsafe";
    const unsafe = invocation.effect === "unsafe" ? -1 : [...invocation.openEffects].find(isUnsafe);
    if (unsafe !== undefined && error.code === "deadline") {
      const bodies = this.#unknownAfterDeadline(instance, unsafe);
      await this.#advance(bodies, "synced");
      return;
    }
    const shape = error.toShape();
    const failed: DurableBody = { kind: "step-error", instance, attempt, ms, error: shape };
    const { schedule } = record;
    const isRetried = !schedule.isDoomed(place) && willRetry(place.planned.node, shape, place.retries);
    const at = ports.clock.now() + retryDelay(place.retries);
    const retry: DurableBody[] = isRetried ? [{ kind: "step-retry", instance, attempt, at }] : [];
    await this.#advance([failed, ...retry], "written");
  }

  #unknownAfterDeadline(instance: string, op: number): readonly DurableBody[] {
    const { ports, info } = this.#options;
    const show: Json = { instance, op };
    const title = `It is not known whether an operation of ${instance} took effect before its timeout. Run it again, take it as done, or skip the step?`;
    const digest = ports.digest(JSON.stringify([info.run, instance, show]));
    const ask = ports.ids.next("ask");
    return [
      { kind: "ask", instance, op, ask, askKind: "grant", title, show, digest, reason: "unsafe_unknown" },
      { kind: "step-park", instance, reason: "unsafe_unknown", detail: title },
    ];
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

/** Reads the value that a reference stands for. */
export async function loadRef(ports: Pick<EnginePorts, "store">, ref: Ref): Promise<Json> {
  if ("inline" in ref) return ref.inline;
  const json = await ports.store.getBlob(ref.blob);
  if (json === null)
    throw new PodiumError("data_corrupt", `A stored value (${ref.blob.slice(0, 12)}) is missing; run it again.`);
  const value: unknown = JSON.parse(json);
  return toJson(value);
}
