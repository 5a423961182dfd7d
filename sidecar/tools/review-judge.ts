import * as z from "zod";
import type { ReviewPort, Tool, WorkspacePort } from "../ports.ts";
import { FindingSignal } from "../protocol/review.ts";
import { Depth, File, findingFields } from "./review-shapes.ts";
import { any, inWorkspace, maybe, parseInput, record, text, toJson } from "./spec.ts";

const Input = z.object({
  item: FindingSignal,
  verdict: z
    .object({ verdict: z.string(), evidence: z.string().default("") })
    .nullable()
    .default(null),
  file: File,
  depth: Depth,
});

const hunkText = (file: z.infer<typeof File>): string =>
  file.hunks
    .flatMap((hunk) => hunk.text.split("\n").slice(1))
    .filter((line) => !line.startsWith("-"))
    .map((line) => line.slice(1))
    .join("\n");

export const reviewJudge = (workspace: WorkspacePort, review: ReviewPort): Tool => ({
  name: "review.judge",
  about: "Decides by rule what becomes of one finding after its verdict: shown, or held back with the reason.",
  effect: "pure",
  input: record({ item: any, verdict: maybe(any), file: any, depth: maybe(text) }),
  output: record({ finding: record(findingFields) }),
  run: async (input, context) => {
    const { item, verdict, file, depth } = parseInput("review.judge", Input, input);
    const newText = (await workspace.newText(file, inWorkspace(context))) ?? hunkText(file);
    return toJson({ finding: review.judge(item, verdict, newText, depth === "quick" ? "quick" : "normal") });
  },
});
