import { parseTypeText } from "../../sidecar/graph/type-text.ts";
import type { Known } from "../../sidecar/graph/validate.ts";

const tool = (input: string, output: string) => ({ input: parseTypeText(input), output: parseTypeText(output) });

/** The tools of PRODUCT 4.2 that the recipes use. */
export const known: Known = {
  steps: new Set(["ask@1", "use@1", "set@1", "approve@1"]),
  tools: new Map([
    [
      "workspace.search",
      tool(
        "{query: string, top?: int}",
        "{hits: [{path: string, line: int, endLine: int, text: string, score: number}], truncated: bool}",
      ),
    ],
    [
      "workspace.read",
      tool(
        "{path: string, from?: int, to?: int}",
        "{path: string, sha: string, from: int, to: int, lines: int, text: string, truncated: bool}",
      ),
    ],
    [
      "git.diff",
      tool(
        "{scope: string, base?: string, range?: string, patch?: string}",
        "{base?: string, files: [{path: string, oldPath?: string, status: string, hunks: [{oldStart: int, newStart: int, lines: int, text: string}]}], omitted: [{path: string, why: string}]}",
      ),
    ],
    ["review.anchor", tool("{file: string, findings: [any]}", "{findings: [any], heldBack: [any]}")],
    ["review.merge", tool("{findings: [any]}", "{findings: [any], heldBack: [any]}")],
    ["review.publish", tool("{findings: [any]}", "{count: int}")],
  ]),
  agents: new Set(["planner", "reviewer", "verifier"]),
  roles: new Set(["main", "fast", "embed", "vision"]),
};
