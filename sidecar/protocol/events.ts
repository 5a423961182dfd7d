import * as z from "zod";
import { ErrorShape } from "./errors.ts";
import { Budget, Ir } from "./ir.ts";
import { Json, JsonObject } from "./json.ts";

const parkReasons = [
  "ask",
  "budget",
  "unsafe_unknown",
  "provider",
  "crash_loop",
  "paused",
  "storage",
  "trust",
  "definition_missing",
] as const;
export const ParkReason = z.enum(parkReasons);
export type ParkReason = z.infer<typeof ParkReason>;
export const RunStatus = z.enum(["queued", "running", "parked", "succeeded", "failed", "cancelled"]);
export type RunStatus = z.infer<typeof RunStatus>;
export const StepStatus = z.enum(["pending", "ready", "running", "done", "failed", "skipped", "parked"]);
export type StepStatus = z.infer<typeof StepStatus>;
export const Effect = z.enum(["pure", "idempotent", "unsafe"]);
export type Effect = z.infer<typeof Effect>;

/** Tokens of one model call, counted by the server, or estimated and marked so. */
export const Usage = z.object({ in: z.int(), out: z.int(), cached: z.int(), estimated: z.boolean() });
export type Usage = z.infer<typeof Usage>;

/** Where the time of one operation went, whole ms. 0 = did not happen, null = unknown. */
export const Timings = z.object({
  waitMs: z.int().nullable(),
  loadMs: z.int().nullable(),
  promptMs: z.int().nullable(),
  tokensMs: z.int().nullable(),
  toolMs: z.int().nullable(),
  youMs: z.int().nullable(),
});
export type Timings = z.infer<typeof Timings>;

/** What a resumed run must use again: resolved when the run started, never a secret. */
export const RunSettings = z.object({
  roles: z.record(z.string(), z.string()),
  servers: z.array(z.string()),
  /** True when `servers` were named for this run: it uses these and no others. */
  onlyServers: z.boolean().exactOptional(),
  network: z.enum(["local", "lan", "cloud"]),
  requireModel: z.boolean(),
  budget: Budget,
});
export type RunSettings = z.infer<typeof RunSettings>;

/** A value over 16 KiB lives in the blob table, by content hash. */
export const Ref = z.union([z.object({ inline: Json }), z.object({ blob: z.string(), bytes: z.int() })]);
export type Ref = z.infer<typeof Ref>;

const instance = { instance: z.string() };
const op = { instance: z.string(), op: z.int() };

/** The durable kinds: together they are the truth about a run. `op` is the ordinal inside the instance. */
const durableEvents = [
  z.object({
    kind: z.literal("run-start"),
    workflow: z.string(),
    ir: Ir,
    irHash: z.string(),
    input: JsonObject,
    budget: Budget,
    settings: RunSettings,
    env: z.record(z.string(), z.string()),
    root: z.string(),
    trusted: z.boolean(),
    idem: z.string().nullable(),
    imported: z.boolean().exactOptional(),
  }),
  z.object({ kind: z.literal("run-park"), reason: ParkReason, detail: z.string() }),
  z.object({ kind: z.literal("run-resume"), by: z.string() }),
  z.object({ kind: z.literal("run-adopt"), why: z.string() }),
  z.object({ kind: z.literal("run-cancel"), by: z.string() }),
  z.object({
    kind: z.literal("run-end"),
    status: z.enum(["succeeded", "failed", "cancelled"]),
    output: Ref.exactOptional(),
    denied: z.boolean().exactOptional(),
    degraded: z.boolean().exactOptional(),
    error: ErrorShape.exactOptional(),
  }),
  z.object({
    ...instance,
    kind: z.literal("step-start"),
    attempt: z.int(),
    cause: z.enum(["start", "crash", "answer", "retry", "resume"]),
  }),
  z.object({
    ...instance,
    kind: z.literal("step-end"),
    attempt: z.int(),
    ms: z.int(),
    /** The node's value under its id; absent on switch ends. */
    delta: Ref.exactOptional(),
    /** The arms of a switch that were taken. */
    edges: z.array(z.string()).exactOptional(),
    /** A map item's own end. */
    kept: z.boolean().exactOptional(),
    /** An approve that was answered with No. */
    denied: z.boolean().exactOptional(),
    degraded: z.boolean().exactOptional(),
  }),
  z.object({ ...instance, kind: z.literal("step-skip") }),
  z.object({ ...instance, kind: z.literal("step-error"), attempt: z.int(), ms: z.int(), error: ErrorShape }),
  z.object({ ...instance, kind: z.literal("step-park"), reason: ParkReason, detail: z.string() }),
  z.object({ ...instance, kind: z.literal("step-retry"), attempt: z.int(), at: z.int() }),
  z.object({ ...instance, kind: z.literal("map-open"), n: z.int() }),
  z.object({
    ...op,
    kind: z.literal("op-start"),
    attempt: z.int(),
    opKind: z.enum(["model", "tool", "ask", "once"]),
    name: z.string(),
    /** Names an operation that runs beside others, where call order says nothing. */
    key: z.string().exactOptional(),
    hash: z.string(),
    effect: Effect,
    request: Ref,
  }),
  z.object({
    ...op,
    kind: z.literal("op-end"),
    attempt: z.int(),
    result: Ref.exactOptional(),
    usage: Usage.exactOptional(),
    timings: Timings.exactOptional(),
    model: z.string().exactOptional(),
    error: ErrorShape.exactOptional(),
  }),
  z.object({
    ...op,
    kind: z.literal("op-resolve"),
    choice: z.enum(["retry", "done", "skip"]),
    value: Json.exactOptional(),
    by: z.string(),
  }),
  z.object({ ...op, kind: z.literal("model-partial"), text: z.string() }),
  z.object({
    ...op,
    kind: z.literal("ask"),
    ask: z.string(),
    askKind: z.enum(["question", "grant"]),
    title: z.string(),
    show: Json.exactOptional(),
    edit: z.boolean().exactOptional(),
    digest: z.string(),
    reason: ParkReason,
  }),
  z.object({
    ...op,
    kind: z.literal("answer"),
    ask: z.string(),
    by: z.string(),
    door: z.string(),
    value: Json,
  }),
  z.object({ ...op, kind: z.literal("provider-fallback"), from: z.string(), to: z.string(), cause: ErrorShape }),
  z.object({ kind: z.literal("budget-warn"), used: z.int(), limit: z.int() }),
  z.object({ ...op, kind: z.literal("egress"), host: z.string(), bytes: z.int() }),
  z.object({ ...instance, kind: z.literal("signal"), name: z.string(), value: Json }),
] as const;

/** Seen live, never stored; a client that missed some pages the durable log and asks for a snapshot. */
const ephemeralEvents = [
  z.object({ ...op, kind: z.literal("model-wait"), position: z.int(), reason: z.string(), etaMs: z.int().nullable() }),
  z.object({
    ...op,
    kind: z.literal("model-load"),
    elapsedMs: z.int(),
    expectedMs: z.int().nullable(),
    model: z.string(),
  }),
  z.object({ ...op, kind: z.literal("model-prefill"), done: z.int(), total: z.int() }),
  /** `parts` = how many pieces of the stream it joins, about its tokens; absent = 1. */
  z.object({
    ...op,
    kind: z.literal("token-delta"),
    offset: z.int(),
    text: z.string(),
    parts: z.int().positive().exactOptional(),
  }),
  z.object({ ...op, kind: z.literal("model-snapshot"), text: z.string() }),
  z.object({ kind: z.literal("log"), level: z.enum(["debug", "info", "warn", "error"]), text: z.string() }),
] as const;

export const DurableBody = z.discriminatedUnion("kind", durableEvents);
export type DurableBody = z.infer<typeof DurableBody>;
export const EphemeralBody = z.discriminatedUnion("kind", ephemeralEvents);
export type EphemeralBody = z.infer<typeof EphemeralBody>;

/** `at` is wall ms for display only; the order is `seq`, from 1 without gaps. */
const envelope = z.object({ run: z.string(), seq: z.int(), at: z.number(), epoch: z.int() });
export const RunEvent = z.intersection(envelope, DurableBody);
export type RunEvent = z.infer<typeof envelope> & DurableBody;
export const LiveEvent = z.intersection(z.object({ run: z.string(), at: z.number() }), EphemeralBody);
export type LiveEvent = { readonly run: string; readonly at: number } & EphemeralBody;
