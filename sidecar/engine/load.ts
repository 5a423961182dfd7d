import { Schedule } from "../graph/schedule.ts";
import type { RunStore } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { RunEvent } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import { loadRef } from "./load-ref.ts";
import { applyToRecord, createRecord, type RunRecord } from "./record.ts";
import type { RunInfo } from "./scope.ts";

const page = 500;

/** A run as its log has it, ready to go on. */
export interface Loaded {
  readonly ir: Ir;
  readonly info: RunInfo;
  readonly record: RunRecord;
  readonly head: number;
  readonly imported: boolean;
}

/** All durable events of a run, in order. */
export async function readLog(store: RunStore, run: string): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for (;;) {
    const next = await store.read(run, events.length, page);
    events.push(...next);
    if (next.length < page) return events;
  }
}

const infoOf = (start: RunEvent & { kind: "run-start" }): RunInfo => ({
  run: start.run,
  input: start.input,
  settings: start.settings,
  root: start.root,
  trusted: start.trusted,
  env: start.env,
  class: "interactive",
});

/** Folds a run's log. Throws `unknown_run`. */
export async function loadRun(store: RunStore, run: string): Promise<Loaded> {
  const events = await readLog(store, run);
  const start = events[0];
  if (start?.kind !== "run-start")
    throw new PodiumError("unknown_run", `There is no run ${run}; podium runs ls lists them.`);
  const record = createRecord(new Schedule(start.ir));
  for (const event of events) {
    const delta =
      event.kind === "step-end" && event.delta !== undefined ? await loadRef({ store }, event.delta) : undefined;
    applyToRecord(record, event, delta);
  }
  return { ir: start.ir, info: infoOf(start), record, head: events.length, imported: start.imported ?? false };
}
