import * as z from "zod";
import { categories } from "../protocol/review.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { any, choice, flag, maybe, record, text } from "./spec.ts";

const Hunk = z.object({ oldStart: z.int(), newStart: z.int(), lines: z.int(), text: z.string() });

/** One file as `git.diff` gives it. */
export const File = z.object({
  path: z.string(),
  oldPath: z.string().exactOptional(),
  status: z.enum(["added", "modified", "renamed"]),
  hunks: z.array(Hunk),
  newSide: z.string().exactOptional(),
});

/** What a model wrote; unknown keys are dropped, a half-written fix too. */
export const Draft = z.object({
  quote: z.string(),
  category: z.string().exactOptional(),
  title: z.string().exactOptional(),
  claim: z.string(),
  trigger: z.string().exactOptional(),
  fix: z.object({ old: z.string(), new: z.string() }).optional().catch(undefined),
});

export const Depth = z.enum(["quick", "normal", "deep"]).default("normal");

/** A finding as workflows read it; `reason` and `by` are there when it is held back. */
export const findingFields: { readonly [name: string]: TypeSpec } = {
  id: text,
  path: text,
  line: any,
  endLine: any,
  quote: text,
  rule: text,
  category: choice(categories),
  severity: choice(["high", "medium", "low"]),
  title: text,
  claim: text,
  trigger: text,
  verified: flag,
  evidence: maybe(text),
  fix: maybe(record({ old: text, new: text })),
  reason: maybe(text),
  by: maybe(text),
};
