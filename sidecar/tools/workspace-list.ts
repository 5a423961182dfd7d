import * as z from "zod";
import type { Tool, WorkspacePort } from "../ports.ts";
import { flag, inWorkspace, list, maybe, parseInput, record, text, toJson, whole } from "./spec.ts";

const Input = z.object({ path: z.string().exactOptional(), glob: z.string().exactOptional() });

export const workspaceList = (workspace: WorkspacePort): Tool => ({
  name: "workspace.list",
  about: "Files of the workspace that git does not ignore, with their sizes in bytes.",
  effect: "pure",
  input: record({ path: maybe(text), glob: maybe(text) }),
  output: record({ files: list(record({ path: text, bytes: whole })), truncated: flag }),
  run: async (input, context) =>
    toJson(await workspace.list(parseInput("workspace.list", Input, input), inWorkspace(context))),
});
