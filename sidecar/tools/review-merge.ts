import * as z from "zod";
import type { ReviewPort, Tool } from "../ports.ts";
import { FindingSignal, type ReviewResult } from "../protocol/review.ts";
import { File, findingFields } from "./review-shapes.ts";
import { any, list, maybe, parseInput, record, text, toJson, whole } from "./spec.ts";

const omission = z.object({ path: z.string(), why: z.string() });
const Failed = z.object({ index: z.int(), code: z.string(), message: z.string() });
type Nested = FindingSignal | readonly Nested[];
const Nested: z.ZodType<Nested> = z.lazy(() => z.union([FindingSignal, z.array(Nested)]));
const Input = z.object({
  scope: z.string().default(""),
  change: z
    .object({ base: z.string().exactOptional(), files: z.array(File), omitted: z.array(omission) })
    .default({ files: [], omitted: [] }),
  findings: z.array(Nested),
  failed: z.array(Failed).default([]),
});

const flatten = (nested: readonly Nested[]): readonly FindingSignal[] =>
  nested.flatMap((each): readonly FindingSignal[] => ("length" in each ? flatten(each) : [each]));

const order = { high: 0, medium: 1, low: 2 } as const;

export const reviewMerge = (review: ReviewPort): Tool => ({
  name: "review.merge",
  about:
    "The result of a review: findings by severity with the display's caps, what was held back and what was not looked at.",
  effect: "pure",
  input: record({ scope: maybe(text), change: maybe(any), findings: list(any), failed: maybe(list(any)) }),
  output: record({
    scope: text,
    base: maybe(text),
    files: whole,
    hunks: whole,
    findings: list(record(findingFields)),
    heldBack: list(record(findingFields)),
    omitted: list(record({ path: text, why: text })),
  }),
  run: async (input) => {
    const { scope, change, findings, failed } = parseInput("review.merge", Input, input);
    const { findings: shown, heldBack } = review.fold(flatten(findings));
    const unread = failed.map(({ index, code, message }) => ({
      path: change.files[index]?.path ?? `item ${index}`,
      why: `not reviewed: ${code}: ${message}`,
    }));
    const result: ReviewResult = {
      scope,
      ...(change.base === undefined ? {} : { base: change.base }),
      files: new Set(change.files.map(({ path }) => path)).size,
      hunks: change.files.reduce((total, file) => total + file.hunks.length, 0),
      findings: shown.toSorted((a, b) => order[a.severity] - order[b.severity]),
      heldBack: [...heldBack],
      omitted: [...change.omitted, ...unread],
    };
    return toJson(result);
  },
});
