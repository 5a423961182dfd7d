import { PodiumError } from "../../protocol/errors.ts";
import type { ParkReason, RunEvent, RunStatus, Usage } from "../../protocol/events.ts";
import type { JsonObject } from "../../protocol/json.ts";

interface Activity {
  status: "running" | "parked" | "waiting";
  /** A map stands for its items and does not count as running itself. */
  map: boolean;
  reason: ParkReason | null;
}

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
  running: number;
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
    running: 0,
    activities: new Map(),
    asks: new Set(),
  };
}

function set(run: RunProjection, instance: string, change: Partial<Activity>): void {
  const known = run.activities.get(instance);
  const activity: Activity = known ?? { status: "waiting", map: false, reason: null };
  if (activity.status === "running" && !activity.map) run.running -= 1;
  Object.assign(activity, change);
  if (activity.status === "running" && !activity.map) run.running += 1;
  if (!known) run.activities.set(instance, activity);
}

function drop(run: RunProjection, instance: string): void {
  if (!run.activities.has(instance)) return;
  set(run, instance, { status: "waiting" });
  run.activities.delete(instance);
}

function refresh(run: RunProjection): void {
  if (run.endedAt !== null || run.status === "queued") return;
  if (run.running > 0) {
    run.status = "running";
    run.reason = null;
    return;
  }
  for (const activity of run.activities.values()) {
    if (activity.status !== "parked" || activity.reason === null) continue;
    run.status = "parked";
    run.reason = activity.reason;
    return;
  }
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
      run.status = "parked";
      run.reason = event.reason;
      return;
    case "run-resume":
      run.status = "running";
      run.reason = null;
      return;
    case "run-adopt":
      run.attempts += 1;
      for (const [instance, activity] of run.activities) {
        if (activity.status === "running" && !activity.map) set(run, instance, { status: "waiting" });
      }
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
      set(run, event.instance, { status: "running", reason: null });
      run.status = "running";
      run.reason = null;
      return;
    case "step-end":
      drop(run, event.instance);
      refresh(run);
      return;
    case "step-skip":
      drop(run, event.instance);
      return;
    case "step-error":
    case "step-retry":
      set(run, event.instance, { status: "waiting" });
      return;
    case "step-park":
      set(run, event.instance, { status: "parked", reason: event.reason });
      refresh(run);
      return;
    case "map-open":
      set(run, event.instance, { status: "running", map: true });
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
