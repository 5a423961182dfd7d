import type { Digest, ReviewPort, Tool, WorkspacePort } from "../ports.ts";
import { gitDiff } from "./git-diff.ts";
import { reviewAnchor } from "./review-anchor.ts";
import { reviewJudge } from "./review-judge.ts";
import { reviewMerge } from "./review-merge.ts";
import { reviewRules } from "./review-rules.ts";
import { workspaceList } from "./workspace-list.ts";
import { workspaceRead } from "./workspace-read.ts";
import { workspaceSearch } from "./workspace-search.ts";

/** Every tool that workflows may use, by name. Their failures are PodiumErrors. */
export function createTools(ports: {
  readonly workspace: WorkspacePort;
  readonly review: ReviewPort;
  readonly digest: Digest;
}): ReadonlyMap<string, Tool> {
  const { workspace, review, digest } = ports;
  const tools = [
    workspaceList(workspace),
    workspaceRead(workspace),
    workspaceSearch(workspace),
    gitDiff(workspace),
    reviewRules(review, digest),
    reviewAnchor(workspace, review, digest),
    reviewJudge(workspace, review),
    reviewMerge(review),
  ];
  return new Map(tools.map((tool) => [tool.name, tool]));
}
