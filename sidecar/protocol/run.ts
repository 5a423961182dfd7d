import type { ErrorShape } from "./errors.ts";
import type {
  Effect,
  ParkReason,
  Ref,
  RunEvent,
  RunSettings,
  RunStatus,
  StepStatus,
  Timings,
  Usage,
} from "./events.ts";
import type { Ir } from "./ir.ts";
import type { Json, JsonObject } from "./json.ts";

export interface OpView {
  readonly ordinal: number;
  readonly kind: "model" | "tool" | "ask" | "once";
  readonly name: string;
  readonly effect: Effect;
  readonly hash: string;
  readonly request: Ref;
  readonly startedAt: number;
  attempt: number;
  status: "open" | "done" | "failed";
  endedAt: number | null;
  result?: Ref;
  usage?: Usage;
  timings?: Timings;
  model?: string;
  error?: ErrorShape;
  partial?: string;
}

export interface StepView {
  readonly instance: string;
  status: StepStatus;
  attempt: number;
  startedAt: number | null;
  endedAt: number | null;
  ms: number | null;
  /** Operations of the last attempt that recorded them, by ordinal. */
  ops: OpView[];
  delta?: Ref;
  edges?: readonly string[];
  kept?: boolean;
  /** Items of a map. */
  n?: number;
  reason?: ParkReason;
  error?: ErrorShape;
}

export interface AskView {
  readonly ask: string;
  readonly instance: string;
  readonly kind: "question" | "grant";
  readonly title: string;
  readonly show?: Json;
  readonly edit?: boolean;
  readonly digest: string;
  readonly reason: ParkReason;
  readonly at: number;
}

/** Everything a run's log says, folded. The same fold feeds the engine's status, the CLI, the panel and the tests. */
export interface RunView {
  readonly run: string;
  readonly workflow: string;
  readonly ir: Ir;
  readonly irHash: string;
  readonly input: JsonObject;
  readonly settings: RunSettings;
  readonly root: string;
  readonly createdAt: number;
  readonly imported: boolean;
  status: RunStatus;
  /** Why a parked run waits: a run-level reason, else that of its oldest parked instance. */
  reason: ParkReason | null;
  detail: string | null;
  /** A park of the whole run; it wins over what its instances say. */
  held: ParkReason | null;
  /** Instances that are ready, running or parked, in the order they became so. */
  readonly active: Set<string>;
  endedAt: number | null;
  denied: boolean;
  degraded: boolean;
  output?: Ref;
  error?: ErrorShape;
  /** 1 + how often the run was taken over after a crash. */
  attempts: number;
  seq: number;
  readonly steps: Map<string, StepView>;
  readonly asks: Map<string, AskView>;
  readonly signals: { readonly instance: string; readonly name: string; readonly value: Json }[];
  readonly fallbacks: { readonly from: string; readonly to: string; readonly cause: ErrorShape }[];
  readonly egress: { bytes: number; readonly hosts: Set<string> };
  usage: Usage;
  readonly models: Set<string>;
}

function firstView(event: RunEvent & { kind: "run-start" }): RunView {
  return {
    run: event.run,
    workflow: event.workflow,
    ir: event.ir,
    irHash: event.irHash,
    input: event.input,
    settings: event.settings,
    root: event.root,
    createdAt: event.at,
    imported: event.imported ?? false,
    status: "queued",
    reason: null,
    detail: null,
    held: null,
    active: new Set(),
    endedAt: null,
    denied: false,
    degraded: false,
    attempts: 1,
    seq: event.seq,
    steps: new Map(),
    asks: new Map(),
    signals: [],
    fallbacks: [],
    egress: { bytes: 0, hosts: new Set() },
    usage: { in: 0, out: 0, cached: 0, estimated: false },
    models: new Set(),
  };
}

function stepOf(view: RunView, instance: string): StepView {
  const known = view.steps.get(instance);
  if (known) return known;
  const step: StepView = { instance, status: "pending", attempt: 0, startedAt: null, endedAt: null, ms: null, ops: [] };
  view.steps.set(instance, step);
  return step;
}

/** Parks that only an answer ends; the others are left by a resume. */
export const isAsked = (reason: ParkReason | null | undefined): boolean =>
  reason === "ask" || reason === "budget" || reason === "unsafe_unknown";

/** A map stands for its items and is not active itself. */
function setStatus(view: RunView, instance: string, status: StepStatus): StepView {
  const step = stepOf(view, instance);
  step.status = status;
  view.active.delete(instance);
  const isActive = status === "ready" || status === "running" || status === "parked";
  if (isActive && step.n === undefined) view.active.add(instance);
  return step;
}

/** Held, else running while an instance is ready or running, else parked with the reason of its oldest parked instance. */
function refreshStatus(view: RunView, detail: string | null = null): void {
  if (view.endedAt !== null || view.held !== null) return;
  let oldest: ParkReason | null = null;
  for (const instance of view.active) {
    const step = view.steps.get(instance);
    if (step?.status === "parked") {
      oldest ??= step.reason ?? null;
      continue;
    }
    view.status = "running";
    view.reason = null;
    view.detail = null;
    return;
  }
  if (oldest === null) return;
  view.status = "parked";
  view.reason = oldest;
  view.detail = detail ?? view.detail;
}

function resume(view: RunView): void {
  view.held = null;
  view.status = "running";
  view.reason = null;
  view.detail = null;
  for (const instance of [...view.active]) {
    const step = view.steps.get(instance);
    if (step?.status === "parked" && !isAsked(step.reason)) setStatus(view, instance, "ready");
  }
  refreshStatus(view);
}

function endStep(view: RunView, event: RunEvent & { kind: "step-end" }): void {
  const step = setStatus(view, event.instance, "done");
  step.attempt = event.attempt;
  step.ms = event.ms;
  step.endedAt = event.at;
  if (event.delta !== undefined) step.delta = event.delta;
  if (event.edges !== undefined) step.edges = event.edges;
  if (event.kept !== undefined) step.kept = event.kept;
  if (event.degraded) view.degraded = true;
  if (event.denied) view.denied = true;
}

function startOp(view: RunView, event: RunEvent & { kind: "op-start" }): void {
  const step = stepOf(view, event.instance);
  step.ops = step.ops.filter((op) => op.ordinal !== event.op);
  step.ops.push({
    ordinal: event.op,
    kind: event.opKind,
    name: event.name,
    effect: event.effect,
    hash: event.hash,
    request: event.request,
    startedAt: event.at,
    attempt: event.attempt,
    status: "open",
    endedAt: null,
  });
}

function endOp(view: RunView, event: RunEvent & { kind: "op-end" }): void {
  const op = stepOf(view, event.instance).ops.find((candidate) => candidate.ordinal === event.op);
  if (event.usage) {
    view.usage = {
      in: view.usage.in + event.usage.in,
      out: view.usage.out + event.usage.out,
      cached: view.usage.cached + event.usage.cached,
      estimated: view.usage.estimated || event.usage.estimated,
    };
  }
  if (event.model) view.models.add(event.model);
  if (!op) return;
  op.status = event.error ? "failed" : "done";
  op.endedAt = event.at;
  if (event.result !== undefined) op.result = event.result;
  if (event.usage) op.usage = event.usage;
  if (event.timings) op.timings = event.timings;
  if (event.model) op.model = event.model;
  if (event.error) op.error = event.error;
}

function endRun(view: RunView, event: RunEvent & { kind: "run-end" }): void {
  view.status = event.status;
  view.reason = null;
  view.detail = null;
  view.endedAt = event.at;
  view.asks.clear();
  if (event.output !== undefined) view.output = event.output;
  if (event.denied) view.denied = true;
  if (event.degraded) view.degraded = true;
  if (event.error) view.error = event.error;
  for (const step of view.steps.values()) {
    if (step.status === "running" || step.status === "parked")
      step.status = event.status === "failed" ? "failed" : "skipped";
  }
}

/** Applies one event to a view the caller owns. The switch has no default: a new kind breaks the build. */
export function applyEvent(view: RunView, event: RunEvent): void {
  view.seq = event.seq;
  switch (event.kind) {
    case "run-start":
      return;
    case "run-park":
      view.held = event.reason;
      view.status = "parked";
      view.reason = event.reason;
      view.detail = event.detail;
      return;
    case "run-resume":
      resume(view);
      return;
    case "run-adopt":
      view.attempts += 1;
      for (const instance of [...view.active])
        if (view.steps.get(instance)?.status === "running") setStatus(view, instance, "ready");
      return;
    case "run-cancel":
      view.asks.clear();
      return;
    case "run-end":
      endRun(view, event);
      return;
    case "step-start": {
      const step = setStatus(view, event.instance, "running");
      step.attempt = event.attempt;
      step.startedAt = event.at;
      step.endedAt = null;
      delete step.reason;
      delete step.error;
      refreshStatus(view);
      return;
    }
    case "step-end":
      endStep(view, event);
      refreshStatus(view);
      return;
    case "step-skip":
      setStatus(view, event.instance, "skipped");
      refreshStatus(view);
      return;
    case "step-error": {
      const step = setStatus(view, event.instance, "failed");
      step.error = event.error;
      step.ms = event.ms;
      step.endedAt = event.at;
      refreshStatus(view);
      return;
    }
    case "step-park":
      setStatus(view, event.instance, "parked").reason = event.reason;
      refreshStatus(view, event.detail);
      return;
    case "step-retry":
      setStatus(view, event.instance, "ready");
      refreshStatus(view);
      return;
    case "map-open": {
      const step = stepOf(view, event.instance);
      step.n = event.n;
      setStatus(view, event.instance, "running");
      step.startedAt ??= event.at;
      if (view.status === "queued") view.status = "running";
      return;
    }
    case "op-start":
      startOp(view, event);
      return;
    case "op-end":
      endOp(view, event);
      return;
    case "op-resolve":
      return;
    case "model-partial": {
      const op = stepOf(view, event.instance).ops.find((candidate) => candidate.ordinal === event.op);
      if (op) op.partial = event.text;
      return;
    }
    case "ask":
      view.asks.set(event.ask, {
        ask: event.ask,
        instance: event.instance,
        kind: event.askKind,
        title: event.title,
        ...(event.show === undefined ? {} : { show: event.show }),
        ...(event.edit === undefined ? {} : { edit: event.edit }),
        digest: event.digest,
        reason: event.reason,
        at: event.at,
      });
      return;
    case "answer":
      view.asks.delete(event.ask);
      if (view.steps.get(event.instance)?.status === "parked") setStatus(view, event.instance, "ready");
      refreshStatus(view);
      return;
    case "provider-fallback":
      view.fallbacks.push({ from: event.from, to: event.to, cause: event.cause });
      return;
    case "budget-warn":
      return;
    case "egress":
      view.egress.bytes += event.bytes;
      view.egress.hosts.add(event.host);
      return;
    case "signal":
      view.signals.push({ instance: event.instance, name: event.name, value: event.value });
      return;
  }
}

/** Folds a log, in order and from its first event. Null when the log does not begin with run-start. */
export function foldRun(events: readonly RunEvent[]): RunView | null {
  const [first, ...rest] = events;
  if (first?.kind !== "run-start") return null;
  const view = firstView(first);
  for (const event of rest) applyEvent(view, event);
  return view;
}
