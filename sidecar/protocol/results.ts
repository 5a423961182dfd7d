import * as z from "zod";
import { ErrorShape } from "./errors.ts";
import { Effect, RunStatus, StepStatus, Timings, Usage } from "./events.ts";
import { Problem } from "./ir.ts";

/** One thing a run waits for; `answerWith` is the whole command line. */
export const Wait = z.object({
  ask: z.string(),
  kind: z.enum(["question", "grant"]),
  title: z.string().optional(),
  answerWith: z.string(),
});
export type Wait = z.infer<typeof Wait>;

/** Common to every run (PRODUCT 4.1): one object on stdout with `--format json`. */
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

const OpRow = z.object({
  ordinal: z.int(),
  kind: z.enum(["model", "tool", "ask", "once"]),
  name: z.string(),
  status: z.enum(["open", "done", "failed"]),
  hash: z.string(),
  ms: z.int().nullable(),
  usage: Usage.optional(),
});

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

export const RunShow = RunResult.extend({ steps: z.array(StepRow), trace: z.string() });
export type RunShow = z.infer<typeof RunShow>;

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

export const RunsResult = z.object({ runs: z.array(RunRow), next: z.string().optional() });
export type RunsResult = z.infer<typeof RunsResult>;

export const DoctorCheck = z.object({
  id: z.string(),
  ok: z.boolean(),
  message: z.string(),
  fix: z.string().optional(),
});
export type DoctorCheck = z.infer<typeof DoctorCheck>;
export const DoctorResult = z.object({ checks: z.array(DoctorCheck), ok: z.boolean() });
export type DoctorResult = z.infer<typeof DoctorResult>;

export const CheckResult = z.object({
  files: z.array(z.object({ path: z.string(), problems: z.array(Problem) })),
  ok: z.boolean(),
});
export type CheckResult = z.infer<typeof CheckResult>;

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
