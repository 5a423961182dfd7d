import type { Dirent } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import ignore from "ignore";
import { PodiumError } from "../protocol/errors.ts";
import { isReserved } from "./confine.ts";
import { type GitCall, git } from "./git/run.ts";

const skipped = new Set(["node_modules", ".git", ".hg", ".svn", ".venv", "__pycache__"]);
const maxDepth = 64;

interface Rules {
  readonly prefix: string;
  readonly matcher: ReturnType<typeof ignore>;
}

const ignores = (rules: readonly Rules[], path: string): boolean => {
  let answer = false;
  for (const { prefix, matcher } of rules) {
    const verdict = matcher.test(path.slice(prefix.length));
    if (verdict.ignored) answer = true;
    if (verdict.unignored) answer = false;
  }
  return answer;
};

async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    return (await readdir(directory, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // A folder that vanished or may not be read has no files for us.
    return [];
  }
}

async function rulesIn(
  root: string,
  prefix: string,
  above: readonly Rules[],
  entries: readonly Dirent[],
): Promise<readonly Rules[]> {
  if (!entries.some((entry) => entry.name === ".gitignore" && entry.isFile())) return above;
  const text = await readFile(join(root, prefix, ".gitignore"), "utf8").catch(() => "");
  return [...above, { prefix, matcher: ignore().add(text) }];
}

/** Breadth first, links not followed, at most `limit` paths. */
async function walk(root: string, limit: number, signal: AbortSignal): Promise<readonly string[]> {
  const found: string[] = [];
  const queue: { readonly prefix: string; readonly rules: readonly Rules[]; readonly depth: number }[] = [
    { prefix: "", rules: [], depth: 0 },
  ];
  for (let next = queue.shift(); next !== undefined && found.length < limit; next = queue.shift()) {
    signal.throwIfAborted();
    const entries = await entriesOf(join(root, next.prefix));
    const rules = await rulesIn(root, next.prefix, next.rules, entries);
    for (const entry of entries) {
      const path = `${next.prefix}${entry.name}`;
      if (isReserved(entry.name) || skipped.has(entry.name)) continue;
      if (entry.isDirectory() && next.depth < maxDepth && !ignores(rules, `${path}/`)) {
        queue.push({ prefix: `${path}/`, rules, depth: next.depth + 1 });
      }
      if (entry.isFile() && !ignores(rules, path)) found.push(path);
    }
  }
  return found;
}

const allowed = (path: string): boolean => !path.split("/").some((name) => isReserved(name) || name === "node_modules");

/** Every file that is not ignored, relative with `/`: as git sees it, or by walking when there is no repository or no git. */
export async function workspacePaths(call: GitCall, limit: number): Promise<readonly string[]> {
  try {
    const output = await git(["ls-files", "-co", "--exclude-standard", "-z"], call);
    const paths = new Set(output.toString("utf8").split("\0"));
    paths.delete("");
    return [...paths].filter(allowed).slice(0, limit);
  } catch (error) {
    const walkable = error instanceof PodiumError && error.code !== "cancelled";
    if (!walkable) throw error;
    return walk(call.root, limit, call.signal);
  }
}

export interface FileStatus {
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
}

/** Size and time of those paths that are regular files; links, pipes, devices and missing files are left out. */
export async function statuses(root: string, paths: readonly string[]): Promise<readonly FileStatus[]> {
  const found: FileStatus[] = [];
  for (let start = 0; start < paths.length; start += 64) {
    const batch = paths.slice(start, start + 64).map(async (path) => {
      const status = await lstat(join(root, path)).catch(() => null);
      return status?.isFile() ? { path, bytes: status.size, modified: Math.floor(status.mtimeMs) } : null;
    });
    for (const status of await Promise.all(batch)) if (status !== null) found.push(status);
  }
  return found;
}
