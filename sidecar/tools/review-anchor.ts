import * as z from "zod";
import type { DiffFile, Digest, ReviewPort, Tool, WorkspaceContext, WorkspacePort } from "../ports.ts";
import { Finding } from "../protocol/review.ts";
import { Depth, Draft, File, findingFields } from "./review-shapes.ts";
import { any, flag, inWorkspace, list, maybe, parseInput, record, text, toJson } from "./spec.ts";

const Input = z.object({
  file: z.union([z.string(), File]),
  findings: z.array(Draft),
  rules: z.array(Finding).default([]),
  depth: Depth,
});

const item = record({ ...findingFields, slice: text, verify: flag });

/** A path instead of a file of a change: all of its lines count as changed. */
async function asFile(path: string, workspace: WorkspacePort, context: WorkspaceContext): Promise<DiffFile> {
  const diff = await workspace.diff({ scope: "file", path }, context);
  return diff.files[0] ?? { path, status: "modified", hunks: [], newSide: "file" };
}

export const reviewAnchor = (workspace: WorkspacePort, review: ReviewPort, digest: Digest): Tool => ({
  name: "review.anchor",
  about: "Puts a model's findings on the changed lines that they quote; what is not there is held back.",
  effect: "pure",
  input: record({ file: any, findings: list(any), rules: maybe(list(any)), depth: maybe(text) }),
  output: record({ items: list(item), findings: list(item), heldBack: list(item) }),
  run: async (input, context) => {
    const { file: given, findings, rules, depth } = parseInput("review.anchor", Input, input);
    const place = inWorkspace(context);
    const file = typeof given === "string" ? await asFile(given, workspace, place) : given;
    const newText = await workspace.newText(file, place);
    const drafts = findings.map(({ fix, ...draft }) => (fix === undefined ? draft : { ...draft, fix }));
    const items = review.anchor(
      { file, newText, drafts, rules, depth: depth === "quick" ? "quick" : "normal" },
      digest,
    );
    const heldBack = items.filter((each) => "reason" in each);
    return toJson({ items, findings: items.filter((each) => !("reason" in each)), heldBack });
  },
});
