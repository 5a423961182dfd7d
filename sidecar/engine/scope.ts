import type { Place, StartCause } from "../graph/place.ts";
import type { CallClass, Clock, Digest, Ids, Models, RunStore, Step, Tool } from "../ports.ts";
import type { DurableBody, Effect, EphemeralBody, ParkReason, Ref, RunSettings } from "../protocol/events.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { GenerationSink } from "./generation.ts";
import type { Journal } from "./journal.ts";
import type { RunRecord } from "./record.ts";

/** What the engine was given when it was wired. */
export interface EnginePorts {
  readonly store: RunStore;
  readonly models: Models;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly steps: ReadonlyMap<string, Step>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly digest: Digest;
}

/** What stays the same for all steps of a run. */
export interface RunInfo {
  readonly run: string;
  readonly input: JsonObject;
  readonly settings: RunSettings;
  readonly root: string;
  readonly trusted: boolean;
  readonly env: { readonly [name: string]: string };
  readonly class: CallClass;
}

/** One invocation of one step. */
export interface Invocation {
  readonly place: Place;
  readonly attempt: number;
  readonly cause: StartCause;
  readonly effect: Effect;
  readonly signal: AbortSignal;
  readonly isAborted: boolean;
  /** Records `bodies` and the park, and drops the step's promise. */
  park(reason: ParkReason, detail: string, bodies: readonly DurableBody[]): void;
  /** Drops the step's promise without a record: it is invoked again at the next start. */
  drop(): void;
  /** For a step that must not be invoked again: resolves with the answer, without parking. */
  hold(ask: DurableBody & { kind: "ask" }): Promise<Json>;
  /** True when no operation may begin any more: the hub drains, or the step was dropped. */
  isClosed(): boolean;
  readonly openEffects: Set<number>;
  degraded: boolean;
}

export interface OperationScope {
  readonly ports: EnginePorts;
  readonly info: RunInfo;
  readonly record: RunRecord;
  readonly journal: Journal;
  readonly generations: Set<GenerationSink>;
  live(body: EphemeralBody): void;
  load(ref: Ref): Promise<Json>;
}

/**
 * True when the run goes on later instead of failing, should no model be there (PRODUCT 4.1). A run that was taken over
 * before it had asked any model is as a new one: on a machine without models it would wait for ever.
 */
export const waitsForModel = (record: RunRecord): boolean =>
  record.hadModel || (record.adopted && record.askedModel && !record.degraded);
