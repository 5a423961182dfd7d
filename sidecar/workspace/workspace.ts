import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock, WorkspaceContext, WorkspacePort } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { listFiles, readBytes, readText } from "./files.ts";
import { blobText, diff } from "./git/diff.ts";
import { createIndex } from "./search/index.ts";

export interface WorkspaceOptions {
  /** The data directory in use: never readable, and `index/` in it holds the index files. */
  readonly dataDirectory: string;
  /** `sidecar/workspace/search/worker.ts`, or the bundled `dist/index-worker.mjs`. */
  readonly workerUrl: URL;
  /** better_sqlite3.node beside a bundle; absent = found by the package. */
  readonly nativeBinding?: string;
  /** False: no index is made, a search scans the files each time and says so. */
  readonly indexEnabled: () => boolean;
  readonly clock: Pick<Clock, "sleep">;
}

async function realContext(context: WorkspaceContext): Promise<WorkspaceContext> {
  const root = await realpath(context.root).catch((error: unknown) => {
    throw new PodiumError("file_missing", `The workspace folder ${context.root} does not exist; open one that does.`, {
      cause: error,
    });
  });
  return { ...context, root };
}

/** Opens the reading side of workspaces: files, search, changes; each call is confined to its root. */
export function createWorkspace(options: WorkspaceOptions): WorkspacePort {
  const forbidden = [options.dataDirectory, join(homedir(), ".podium")];
  const index = createIndex(options, forbidden);
  const reader = (context: WorkspaceContext) => async (path: string) =>
    (await readBytes(context.root, path, forbidden)).bytes.toString("utf8");
  return {
    list: async (request, context) => listFiles(request, await realContext(context), forbidden),
    read: async (request, context) => readText(request, await realContext(context), forbidden),
    search: async (request, context) => index.search(request, await realContext(context)),
    diff: async (request, context) => {
      const real = await realContext(context);
      return diff(request, real, reader(real));
    },
    newText: async ({ path, newSide }, context) => {
      if (newSide === undefined) return null;
      const real = await realContext(context);
      if (newSide !== "file") return /^[0-9a-f]{40,64}$/.test(newSide) ? blobText(newSide, real) : null;
      return reader(real)(path).catch(() => null);
    },
    close: () => index.close(),
  };
}
