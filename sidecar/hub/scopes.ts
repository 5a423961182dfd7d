import type { DiffRequest, RunStore, WorkspacePort } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Result } from "../protocol/methods.ts";

const offered: readonly { readonly request: DiffRequest; readonly label: string }[] = [
  { request: { scope: "staged" }, label: "Staged" },
  { request: { scope: "working" }, label: "Working tree" },
  { request: { scope: "branch" }, label: "Branch against its base" },
];

/** What could be reviewed now, with sizes; the estimate is the mean of earlier reviews here, per file, once there are three. */
export async function reviewScopes(
  workspace: WorkspacePort,
  root: string,
  env: Readonly<Record<string, string>>,
  store: RunStore,
): Promise<Result<"review.scopes">["scopes"]> {
  const perReview = await meanReviewMs(store, root);
  const scopes = await Promise.all(
    offered.map(async ({ request, label }) => {
      try {
        const { files } = await workspace.diff(request, { root, env, signal: AbortSignal.timeout(10_000) });
        const paths = new Set(files.map(({ path }) => path)).size;
        return {
          scope: request.scope,
          label,
          files: paths,
          hunks: files.reduce((sum, file) => sum + file.hunks.length, 0),
          etaMs: perReview,
        };
      } catch (error) {
        if (request.scope === "branch" && error instanceof PodiumError && error.code === "git_failed") return null;
        throw error;
      }
    }),
  );
  return scopes.filter((scope) => scope !== null);
}

async function meanReviewMs(store: RunStore, root: string): Promise<number | null> {
  const rows = await store.list({ roots: [root], limit: 50 });
  const took = rows.flatMap((row) =>
    row.workflow === "review_changes" && row.status === "succeeded" && row.endedAt !== null
      ? [row.endedAt - row.createdAt]
      : [],
  );
  return took.length < 3 ? null : Math.round(took.reduce((sum, ms) => sum + ms, 0) / took.length);
}
