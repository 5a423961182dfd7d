import * as z from "zod";
import { ErrorShape } from "./errors.ts";
import { Effect, ParkReason, RunStatus, StepStatus, Timings, Usage } from "./events.ts";
import { Problem } from "./ir.ts";

/** One thing a run waits for; `answerWith` is the whole command line. */
export const Wait = z.object({
  ask: z.string(),
  kind: z.enum(["question", "grant"]),
  title: z.string().optional(),
  /** Why it waits; `unsafe_unknown` wants `"retry"`, `"done"` or `"skip"` for an answer. */
  reason: ParkReason.optional(),
  answerWith: z.string(),
});
export type Wait = z.infer<typeof Wait>;

/**
 * Common to every run (PRODUCT 4.1): one object on stdout with `--format json`. `exit` = the exit code; `timings` has a row
 * per step that did something, whole ms, 0 = did not happen, null = unknown; `egress.bytes` counts only what left this machine.
 */
export const RunResult = z.object({
  run: z.string(),
  workflow: z.string(),
  status: RunStatus,
  exit: z.int(),
  degraded: z.boolean(),
  denied: z.boolean(),
  reason: z.string().optional(),
  waits: z.array(Wait),
  result: z.unknown(),
  timings: z.array(z.object({ instance: z.string(), attempt: z.int(), ...Timings.shape })),
  usage: Usage,
  cost: z.object({ usd: z.number() }),
  egress: z.object({ bytes: z.int(), hosts: z.array(z.string()) }),
  models: z.array(z.string()),
  error: ErrorShape.optional(),
});
export type RunResult = z.infer<typeof RunResult>;

/** One operation of a step; `hash` is that of its request, `ms` is null while it is open. */
const OpRow = z.object({
  ordinal: z.int(),
  kind: z.enum(["model", "tool", "ask", "once"]),
  name: z.string(),
  status: z.enum(["open", "done", "failed"]),
  hash: z.string(),
  ms: z.int().nullable(),
  usage: Usage.optional(),
});

/** One instance, of its last attempt. `startedAt` in wall ms, `ms` from start to end; null = not yet. */
export const StepRow = z.object({
  instance: z.string(),
  step: z.string(),
  status: StepStatus,
  attempt: z.int(),
  startedAt: z.number().nullable(),
  ms: z.int().nullable(),
  effect: Effect,
  ops: z.array(OpRow),
});
export type StepRow = z.infer<typeof StepRow>;

/** `trace` = sha256 over what the steps made: equal inputs and equal answers of models give the same one. */
export const RunShow = RunResult.extend({ steps: z.array(StepRow), trace: z.string() });
export type RunShow = z.infer<typeof RunShow>;

/** A run in a list. Times in wall ms; `attempts` = 1 + how often it was taken over after a crash; `waits` = open questions. */
export const RunRow = z.object({
  run: z.string(),
  workflow: z.string(),
  status: RunStatus,
  reason: z.string().optional(),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
  attempts: z.int(),
  /** First line of the input, for a list. */
  title: z.string().optional(),
  root: z.string().optional(),
  waits: z.int().optional(),
  imported: z.boolean().optional(),
});
export type RunRow = z.infer<typeof RunRow>;

/** Newest first; `next` is the `before` of the next page, absent on the last one. */
export const RunsResult = z.object({ runs: z.array(RunRow), next: z.string().optional() });
export type RunsResult = z.infer<typeof RunsResult>;

/** One thing that doctor looked at; `fix` is a whole command or sentence. */
export const DoctorCheck = z.object({
  id: z.string(),
  ok: z.boolean(),
  message: z.string(),
  fix: z.string().optional(),
});
export type DoctorCheck = z.infer<typeof DoctorCheck>;
export const DoctorResult = z.object({ checks: z.array(DoctorCheck), ok: z.boolean() });
export type DoctorResult = z.infer<typeof DoctorResult>;

/** Problems by file, its path relative to the workspace with `/`; lines and columns count from 1. */
export const CheckResult = z.object({
  files: z.array(z.object({ path: z.string(), problems: z.array(Problem) })),
  ok: z.boolean(),
});
export type CheckResult = z.infer<typeof CheckResult>;

/** A workflow that can be named; `inputs` by name as type specs, `hash` is that of its graph. */
export const WorkflowInfo = z.object({
  name: z.string(),
  about: z.string().optional(),
  source: z.enum(["builtin", "mine", "workspace"]),
  /** Absolute file, when a person can open it. */
  file: z.string().optional(),
  hash: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  problems: z.array(Problem),
});
export type WorkflowInfo = z.infer<typeof WorkflowInfo>;
