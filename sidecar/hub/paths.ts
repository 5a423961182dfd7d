import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the parts of this build lie, from the file that runs: a bundle in dist/, or the sources. */
export interface BuildPaths {
  readonly dist: string;
  readonly clone: string;
  readonly assets: string;
  readonly workerUrl: URL;
}

/** `entry` is the URL of dist/hub.mjs or dist/cli.mjs. */
export function buildPaths(entry: string): BuildPaths {
  const dist = dirname(fileURLToPath(entry));
  const bundled = existsSync(join(dist, "assets"));
  return {
    dist,
    clone: dirname(dist),
    assets: bundled ? join(dist, "assets") : join(dist, "..", "dist", "assets"),
    workerUrl: bundled ? new URL("./index-worker.mjs", entry) : new URL("./workspace/search/worker.ts", entry),
  };
}

/** Lanes belong to the OS user, whatever the data directory; only tests move them. */
export const lanesDirectory = (env: NodeJS.ProcessEnv): string => env["PODIUM_LANES"] ?? join(homedir(), ".podium");
