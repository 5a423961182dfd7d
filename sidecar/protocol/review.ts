import * as z from "zod";

export const categories = [
  "correctness",
  "security",
  "resource",
  "concurrency",
  "error_handling",
  "api_misuse",
  "performance",
  "test",
  "style",
] as const;
export const Category = z.enum(categories);
export type Category = z.infer<typeof Category>;
export const Severity = z.enum(["high", "medium", "low"]);
export type Severity = z.infer<typeof Severity>;

/** A finding as outside programs read it (PRODUCT 4.1). Lines are 1-based, of the new side; null when not anchored. */
export const Finding = z.object({
  id: z.string(),
  path: z.string(),
  line: z.int().nullable(),
  endLine: z.int().nullable(),
  quote: z.string(),
  rule: z.string(),
  category: Category,
  severity: Severity,
  title: z.string(),
  claim: z.string(),
  trigger: z.string(),
  verified: z.boolean(),
  evidence: z.string().optional(),
  fix: z.object({ old: z.string(), new: z.string() }).optional(),
});
export type Finding = z.infer<typeof Finding>;

const holdReasons = [
  "not_anchored",
  "evidence_not_found",
  "not_real",
  "unsure",
  "not_verified",
  "low",
  "cap",
  "duplicate",
  "tool_said_it",
  "dismissed",
] as const;
const HoldReason = z.enum(holdReasons);

export const HeldFinding = Finding.extend({
  reason: HoldReason,
  by: z.enum(["anchor", "verifier", "rule", "cap", "tool", "memory"]),
});
export type HeldFinding = z.infer<typeof HeldFinding>;

/** The value of a durable signal `finding`: shown if `reason` is absent, else listed under Held back. */
export const FindingSignal = z.union([HeldFinding, Finding]);
export type FindingSignal = z.infer<typeof FindingSignal>;

export const Citation = z.object({ n: z.int(), path: z.string(), line: z.int(), endLine: z.int(), quote: z.string() });
export type Citation = z.infer<typeof Citation>;

export const AskResult = z.object({
  text: z.string(),
  citations: z.array(Citation),
  extractive: z.boolean(),
  /** What a person should know of how this answer came about, in a sentence or two. */
  note: z.string().exactOptional(),
});
export type AskResult = z.infer<typeof AskResult>;

export const ReviewResult = z.object({
  scope: z.string(),
  base: z.string().optional(),
  files: z.int(),
  hunks: z.int(),
  findings: z.array(Finding),
  heldBack: z.array(HeldFinding),
  omitted: z.array(z.object({ path: z.string(), why: z.string() })),
});
export type ReviewResult = z.infer<typeof ReviewResult>;
