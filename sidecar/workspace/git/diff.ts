import { isAbsolute, relative, sep } from "node:path";
import type { Diff, DiffFile, DiffRequest } from "../../ports.ts";
import { PodiumError } from "../../protocol/errors.ts";
import { type PatchFile, parsePatch } from "./patch.ts";
import { type GitCall, git, gitLine, withoutFilters } from "./run.ts";
import { arrange, contentOmission, omissionOf } from "./triage.ts";

/** Reads one file of the working tree as text; throws PodiumErrors. */
export type ReadFile = (path: string) => Promise<string>;

interface RawEntry {
  readonly status: string;
  readonly path: string;
  readonly oldPath: string | undefined;
  readonly newOid: string;
  readonly newMode: string;
}

type Omitted = { readonly path: string; readonly why: string };
type Sorted = { readonly file: DiffFile } | { readonly omit: Omitted };

const options = [
  "--no-ext-diff",
  "--no-textconv",
  "--no-color",
  "--relative",
  "--ignore-submodules=all",
  "-M",
  "-U5",
  "--full-index",
  "--abbrev=64",
];
const formats = [
  "--src-prefix=a/",
  "--dst-prefix=b/",
  "--diff-algorithm=histogram",
  "--inter-hunk-context=0",
  "--raw",
  "-z",
  "-p",
];

/** Reads the NUL-separated records of `--raw -z`; the patch follows after an empty record. */
function parseRaw(output: string): { readonly entries: readonly RawEntry[]; readonly patch: string } {
  const entries: RawEntry[] = [];
  let at = 0;
  const next = (): string => {
    const end = output.indexOf("\0", at);
    const field = end === -1 ? output.slice(at) : output.slice(at, end);
    at = end === -1 ? output.length : end + 1;
    return field;
  };
  while (output[at] === ":") {
    const [, newMode = "", , newOid = "", status = ""] = next().split(" ");
    const first = next();
    const moved = status.startsWith("R") || status.startsWith("C");
    entries.push({
      status: status.charAt(0),
      newMode,
      newOid,
      oldPath: moved ? first : undefined,
      path: moved ? next() : first,
    });
  }
  return { entries, patch: output.slice(at).replace(/^\0/, "") };
}

function statusOf(letter: string): DiffFile["status"] {
  if (letter === "A") return "added";
  return letter === "R" || letter === "C" ? "renamed" : "modified";
}

const modes: { readonly [mode: string]: string } = { "160000": "submodule", "120000": "symbolic link" };

function sortEntry(entry: RawEntry, patch: PatchFile | undefined): Sorted {
  const { path, oldPath, status, newMode, newOid } = entry;
  const omit = (why: string): Sorted => ({ omit: { path, why } });
  if (status === "D") return omit("deleted");
  if (status === "U") return omit("merge conflict in the index");
  const special = modes[newMode] ?? omissionOf(path);
  if (special !== null) return omit(special);
  if (patch?.binary) return omit("binary");
  const hunks = patch?.hunks ?? [];
  if (hunks.length === 0) return omit(status === "R" ? "renamed only" : status === "A" ? "empty" : "mode change only");
  const why = contentOmission(hunks);
  if (why !== null) return omit(why);
  const newSide = /^0+$/.test(newOid) ? "file" : newOid;
  return { file: { path, ...(oldPath === undefined ? {} : { oldPath }), status: statusOf(status), hunks, newSide } };
}

/** Entries and file sections come in the same order; an unmerged path has an entry without a section. */
function pair(entries: readonly RawEntry[], sections: readonly PatchFile[]): readonly Sorted[] {
  let at = 0;
  return entries.map((entry) => {
    if (entry.status === "U") return sortEntry(entry, undefined);
    // A file that became a link, or the reverse, has two sections: it goes and it comes.
    const width = entry.status === "T" ? 2 : 1;
    const section = sections[at + width - 1];
    at += width;
    return sortEntry(entry, section);
  });
}

async function compare(argv: readonly string[], call: GitCall): Promise<readonly Sorted[]> {
  const output = await git(["diff", ...options, ...formats, ...argv], call, await withoutFilters(call));
  const { entries, patch } = parseRaw(output.toString("utf8"));
  // Two records for one unmerged path (index and working tree) would be counted twice.
  const unmerged = new Set(entries.filter(({ status }) => status === "U").map(({ path }) => path));
  const single = entries.filter(({ status, path }) => status === "U" || !unmerged.has(path));
  const sections = parsePatch(patch).filter((section) => !unmerged.has(section.newPath ?? ""));
  return pair(single, sections);
}

/** A whole text as one hunk in which every line is new. */
function wholeFile(
  path: string,
  text: string,
  status: DiffFile["status"],
  from = 1,
  to = Number.POSITIVE_INFINITY,
): DiffFile {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const chosen = lines.slice(from - 1, to);
  const body = chosen.map((line) => `+${line}`).join("\n");
  const hunk = {
    oldStart: from - 1,
    newStart: from,
    lines: chosen.length,
    text: `@@ -${from - 1},0 +${from},${chosen.length} @@\n${body}`,
  };
  return { path, status, hunks: chosen.length === 0 ? [] : [hunk], newSide: "file" };
}

const whyUnread: { readonly [code: string]: string } = {
  file_binary: "binary",
  too_large: "larger than 1 MB",
  outside_workspace: "symbolic link or outside",
};

async function untracked(call: GitCall, read: ReadFile): Promise<readonly Sorted[]> {
  const listed = (await git(["ls-files", "-o", "--exclude-standard", "-z"], call)).toString("utf8").split("\0");
  const found: Sorted[] = [];
  for (const path of listed) {
    if (path === "" || path.endsWith("/")) continue;
    const known = omissionOf(path);
    if (known !== null) {
      found.push({ omit: { path, why: known } });
      continue;
    }
    try {
      const file = wholeFile(path, await read(path), "added");
      const why = file.hunks.length === 0 ? "empty" : contentOmission(file.hunks);
      found.push(why === null ? { file } : { omit: { path, why } });
    } catch (error) {
      if (!(error instanceof PodiumError)) throw error;
      found.push({ omit: { path, why: whyUnread[error.code] ?? "not readable" } });
    }
  }
  return found;
}

async function commitOf(name: string, call: GitCall): Promise<string> {
  if (name.startsWith("-"))
    throw new PodiumError("invalid_input", `${JSON.stringify(name)} is not the name of a commit.`);
  try {
    return await gitLine(["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`], call);
  } catch (error) {
    if (error instanceof PodiumError && error.code !== "git_failed") throw error;
    throw new PodiumError(
      "git_failed",
      `git knows no commit ${JSON.stringify(name)} here; name a branch, tag or commit that exists.`,
      { cause: error },
    );
  }
}

const isCommit = (name: string, call: GitCall): Promise<boolean> =>
  commitOf(name, call).then(
    () => true,
    (error: unknown) => {
      if (error instanceof PodiumError && error.code === "git_failed") return false;
      throw error;
    },
  );

/** HEAD, or the empty tree in a repository without commits. */
async function headOrEmpty(call: GitCall): Promise<string> {
  if (await isCommit("HEAD", call)) return "HEAD";
  return (await git(["hash-object", "-t", "tree", "--stdin"], call)).toString("utf8").trim();
}

async function defaultBase(call: GitCall): Promise<string> {
  if (!(await isCommit("HEAD", call))) {
    const sentence = "This repository has no commit yet, so there is no branch to compare; commit something first.";
    throw new PodiumError("git_failed", sentence);
  }
  for (const name of ["origin/HEAD", "main", "master", "origin/main", "origin/master"]) {
    if (await isCommit(name, call)) return name;
  }
  throw new PodiumError("git_failed", "No base branch was found (origin/HEAD, main, master); name one as `base`.");
}

async function branch(
  base: string | undefined,
  call: GitCall,
): Promise<{ readonly base: string; readonly found: readonly Sorted[] }> {
  const name = base ?? (await defaultBase(call));
  const [from, head] = [await commitOf(name, call), await commitOf("HEAD", call)];
  const merge = await gitLine(["merge-base", from, head], call).catch((error: unknown) => {
    throw new PodiumError("git_failed", `${name} and HEAD have no common commit; name another base.`, { cause: error });
  });
  return { base: name, found: await compare([merge, head, "--"], call) };
}

async function range(
  text: string | undefined,
  call: GitCall,
): Promise<{ readonly base: string; readonly found: readonly Sorted[] }> {
  const match = /^(.*?)(\.\.\.?)(.*)$/.exec(text ?? "");
  if (match === null)
    throw new PodiumError("invalid_input", "range: write it as a..b, two commits with two dots between.");
  const [from, to] = [match[1] || "HEAD", match[3] || "HEAD"];
  const [start, end] = [await commitOf(from, call), await commitOf(to, call)];
  const base = match[2] === "..." ? await gitLine(["merge-base", start, end], call) : start;
  return { base: from, found: await compare([base, end, "--"], call) };
}

const escapes = (path: string): boolean =>
  path.startsWith("/") || /^[a-z]:|\\/i.test(path) || path.split("/").includes("..");

function sectionOmission({ oldPath, newPath, binary, renamed, hunks }: PatchFile): string | null {
  if (binary) return "binary";
  const unchanged = renamed ? "renamed only" : "no text changed";
  if (newPath === null) return hunks.length === 0 ? unchanged : "deleted";
  if (escapes(newPath) || (oldPath !== null && escapes(oldPath))) return "outside the workspace";
  return omissionOf(newPath) ?? (hunks.length === 0 ? unchanged : contentOmission(hunks));
}

function sortSection(section: PatchFile): Sorted {
  const { oldPath, newPath, renamed, hunks } = section;
  const path = newPath ?? oldPath ?? "unnamed";
  const why = sectionOmission(section);
  if (why !== null) return { omit: { path, why } };
  const added = oldPath === null ? "added" : "modified";
  return {
    file: { path, ...(renamed && oldPath !== null ? { oldPath } : {}), status: renamed ? "renamed" : added, hunks },
  };
}

function fromPatch(patch: string | undefined): readonly Sorted[] {
  if (patch === undefined || patch.trim() === "")
    throw new PodiumError("invalid_input", "patch: give the text of a unified diff.");
  const sections = parsePatch(patch);
  if (sections.length === 0)
    throw new PodiumError(
      "invalid_input",
      "patch: no file section was found; give a unified diff as `git diff` prints it.",
    );
  return sections.map(sortSection);
}

async function fromFile(request: DiffRequest, read: ReadFile): Promise<readonly Sorted[]> {
  const { path, scope, line, endLine } = request;
  if (path === undefined) throw new PodiumError("invalid_input", `path: name the file to review with scope ${scope}.`);
  const whole = scope === "file";
  const from = whole ? 1 : Math.max(1, line ?? 1);
  const file = wholeFile(path, await read(path), "modified", from, whole ? undefined : (endLine ?? line));
  return [file.hunks.length === 0 ? { omit: { path, why: "empty" } } : { file }];
}

async function find(
  request: DiffRequest,
  call: GitCall,
  read: ReadFile,
): Promise<{ readonly base?: string; readonly found: readonly Sorted[] }> {
  switch (request.scope) {
    case "staged":
      return { found: await compare(["--cached", "--"], call) };
    case "unstaged":
      return { found: await compare(["--"], call) };
    case "working": {
      const tracked = await compare([await headOrEmpty(call), "--"], call);
      return { found: [...tracked, ...(await untracked(call, read))] };
    }
    case "branch":
      return branch(request.base, call);
    case "range":
      return range(request.range, call);
    case "patch":
      return { found: fromPatch(request.patch) };
    case "file":
    case "selection":
      return { found: await fromFile(request, read) };
  }
}

/** Outside a repository `git diff` compares two files; and a repository may name a work tree that is not this folder. */
async function requireWorkTree(call: GitCall): Promise<void> {
  const top = (await git(["rev-parse", "--show-toplevel"], call)).toString("utf8").replace(/\r?\n$/, "");
  const below = relative(top, call.root);
  if (below !== ".." && !below.startsWith(`..${sep}`) && !isAbsolute(below)) return;
  const text = `The repository of this folder names another folder, ${top}, as its work tree; open that one or correct core.worktree.`;
  throw new PodiumError("not_a_repository", text);
}

/** The change that a scope names (PRODUCT 4.2). Throws `not_a_repository`, `git_missing`, `git_failed`, `too_large` or `invalid_input`. */
export async function diff(request: DiffRequest, call: GitCall, read: ReadFile): Promise<Diff> {
  if (!["patch", "file", "selection"].includes(request.scope)) await requireWorkTree(call);
  const { base, found } = await find(request, call, read);
  const files: DiffFile[] = [];
  const omitted: Omitted[] = [];
  for (const sorted of found) {
    if ("file" in sorted) files.push(sorted.file);
    else omitted.push(sorted.omit);
  }
  const arranged = arrange(files);
  return { ...(base === undefined ? {} : { base }), files: arranged.files, omitted: [...omitted, ...arranged.omitted] };
}

/** The text of a git object; null when it is gone. */
export const blobText = (oid: string, call: GitCall): Promise<string | null> =>
  git(["cat-file", "blob", oid], call).then(
    (bytes) => bytes.toString("utf8"),
    () => null,
  );
