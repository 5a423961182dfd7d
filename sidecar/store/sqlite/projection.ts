import { PodiumError } from "../../protocol/errors.ts";
import type { ParkReason, RunEvent, RunStatus, Usage } from "../../protocol/events.ts";
import type { JsonObject } from "../../protocol/json.ts";
import { isAsked } from "../../protocol/run.ts";

/** An instance that is ready, running or parked, and why it is parked. */
type Activity = "busy" | ParkReason;

/** The list row of one run, kept by the same rules as foldRun but at a constant cost per event. */
export interface RunProjection {
  readonly workflow: string;
  readonly createdAt: number;
  readonly title: string | null;
  readonly root: string;
  readonly imported: boolean;
  readonly idem: string | null;
  status: RunStatus;
  reason: ParkReason | null;
  endedAt: number | null;
  attempts: number;
  seq: number;
  usage: Usage;
  /** A park of the whole run. */
  held: ParkReason | null;
  /** Instances that are ready or running. */
  busy: number;
  /** In the order they became so. */
  readonly activities: Map<string, Activity>;
  readonly asks: Set<string>;
}

const TITLE_LENGTH = 200;

function titleOf(input: JsonObject): string | null {
  const question = input["question"];
  const text =
    typeof question === "string" ? question : Object.values(input).find((value) => typeof value === "string");
  const line = typeof text === "string" ? text.trim().split("\n", 1)[0]?.trim() : undefined;
  return line ? line.slice(0, TITLE_LENGTH) : null;
}

/** What a log begins with, before its events are applied. Throws `internal` when the first is not run-start. */
export function startProjection(event: RunEvent): RunProjection {
  if (event.kind !== "run-start") {
    throw new PodiumError("internal", `The log of ${event.run} begins with ${event.kind} and not with run-start.`);
  }
  return {
    workflow: event.workflow,
    createdAt: event.at,
    title: titleOf(event.input),
    root: event.root,
    imported: event.imported ?? false,
    idem: event.idem,
    status: "queued",
    reason: null,
    endedAt: null,
    attempts: 1,
    seq: 0,
    usage: { in: 0, out: 0, cached: 0, estimated: false },
    held: null,
    busy: 0,
    activities: new Map(),
    asks: new Set(),
  };
}

function set(run: RunProjection, instance: string, activity: Activity | null): void {
  if (run.activities.get(instance) === "busy") run.busy -= 1;
  run.activities.delete(instance);
  if (activity === "busy") run.busy += 1;
  if (activity !== null) run.activities.set(instance, activity);
  refresh(run);
}

function refresh(run: RunProjection): void {
  if (run.endedAt !== null || run.held !== null) return;
  const [oldest] = run.busy > 0 ? ["busy" as const] : run.activities.values();
  if (oldest === undefined) return;
  run.status = oldest === "busy" ? "running" : "parked";
  run.reason = oldest === "busy" ? null : oldest;
}

function resume(run: RunProjection): void {
  run.held = null;
  run.status = "running";
  run.reason = null;
  for (const [instance, activity] of [...run.activities]) {
    if (activity !== "busy" && !isAsked(activity)) set(run, instance, "busy");
  }
  refresh(run);
}

function addUsage(run: RunProjection, usage: Usage): void {
  run.usage = {
    in: run.usage.in + usage.in,
    out: run.usage.out + usage.out,
    cached: run.usage.cached + usage.cached,
    estimated: run.usage.estimated || usage.estimated,
  };
}

/** Applies one event. The switch has no default: a new kind breaks the build. */
export function project(run: RunProjection, event: RunEvent): void {
  run.seq = event.seq;
  switch (event.kind) {
    case "run-park":
      run.held = event.reason;
      run.status = "parked";
      run.reason = event.reason;
      return;
    case "run-resume":
      resume(run);
      return;
    case "run-adopt":
      run.attempts += 1;
      return;
    case "run-cancel":
      run.asks.clear();
      return;
    case "run-end":
      run.status = event.status;
      run.reason = null;
      run.endedAt = event.at;
      run.asks.clear();
      return;
    case "step-start":
    case "step-retry":
      set(run, event.instance, "busy");
      return;
    case "step-end":
    case "step-skip":
    case "step-error":
      set(run, event.instance, null);
      return;
    case "step-park":
      set(run, event.instance, event.reason);
      return;
    case "map-open":
      if (run.status === "queued") run.status = "running";
      return;
    case "op-end":
      if (event.usage) addUsage(run, event.usage);
      return;
    case "ask":
      run.asks.add(event.ask);
      return;
    case "answer":
      run.asks.delete(event.ask);
      if (run.activities.has(event.instance)) set(run, event.instance, "busy");
      return;
    case "run-start":
    case "op-start":
    case "op-resolve":
    case "model-partial":
    case "provider-fallback":
    case "budget-warn":
    case "egress":
    case "signal":
      return;
  }
}
