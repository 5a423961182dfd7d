import type { DiffHunk } from "../../ports.ts";

/** The text of one file in a patch: the header's paths as written, and its hunks. */
export interface PatchFile {
  readonly oldPath: string | null;
  readonly newPath: string | null;
  readonly binary: boolean;
  readonly renamed: boolean;
  readonly hunks: readonly DiffHunk[];
}

const hunkHeader = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const escapes: { readonly [letter: string]: number } = {
  n: 10,
  t: 9,
  r: 13,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  '"': 34,
  "\\": 92,
};

/** Undoes git's C quoting of a path. */
function unquote(path: string): string {
  if (!path.startsWith('"')) return path.replace(/\t.*$/, "");
  const bytes: number[] = [];
  const body = path.slice(1, path.lastIndexOf('"'));
  for (const part of body.matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gu)) {
    const [, octal, letter, plain] = part;
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(escapes[letter] ?? letter.charCodeAt(0));
    else bytes.push(...Buffer.from(plain ?? "", "utf8"));
  }
  return Buffer.from(bytes).toString("utf8");
}

/** `a/x` → `x`; `/dev/null` → null. */
function sidePath(written: string, prefix: "a/" | "b/"): string | null {
  const path = unquote(written.trimEnd());
  if (path === "/dev/null") return null;
  return path.startsWith(prefix) ? path.slice(2) : path;
}

interface Draft {
  oldPath: string | null;
  newPath: string | null;
  binary: boolean;
  renamed: boolean;
  hunks: DiffHunk[];
}

const fresh = (): Draft => ({ oldPath: null, newPath: null, binary: false, renamed: false, hunks: [] });

function readHeader(file: Draft, line: string): void {
  if (line.startsWith("--- ")) file.oldPath = sidePath(line.slice(4), "a/");
  else if (line.startsWith("+++ ")) file.newPath = sidePath(line.slice(4), "b/");
  else if (line.startsWith("rename from ")) {
    file.oldPath = unquote(line.slice(12));
    file.renamed = true;
  } else if (line.startsWith("rename to ")) file.newPath = unquote(line.slice(10));
  else if (line.startsWith("Binary files ") || line.startsWith("GIT binary patch")) file.binary = true;
}

/** Lines of the hunk that begins at `start`, by the counts of its header. */
function takeHunk(lines: readonly string[], start: number): { readonly hunk: DiffHunk; readonly end: number } | null {
  const match = hunkHeader.exec(lines[start] ?? "");
  if (match === null) return null;
  let oldLeft = Number(match[2] ?? 1);
  let newLeft = Number(match[4] ?? 1);
  let end = start + 1;
  for (; end < lines.length; end += 1) {
    const line = lines[end] ?? "";
    if (line.startsWith("\\")) continue;
    if (oldLeft <= 0 && newLeft <= 0) break;
    if (!line.startsWith("+")) oldLeft -= 1;
    if (!line.startsWith("-")) newLeft -= 1;
  }
  const text = lines.slice(start, end).join("\n");
  return { hunk: { oldStart: Number(match[1]), newStart: Number(match[3]), lines: Number(match[4] ?? 1), text }, end };
}

/** Reads a unified diff, byte for byte: line ends inside hunks are kept. Text outside file sections is skipped. */
export function parsePatch(patch: string): readonly PatchFile[] {
  const lines = patch.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const files: Draft[] = [];
  for (let index = 0; index < lines.length; ) {
    const line = lines[index] ?? "";
    const current = files.at(-1);
    const taken = current === undefined ? null : takeHunk(lines, index);
    if (taken !== null && current !== undefined) {
      current.hunks.push(taken.hunk);
      index = taken.end;
      continue;
    }
    const startsWithoutGit = line.startsWith("--- ") && (current === undefined || current.hunks.length > 0);
    if (/^diff --(git|cc|combined) /.test(line) || startsWithoutGit) files.push(fresh());
    const file = files.at(-1);
    if (file !== undefined) readHeader(file, line);
    index += 1;
  }
  return files;
}

const changeOf = (line: string): number => (line.startsWith("+") || line.startsWith("-") ? 1 : 0);

/** Cuts a hunk into pieces of at most `limit` characters, each a hunk of its own with true line numbers. */
export function splitHunk(hunk: DiffHunk, limit: number): readonly DiffHunk[] {
  if (hunk.text.length <= limit) return [hunk];
  const [header = "", ...body] = hunk.text.split("\n");
  const context = header.replace(hunkHeader, "");
  const pieces: DiffHunk[] = [];
  let { oldStart, newStart } = hunk;
  let piece: string[] = [];
  let size = 0;
  const flush = (): void => {
    const oldLines = piece.filter((line) => /^[ -]/.test(line) || line === "").length;
    const newLines = piece.filter((line) => /^[ +]/.test(line) || line === "").length;
    const text = [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@${context}`, ...piece].join("\n");
    if (piece.some((line) => changeOf(line) > 0)) pieces.push({ oldStart, newStart, lines: newLines, text });
    oldStart += oldLines;
    newStart += newLines;
    piece = [];
    size = 0;
  };
  for (const line of body) {
    if (size > 0 && size + line.length > limit - 200) flush();
    piece.push(line);
    size += line.length + 1;
  }
  if (piece.length > 0) flush();
  return pieces;
}
