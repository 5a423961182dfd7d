import * as z from "zod";
import type { Tool, WorkspacePort } from "../ports.ts";
import { flag, inWorkspace, maybe, parseInput, record, text, toJson, whole } from "./spec.ts";

const Input = z.object({
  path: z.string().min(1),
  from: z.int().min(1).exactOptional(),
  to: z.int().min(1).exactOptional(),
});

export const workspaceRead = (workspace: WorkspacePort): Tool => ({
  name: "workspace.read",
  about: "The text of one file, or of its lines from..to (1-based, inclusive), with the sha256 of the file.",
  effect: "pure",
  input: record({ path: text, from: maybe(whole), to: maybe(whole) }),
  output: record({ path: text, sha: text, from: whole, to: whole, lines: whole, text, truncated: flag }),
  run: async (input, context) =>
    toJson(await workspace.read(parseInput("workspace.read", Input, input), inWorkspace(context))),
});
