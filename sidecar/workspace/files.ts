import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { relative, sep } from "node:path";
import ignore from "ignore";
import type { FileText, WorkspaceContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { confine, type Protected } from "./confine.ts";
import { statuses, workspacePaths } from "./list.ts";

const maxBytes = 1024 * 1024;
const maxText = 256 * 1024;
const maxPaths = 50_000;
const maxListed = 5000;

/** True when the first bytes look like anything but text. */
export const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, 8192).includes(0);

const relativePath = (root: string, full: string): string => relative(root, full).split(sep).join("/");

/**
 * The bytes of one text file of the workspace, at most 1 MB.
 * Throws `outside_workspace`, `file_missing`, `too_large` or `file_binary`, each naming the file.
 */
export async function readBytes(
  root: string,
  path: string,
  forbidden: Protected,
): Promise<{ readonly path: string; readonly bytes: Buffer }> {
  const full = await confine(root, path, forbidden);
  // A pipe would block the open and a link swapped in after the check would leave the root.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(full, flags).catch((error: unknown) => {
    throw new PodiumError("file_missing", `${path} does not exist or cannot be read; check the path.`, {
      cause: error,
    });
  });
  try {
    const status = await handle.stat();
    if (status.isDirectory()) throw new PodiumError("file_missing", `${path} is a folder; name a file in it.`);
    const again = await lstat(await confine(root, path, forbidden)).catch(() => null);
    if (!status.isFile() || again === null || again.ino !== status.ino || again.dev !== status.dev) {
      throw new PodiumError("outside_workspace", `${path} changed while it was opened; try again.`);
    }
    if (status.size > maxBytes) {
      throw new PodiumError(
        "too_large",
        `${path} has ${status.size} bytes, more than the ${maxBytes} that Podium reads; choose a smaller file.`,
      );
    }
    const bytes = await handle.readFile();
    if (isBinary(bytes)) throw new PodiumError("file_binary", `${path} is not text; choose a text file.`);
    return { path: relativePath(root, full), bytes };
  } finally {
    await handle.close();
  }
}

/** Splits at line ends of any kind and drops the empty piece after the last one. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Reads lines `from` to `to` (1-based, inclusive) of one file. */
export async function readText(
  request: { readonly path: string; readonly from?: number; readonly to?: number },
  context: WorkspaceContext,
  forbidden: Protected,
): Promise<FileText> {
  const { path, bytes } = await readBytes(context.root, request.path, forbidden);
  const lines = linesOf(bytes.toString("utf8"));
  const from = Math.max(1, request.from ?? 1);
  const last = Math.min(lines.length, request.to ?? lines.length);
  let to = last;
  let size = 0;
  for (let line = from; line <= last; line += 1) {
    size += (lines[line - 1]?.length ?? 0) + 1;
    if (size > maxText) {
      to = Math.max(from, line - 1);
      break;
    }
  }
  const text = lines.slice(from - 1, to).join("\n");
  const sha = createHash("sha256").update(bytes).digest("hex");
  return {
    path,
    sha,
    from,
    to: Math.max(from - 1, to),
    lines: lines.length,
    text: text.slice(0, maxText),
    truncated: to < last || text.length > maxText,
  };
}

/** Files below `path` whose name fits `glob` (as in a .gitignore), with their sizes. */
export async function listFiles(
  request: { readonly path?: string; readonly glob?: string },
  context: WorkspaceContext,
  forbidden: Protected,
): Promise<{
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly truncated: boolean;
}> {
  const below = relativePath(context.root, await confine(context.root, request.path ?? ".", forbidden));
  const paths = await workspacePaths(context, maxPaths);
  const matcher = request.glob === undefined ? null : ignore().add(request.glob);
  const wanted = paths.filter(
    (path) =>
      (below === "" || path === below || path.startsWith(`${below}/`)) && (matcher === null || matcher.ignores(path)),
  );
  const found = await statuses(context.root, wanted.slice(0, maxListed));
  const files = found.map(({ path, bytes }) => ({ path, bytes }));
  return { files, truncated: wanted.length > maxListed || paths.length >= maxPaths };
}
