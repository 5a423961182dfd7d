import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PodiumError } from "../protocol/errors.ts";
import { type Build, HubRecord } from "../protocol/hub.ts";

/**
 * The data directory. `PODIUM_HOME` wins; a build that runs from a clone keeps to `<clone>/.podium-home`,
 * so that it never touches the runs of an installed Podium; else `~/.podium`.
 */
export function homeDirectory(env: NodeJS.ProcessEnv, build: Build, clone: string): string {
  const chosen = env["PODIUM_HOME"];
  if (chosen) return chosen;
  return build.channel === "dev" ? join(clone, ".podium-home") : join(homedir(), ".podium");
}

/** Reads `hub.json`; null when there is none, it is torn, or it belongs to somebody else. */
export function readRecord(home: string): HubRecord | null {
  const file = join(home, "hub.json");
  try {
    const owner = statSync(file).uid;
    if (process.getuid && owner !== process.getuid()) return null;
    const parsed = HubRecord.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return null;
    throw new PodiumError(
      "data_unreadable",
      `Cannot read ${file}. Check its permissions, or set PODIUM_HOME to another folder.`,
      { cause: error },
    );
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/** True while a process with this pid exists; says nothing about whose it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
