import { cachedParser } from "../graph/expression.ts";
import { Schedule } from "../graph/schedule.ts";
import type { CallClass, RunObserver } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, LiveEvent, RunSettings, RunStatus } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { foldRun, isAsked, type RunView } from "../protocol/run.ts";
import { type Answerer, answerBodies, isRefusal, openAsk } from "./answer.ts";
import { Executor } from "./executor.ts";
import { type Loaded, loadRun, readLog } from "./load.ts";
import { createRecord } from "./record.ts";
import type { EnginePorts, RunInfo } from "./scope.ts";
import { createSlots } from "./slots.ts";
import { exportLog, importLog } from "./transfer.ts";

export interface StartInput {
  readonly workflow: string;
  readonly ir: Ir;
  readonly irHash: string;
  readonly input: JsonObject;
  readonly root: string;
  readonly trusted: boolean;
  readonly env: { readonly [name: string]: string };
  readonly settings: RunSettings;
  /** The same key within 24 h gives the first run again. */
  readonly idem: string | null;
  readonly class?: CallClass;
}

export interface Runs {
  start(input: StartInput): Promise<string>;
  /** Takes over all open runs of the store; call once. Resolves with those whose log cannot be read, and why. */
  adoptOpen(): Promise<readonly { readonly run: string; readonly error: PodiumError }[]>;
  /** Resolves when the run has ended and its sockets are closed. */
  cancel(run: string, by: string): Promise<void>;
  resume(run: string, by: string): Promise<RunStatus>;
  /** Resolves with the ask that was answered, once the answer is stored. Undefined ask: the oldest open one. */
  answer(run: string, ask: string | undefined, value: Json, who: Answerer): Promise<string>;
  view(run: string): Promise<RunView>;
  /** Durable and live events from now on; a snapshot per open generation comes first, and what it waits for. */
  watch(run: string, observer: RunObserver): () => void;
  subscribeAll(observer: RunObserver): () => void;
  /** Resolves when the run has ended or nothing but waiting is left. */
  settled(run: string): Promise<void>;
  /** Admits no new operation and waits for those in flight; `now` aborts them. */
  drain(now: boolean): Promise<void>;
  exportRun(run: string): Promise<string>;
  importRun(jsonl: string): Promise<string>;
}

interface Active {
  readonly executor: Executor;
  readonly loaded: Pick<Loaded, "record" | "info">;
  readonly idle: Promise<void>;
  failure: PodiumError | null;
}

interface RunsOptions extends EnginePorts {
  /** Steps of one run that may run at once. */
  readonly width: number;
  /** The same for all runs together; 128 when absent. */
  readonly hubWidth?: number;
}

/** All runs of one store: starts, takes over, answers and ends them. A parked run is only its log. */
export function createRuns(options: RunsOptions): Runs {
  const { store, clock, ids, models, width, hubWidth = 128 } = options;
  const slots = createSlots(hubWidth);
  const parse = cachedParser();
  const active = new Map<string, Active>();
  const refused = new Map<string, PodiumError>();
  const watchers = new Map<string, Set<RunObserver>>();
  const observers = new Set<RunObserver>();
  const turns = new Map<string, Promise<unknown>>();
  const starting = new Map<string, Promise<string>>();
  let isDraining = false;

  /** Commands of one run happen one after another, so the first answer wins. */
  const inTurn = async <T>(run: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(run) ?? Promise.resolve();
    const mine = before.then(work, work);
    turns.set(run, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(run) === mine) turns.delete(run);
    }
  };

  /** Tells a late watcher what the open generations have said so far, and what they wait for. */
  const catchUp = (run: string, observer: RunObserver): void => {
    for (const { instance, op, text, told } of active.get(run)?.executor.generations ?? []) {
      const at = clock.now();
      observer.live({ run, at, kind: "model-snapshot", instance, op, text });
      if (told !== null) observer.live({ run, at, ...told });
    }
  };

  const open = (info: RunInfo, ir: Ir, record: Loaded["record"], head: number): Active => {
    const { run } = info;
    let end = (): void => undefined;
    const idle = new Promise<void>((resolve) => {
      end = resolve;
    });
    const executor = new Executor({
      ports: options,
      info,
      ir,
      record,
      head,
      width,
      slots,
      parse,
      onDurable(event) {
        for (const observer of watchers.get(run) ?? []) observer.durable(event);
        for (const observer of observers) observer.durable(event);
      },
      onLive(body) {
        const live: LiveEvent = { run, at: clock.now(), ...body };
        for (const observer of watchers.get(run) ?? []) observer.live(live);
        for (const observer of observers) observer.live(live);
      },
      onIdle(error) {
        if (active.get(run) === entry) active.delete(run);
        entry.failure = error;
        if (error) refused.set(run, error);
        end();
      },
    });
    const entry: Active = { executor, loaded: { record, info }, idle, failure: null };
    active.set(run, entry);
    return entry;
  };

  const load = async (run: string): Promise<Active> => {
    const known = active.get(run);
    if (known) return known;
    const { info, ir, record, head, imported } = await loadRun(store, run);
    if (imported)
      throw new PodiumError("ask_gone", `${run} is an imported run; it can be read and compared, not changed.`);
    return open(info, ir, record, head);
  };

  /** Appends to a run; one that is about to be put away is waited for and loaded again. */
  const act = async (run: string, bodies: (entry: Active) => readonly DurableBody[]): Promise<Active> => {
    for (;;) {
      const entry = await load(run);
      if (entry.executor.isIdle) {
        await entry.idle;
        continue;
      }
      let made: readonly DurableBody[];
      try {
        made = bodies(entry);
      } catch (error) {
        entry.executor.rest();
        throw error;
      }
      await entry.executor.begin(made);
      if (entry.failure) throw entry.failure;
      return entry;
    }
  };

  const begin = async (input: StartInput): Promise<string> => {
    const run = ids.next("run");
    const { workflow, ir, irHash, settings, env, root, trusted, idem } = input;
    const info: RunInfo = {
      run,
      input: input.input,
      settings,
      root,
      trusted,
      env,
      class: input.class ?? "interactive",
    };
    const entry = open(info, ir, createRecord(new Schedule(ir)), 0);
    const start: DurableBody = {
      kind: "run-start",
      workflow,
      ir,
      irHash,
      input: input.input,
      budget: settings.budget,
      settings,
      env: { ...env },
      root,
      trusted,
      idem,
    };
    await entry.executor.begin([start]);
    if (entry.failure) {
      refused.delete(run);
      throw entry.failure;
    }
    return run;
  };

  const view = async (run: string): Promise<RunView> => {
    const folded = foldRun(await readLog(store, run));
    if (!folded) throw new PodiumError("unknown_run", `There is no run ${run}; podium runs ls lists them.`);
    const failure = refused.get(run);
    if (failure && folded.endedAt === null && !active.has(run)) {
      folded.status = "parked";
      folded.reason = "storage";
      folded.detail = failure.message;
    }
    return folded;
  };

  const adopt = async (run: string): Promise<void> => {
    if (active.has(run)) return;
    const { info, ir, record, head } = await loadRun(store, run);
    if (record.schedule.ended) return;
    const wasRunning = [...record.schedule.places()].some((place) => place.status === "running");
    const entry = open(info, ir, record, head);
    if (record.schedule.cancelled) await entry.executor.cancel("restart");
    else await entry.executor.begin(wasRunning ? [{ kind: "run-adopt", why: "Podium was restarted." }] : []);
  };

  return {
    async start(input) {
      if (isDraining)
        throw new PodiumError("overloaded", "Podium is about to stop; try again in a moment.", { retryable: true });
      const { idem } = input;
      if (idem === null) return begin(input);
      const pending = starting.get(idem);
      if (pending !== undefined) return await pending;
      const first = store.byIdempotencyKey(idem).then((known) => known ?? begin(input));
      starting.set(idem, first);
      try {
        return await first;
      } finally {
        starting.delete(idem);
      }
    },
    async adoptOpen() {
      await models.ready();
      const failed: { readonly run: string; readonly error: PodiumError }[] = [];
      for (const run of await store.open()) {
        try {
          await inTurn(run, () => adopt(run));
        } catch (thrown) {
          const error = toPodiumError(thrown);
          refused.set(run, error);
          failed.push({ run, error });
        }
      }
      return failed;
    },
    cancel: (run, by) =>
      inTurn(run, async () => {
        const entry = await load(run);
        if (entry.loaded.record.schedule.ended) {
          entry.executor.rest();
          return;
        }
        await entry.executor.cancel(by);
        if (entry.failure) throw entry.failure;
      }),
    resume: (run, by) =>
      inTurn(run, async () => {
        const folded = await view(run);
        if (folded.endedAt !== null || folded.imported) return folded.status;
        if (refused.delete(run)) {
          await adopt(run);
          return (await view(run)).status;
        }
        const isResumable = [...folded.steps.values()].some(
          (step) => step.status === "parked" && !isAsked(step.reason),
        );
        const isHeld = folded.status === "parked" && !isAsked(folded.reason);
        if (isResumable || isHeld) await act(run, () => [{ kind: "run-resume", by }]);
        return (await view(run)).status;
      }),
    answer: (run, ask, value, who) =>
      inTurn(run, async () => {
        const events = ask !== undefined && !active.has(run) ? await readLog(store, run) : [];
        const wasAsked = events.some((event) => event.kind === "ask" && event.ask === ask);
        let answered = "";
        const entry = await act(run, ({ loaded: { record } }) => {
          const found = openAsk(record, ask, wasAsked, who.human || isRefusal(value));
          answered = found.ask;
          return answerBodies(record, found, value, who, clock.now());
        });
        entry.executor.release(answered, value);
        return answered;
      }),
    view,
    watch(run, observer) {
      const listeners = watchers.get(run) ?? new Set();
      watchers.set(run, listeners.add(observer));
      catchUp(run, observer);
      return () => {
        listeners.delete(observer);
        if (listeners.size === 0 && watchers.get(run) === listeners) watchers.delete(run);
      };
    },
    subscribeAll(observer) {
      observers.add(observer);
      for (const run of active.keys()) catchUp(run, observer);
      return () => observers.delete(observer);
    },
    settled: (run) => active.get(run)?.idle ?? Promise.resolve(),
    async drain(now) {
      isDraining = true;
      const entries = [...active.values()];
      for (const { executor } of entries) executor.drain(now);
      await Promise.all(entries.map(({ idle }) => idle));
    },
    exportRun: async (run) => exportLog(options, await readLog(store, run)),
    importRun: (jsonl) => importLog(options, jsonl),
  };
}
