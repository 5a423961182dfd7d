import type { Schedule } from "../graph/schedule.ts";
import type { ErrorShape } from "../protocol/errors.ts";
import type { Effect, Ref, RunEvent, Usage } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { freshPart, type Sent } from "./spend.ts";

/** One operation as the log has it. `stale` = it is not replayed any more, a live one takes its ordinal. */
export interface RecordedOp {
  readonly ordinal: number;
  readonly key: string | null;
  readonly hash: string;
  readonly kind: "model" | "tool" | "ask" | "once";
  readonly effect: Effect;
  status: "open" | "done" | "failed";
  result: Ref | null;
  error: ErrorShape | null;
  stale: boolean;
  /** The part of the prompt that counts against the budget. */
  readonly fresh: number;
  /** What a person said about an open unsafe operation. */
  resolved: "retry" | "done" | null;
}

export interface OpenAsk {
  readonly ask: string;
  readonly instance: string;
  readonly op: number;
  readonly kind: "question" | "grant";
  readonly reason: string;
  readonly digest: string;
  readonly seq: number;
  readonly at: number;
}

interface Grant {
  readonly digest: string;
  readonly value: Json;
}

/** What a live instance has done so far. Dropped at its end. */
export interface Notes {
  readonly ops: Map<number, RecordedOp>;
  /** Answered grants by ordinal, each good for one op-start. */
  readonly grants: Map<number, Grant>;
}

/** The value of a step whose outcome a person gave (`done`), by instance. */
export interface RunRecord {
  readonly schedule: Schedule;
  readonly notes: Map<string, Notes>;
  readonly asks: Map<string, OpenAsk>;
  readonly answered: Set<string>;
  readonly sent: Map<string, Sent>;
  /** Tokens that count against the budget. */
  tokens: number;
  readonly usage: Usage;
  /** Ms that operations worked: neither queued, parked nor waiting for a lane. What runs side by side counts in full. */
  workedMs: number;
  budgetGrants: number;
  warned: boolean;
  hadModel: boolean;
  /** A call to a model was begun, whether it ended or not. */
  askedModel: boolean;
  adopted: boolean;
  degraded: boolean;
  status: "open" | "succeeded" | "failed" | "cancelled";
}

export function createRecord(schedule: Schedule): RunRecord {
  return {
    schedule,
    notes: new Map(),
    asks: new Map(),
    answered: new Set(),
    sent: new Map(),
    tokens: 0,
    usage: { in: 0, out: 0, cached: 0, estimated: false },
    workedMs: 0,
    budgetGrants: 0,
    warned: false,
    hadModel: false,
    askedModel: false,
    adopted: false,
    degraded: false,
    status: "open",
  };
}

export function notesOf(record: RunRecord, instance: string): Notes {
  const known = record.notes.get(instance);
  if (known) return known;
  const fresh: Notes = { ops: new Map(), grants: new Map() };
  record.notes.set(instance, fresh);
  return fresh;
}

/** The answers that mean Yes to a grant. */
export const isGranted = (value: Json): boolean => {
  if (value === true || value === "grant" || value === "yes") return true;
  if (typeof value !== "object" || value === null) return false;
  const { granted = null, approved = null } = { granted: null, approved: null, ...value };
  return granted === true || approved === true;
};

function withdraw(record: RunRecord, instance: string): void {
  for (const open of record.asks.values()) if (open.instance === instance) record.asks.delete(open.ask);
}

function answer(record: RunRecord, event: RunEvent & { kind: "answer" }): void {
  const open = record.asks.get(event.ask);
  record.asks.delete(event.ask);
  record.answered.add(event.ask);
  if (open?.kind !== "grant") return;
  if (open.reason === "budget" && isGranted(event.value)) record.budgetGrants += 1;
  else notesOf(record, event.instance).grants.set(event.op, { digest: open.digest, value: event.value });
}

function startOp(record: RunRecord, event: RunEvent & { kind: "op-start" }): void {
  const notes = notesOf(record, event.instance);
  notes.grants.delete(event.op);
  let fresh = 0;
  if (event.opKind === "model") {
    // Without a model there is only a role to name, and a role has no server before it.
    if (event.name.includes("/")) record.askedModel = true;
    const sent = record.sent.get(event.name) ?? { next: new Map() };
    record.sent.set(event.name, sent);
    fresh = freshPart(sent, event.request);
  }
  notes.ops.set(event.op, {
    ordinal: event.op,
    key: event.key ?? null,
    hash: event.hash,
    kind: event.opKind,
    effect: event.effect,
    status: "open",
    result: null,
    error: null,
    stale: false,
    fresh,
    resolved: null,
  });
}

function endOp(record: RunRecord, event: RunEvent & { kind: "op-end" }): void {
  const op = record.notes.get(event.instance)?.ops.get(event.op);
  if (event.usage) {
    record.usage.in += event.usage.in;
    record.usage.out += event.usage.out;
    record.tokens += event.usage.out + Math.round(event.usage.in * (op?.fresh ?? 1));
  }
  if (event.timings) {
    const { loadMs, promptMs, tokensMs, toolMs } = event.timings;
    record.workedMs += (loadMs ?? 0) + (promptMs ?? 0) + (tokensMs ?? 0) + (toolMs ?? 0);
  }
  if (!op) return;
  if (op.kind === "model" && !event.error) record.hadModel = true;
  op.status = event.error ? "failed" : "done";
  op.result = event.result ?? null;
  op.error = event.error ?? null;
}

/** After a retry only what had an effect and succeeded is replayed; the rest would only repeat the bad answer. */
function startStep(record: RunRecord, event: RunEvent & { kind: "step-start" }): void {
  for (const op of record.notes.get(event.instance)?.ops.values() ?? []) {
    if (event.cause === "retry" && (op.effect === "pure" || op.status === "failed")) op.stale = true;
    if (event.cause === "resume" && op.status === "failed") op.stale = true;
  }
}

function resolveOp(record: RunRecord, event: RunEvent & { kind: "op-resolve" }): void {
  const op = record.notes.get(event.instance)?.ops.get(event.op);
  if (op && event.choice !== "skip") op.resolved = event.choice;
}

/** Folds one event into what the engine must know to go on; `value` is what a step-end's delta refers to. */
export function applyToRecord(record: RunRecord, event: RunEvent, value?: Json): void {
  const isInline = event.kind === "step-end" && event.delta !== undefined && "inline" in event.delta;
  record.schedule.apply(
    event,
    value ?? (isInline && event.delta && "inline" in event.delta ? event.delta.inline : undefined),
  );
  switch (event.kind) {
    case "op-start":
      startOp(record, event);
      return;
    case "op-end":
      endOp(record, event);
      return;
    case "op-resolve":
      resolveOp(record, event);
      return;
    case "step-start":
      startStep(record, event);
      return;
    case "ask":
      record.asks.set(event.ask, {
        ask: event.ask,
        instance: event.instance,
        op: event.op,
        kind: event.askKind,
        reason: event.reason,
        digest: event.digest,
        seq: event.seq,
        at: event.at,
      });
      return;
    case "answer":
      answer(record, event);
      return;
    case "step-end":
      if (event.degraded) record.degraded = true;
      record.notes.delete(event.instance);
      return;
    case "step-skip":
    case "step-error":
      withdraw(record, event.instance);
      return;
    case "budget-warn":
      record.warned = true;
      return;
    case "run-adopt":
      record.adopted = true;
      return;
    case "run-end":
      record.status = event.status;
      record.asks.clear();
      return;
  }
}
