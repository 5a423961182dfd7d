import * as z from "zod";
import type { Tool, WorkspacePort } from "../ports.ts";
import { flag, inWorkspace, list, maybe, parseInput, real, record, text, toJson, whole } from "./spec.ts";

const Input = z.object({
  query: z.string(),
  context: z.string().exactOptional(),
  top: z.int().min(1).max(50).exactOptional(),
});

export const workspaceSearch = (workspace: WorkspacePort): Tool => ({
  name: "workspace.search",
  about: "The passages of the workspace that fit a question best; each hit is the exact text of its lines.",
  effect: "pure",
  input: record({ query: text, context: maybe(text), top: maybe(whole) }),
  output: record({
    hits: list(record({ path: text, line: whole, endLine: whole, text, score: real })),
    truncated: flag,
    note: maybe(text),
    missing: maybe(list(text)),
  }),
  run: async (input, context) =>
    toJson(await workspace.search(parseInput("workspace.search", Input, input), inWorkspace(context))),
});
