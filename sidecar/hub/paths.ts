import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders of the files that come with Podium and that a person can open and copy. */
export interface Assets {
  readonly workflows: string;
  readonly agents: string;
}

/** Where the parts of this build lie, from the file that runs: a bundle in dist/, or the sources. */
export interface BuildPaths {
  readonly dist: string;
  readonly clone: string;
  readonly assets: Assets;
  readonly workerUrl: URL;
}

/** `entry` is the URL of dist/hub.mjs or dist/cli.mjs, or of their sources. */
export function buildPaths(entry: string): BuildPaths {
  const dist = dirname(fileURLToPath(entry));
  const bundled = existsSync(join(dist, "assets"));
  return {
    dist,
    clone: dirname(dist),
    assets: bundled
      ? { workflows: join(dist, "assets", "workflows"), agents: join(dist, "assets", "agents") }
      : { workflows: join(dist, "workflows", "builtin"), agents: join(dist, "agents", "builtin") },
    workerUrl: bundled ? new URL("./index-worker.mjs", entry) : new URL("./workspace/search/worker.ts", entry),
  };
}

/** Lanes belong to the OS user, whatever the data directory; only tests move them. */
export const lanesDirectory = (env: NodeJS.ProcessEnv): string => env["PODIUM_LANES"] ?? join(homedir(), ".podium");
