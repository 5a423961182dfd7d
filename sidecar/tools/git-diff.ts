import * as z from "zod";
import type { Tool, WorkspacePort } from "../ports.ts";
import { choice, inWorkspace, list, maybe, parseInput, record, text, toJson, whole } from "./spec.ts";

const scopes = ["selection", "file", "unstaged", "staged", "working", "branch", "range", "patch"] as const;
const Input = z.object({
  scope: z.enum(scopes),
  base: z.string().exactOptional(),
  range: z.string().exactOptional(),
  patch: z.string().exactOptional(),
  path: z.string().exactOptional(),
  line: z.int().min(1).exactOptional(),
  endLine: z.int().min(1).exactOptional(),
});

const hunk = record({ oldStart: whole, newStart: whole, lines: whole, text });
const file = record({
  path: text,
  oldPath: maybe(text),
  status: choice(["added", "modified", "renamed"]),
  hunks: list(hunk),
  newSide: maybe(text),
});

export const gitDiff = (workspace: WorkspacePort): Tool => ({
  name: "git.diff",
  about: "A change as files and hunks, riskiest file first; what is not worth a review is named under omitted.",
  effect: "pure",
  input: record({
    scope: choice(scopes),
    base: maybe(text),
    range: maybe(text),
    patch: maybe(text),
    path: maybe(text),
    line: maybe(whole),
    endLine: maybe(whole),
  }),
  output: record({ base: maybe(text), files: list(file), omitted: list(record({ path: text, why: text })) }),
  run: async (input, context) =>
    toJson(await workspace.diff(parseInput("git.diff", Input, input), inWorkspace(context))),
});
