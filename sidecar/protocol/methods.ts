import * as z from "zod";
import { LiveEvent, RunEvent, RunSettings } from "./events.ts";
import { Attention, Hello, HelloResult, type Scope } from "./hub.ts";
import { Json, JsonObject } from "./json.ts";
import { ModelsResult } from "./models.ts";
import { CheckResult, DoctorResult, RunShow, RunsResult, WorkflowInfo } from "./results.ts";

interface Row {
  readonly kind: "query" | "command" | "stream";
  /** `none` = answered before a token is known (only hello). */
  readonly scope: z.infer<typeof Scope> | "none";
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  readonly item?: z.ZodType;
  readonly rest?: { readonly verb: "get" | "post" | "put" | "delete"; readonly path: string };
  readonly maxBytes: number;
  readonly idem?: true;
}

const small = 64 * 1024;
const large = 1024 * 1024;
const run = z.object({ run: z.string() });
const table = <T extends { readonly [name: string]: Row }>(rows: T): T => rows;

/** Every request a client may send. WebSocket, REST and OpenAPI derive from these rows; a missing handler does not compile. */
export const methods = table({
  hello: { kind: "command", scope: "none", params: Hello, result: HelloResult, maxBytes: small },
  ping: { kind: "query", scope: "read", params: z.object({}), result: z.object({ at: z.number() }), maxBytes: small },
  /** Starts a run of a registered workflow, a file of the workspace, and answers at once. */
  "run.start": {
    kind: "command",
    scope: "run",
    params: z.object({
      workflow: z.string(),
      input: JsonObject,
      root: z.string().optional(),
      idem: z.string().optional(),
      settings: RunSettings.partial().optional(),
    }),
    result: run,
    rest: { verb: "post", path: "/api/v1/runs" },
    maxBytes: large,
    idem: true,
  },
  "run.list": {
    kind: "query",
    scope: "read",
    params: z.object({
      limit: z.int().min(1).max(500).optional(),
      before: z.string().optional(),
      all: z.boolean().optional(),
    }),
    result: RunsResult,
    rest: { verb: "get", path: "/api/v1/runs" },
    maxBytes: small,
  },
  "run.get": {
    kind: "query",
    scope: "read",
    params: run,
    result: RunShow,
    rest: { verb: "get", path: "/api/v1/runs/{run}" },
    maxBytes: small,
  },
  /** Pages the durable log: events with seq > after. `ended` = no more will come unless the run is resumed. */
  "run.events": {
    kind: "query",
    scope: "read",
    params: z.object({
      run: z.string(),
      after: z.int().min(0),
      limit: z.int().min(1).max(500).optional(),
    }),
    result: z.object({ events: z.array(RunEvent), head: z.int(), ended: z.boolean() }),
    rest: { verb: "get", path: "/api/v1/runs/{run}/events" },
    maxBytes: small,
  },
  /** Live feed of one run from the head on: durable and ephemeral events; a snapshot per open generation comes first. */
  "run.watch": {
    kind: "stream",
    scope: "read",
    params: run,
    result: z.object({ head: z.int() }),
    item: z.union([z.object({ event: RunEvent }), z.object({ live: LiveEvent })]),
    maxBytes: small,
  },
  /** Changes of the lists and of the one status line: runs, models, attention. */
  "hub.watch": {
    kind: "stream",
    scope: "read",
    params: z.object({}),
    result: z.object({}),
    item: z.union([
      z.object({ runs: RunsResult.shape.runs }),
      z.object({ models: ModelsResult }),
      z.object({ attention: Attention.nullable() }),
      z.object({ working: z.object({ run: z.string(), label: z.string(), queue: z.int() }).nullable() }),
      z.object({ findings: z.object({ run: z.string(), root: z.string(), path: z.string() }) }),
      z.object({ draining: z.object({ calls: z.int() }) }),
    ]),
    maxBytes: small,
  },
  /** The value of a blob reference of this run. */
  "run.blob": {
    kind: "query",
    scope: "read",
    params: z.object({ run: z.string(), hash: z.string() }),
    result: z.object({ value: Json }),
    maxBytes: small,
  },
  "run.cancel": {
    kind: "command",
    scope: "run",
    params: run,
    result: z.object({}),
    rest: { verb: "delete", path: "/api/v1/runs/{run}" },
    maxBytes: small,
  },
  "run.resume": {
    kind: "command",
    scope: "run",
    params: run,
    result: z.object({ status: z.string() }),
    maxBytes: small,
  },
  /** Answers an ask; a grant needs the scope human, which the handler checks. */
  "run.answer": {
    kind: "command",
    scope: "run",
    params: z.object({ run: z.string(), ask: z.string().optional(), value: Json }),
    result: z.object({ ask: z.string() }),
    maxBytes: large,
  },
  "run.export": { kind: "query", scope: "read", params: run, result: z.object({ jsonl: z.string() }), maxBytes: small },
  "run.import": {
    kind: "command",
    scope: "run",
    params: z.object({ jsonl: z.string() }),
    result: run,
    maxBytes: 64 * large,
  },
  "workflow.list": {
    kind: "query",
    scope: "read",
    params: z.object({}),
    result: z.object({ workflows: z.array(WorkflowInfo) }),
    rest: { verb: "get", path: "/api/v1/workflows" },
    maxBytes: small,
  },
  "workflow.check": {
    kind: "query",
    scope: "read",
    params: z.object({ files: z.array(z.string()).optional() }),
    result: CheckResult,
    maxBytes: small,
  },
  /** What model servers there are; `refresh` looks again instead of answering from the last look. */
  "model.list": {
    kind: "query",
    scope: "read",
    params: z.object({ refresh: z.boolean().optional(), servers: z.array(z.string()).optional() }),
    result: ModelsResult,
    rest: { verb: "get", path: "/api/v1/models" },
    maxBytes: small,
  },
  "review.scopes": {
    kind: "query",
    scope: "read",
    params: z.object({ root: z.string() }),
    result: z.object({
      scopes: z.array(
        z.object({ scope: z.string(), label: z.string(), files: z.int(), hunks: z.int(), etaMs: z.int().nullable() }),
      ),
    }),
    maxBytes: small,
  },
  "doctor.run": {
    kind: "query",
    scope: "read",
    params: z.object({ rebuild: z.boolean().optional() }),
    result: DoctorResult,
    maxBytes: small,
  },
  /** Settings of this connection's person; the safety keys of all connections are combined to the strictest. */
  "settings.set": {
    kind: "command",
    scope: "read",
    params: z.object({
      settings: z.record(z.string(), z.unknown()),
      trusted: z.boolean().optional(),
      roots: z.array(z.string()).optional(),
    }),
    result: z.object({}),
    maxBytes: large,
  },
  "hub.status": {
    kind: "query",
    scope: "read",
    params: z.object({}),
    result: z.object({
      pid: z.int(),
      startedAt: z.number(),
      clients: z.int(),
      openRuns: z.int(),
      home: z.string(),
      version: z.string(),
    }),
    rest: { verb: "get", path: "/ready" },
    maxBytes: small,
  },
  /** Drains and ends the hub: open operations are waited for (`now` aborts them), runs go on at the next start. */
  "hub.stop": {
    kind: "command",
    scope: "admin",
    params: z.object({ now: z.boolean().optional() }),
    result: z.object({}),
    maxBytes: small,
  },
});

type Methods = typeof methods;
export type Method = keyof Methods;
/** In the order of the table. */
export const methodNames = Object.keys(methods) as readonly Method[];
export type Params<M extends Method> = z.output<Methods[M]["params"]>;
/** What a caller may leave out is optional here. */
export type ParamsInput<M extends Method> = z.input<Methods[M]["params"]>;
export type Result<M extends Method> = z.output<Methods[M]["result"]>;
export type StreamMethod = { [M in Method]: Methods[M]["kind"] extends "stream" ? M : never }[Method];
export type Item<M extends StreamMethod> = Methods[M] extends { item: infer I extends z.ZodType } ? z.output<I> : never;
