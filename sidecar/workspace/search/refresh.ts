import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import { join, sep } from "node:path";
import { isBinary, linesOf } from "../files.ts";
import type { FileStatus } from "../list.ts";
import { chunksOf } from "./chunks.ts";
import { maxIndexed, skipReason } from "./select.ts";
import type { IndexStore } from "./store.ts";

const batchSize = 25;

/** The text of one file of the root; null when it is not a regular text file inside it, whatever links say. */
export function readInside(root: string, forbidden: readonly string[], path: string): string | null {
  try {
    const real = realpathSync(join(root, path));
    if (!real.startsWith(`${root}${sep}`) || forbidden.some((directory) => real.startsWith(`${directory}${sep}`)))
      return null;
    // A pipe must not block the worker.
    const handle = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    try {
      const status = fstatSync(handle);
      if (!status.isFile() || status.size > maxIndexed) return null;
      const bytes = readFileSync(handle);
      return isBinary(bytes) ? null : bytes.toString("utf8");
    } finally {
      closeSync(handle);
    }
  } catch {
    // A file that vanished or may not be read is simply not found.
    return null;
  }
}

/** Size and time of those paths that are regular files. Blocking: only for the worker. */
export function statusesNow(root: string, paths: readonly string[]): readonly FileStatus[] {
  return paths.flatMap((path): readonly FileStatus[] => {
    try {
      const status = lstatSync(join(root, path), { throwIfNoEntry: false });
      return status?.isFile() ? [{ path, bytes: status.size, modified: Math.floor(status.mtimeMs) }] : [];
    } catch {
      // A parent that is no folder any more: the file is gone.
      return [];
    }
  });
}

/** Files whose size or time differ from what the index holds; those that are gone leave it at once. */
export function changedFiles(store: IndexStore, found: readonly FileStatus[]): readonly FileStatus[] {
  const known = store.known();
  const present = new Set(found.map(({ path }) => path));
  const gone = [...known.keys()].filter((path) => !present.has(path));
  if (gone.length > 0) {
    store.batch(() => {
      for (const path of gone) store.remove(path);
    });
  }
  return found.filter(({ path, modified, bytes }) => {
    const before = known.get(path);
    return before === undefined || before.modified !== modified || before.bytes !== bytes;
  });
}

function putFile(store: IndexStore, root: string, forbidden: readonly string[], status: FileStatus): void {
  const skipped = skipReason(status.path, status.bytes);
  const text = skipped === null ? readInside(root, forbidden, status.path) : null;
  if (text === null) store.put(status, { skipped: skipped ?? "binary" });
  else store.put(status, { chunks: chunksOf(linesOf(text)) });
}

/** Reads files into the index until the deadline (monotonic ms); returns those that are left. */
export function readUntil(
  store: IndexStore,
  place: { readonly root: string; readonly forbidden: readonly string[] },
  files: readonly FileStatus[],
  deadline: number,
): readonly FileStatus[] {
  let at = 0;
  while (at < files.length && performance.now() < deadline) {
    store.batch(() => {
      for (const end = Math.min(files.length, at + batchSize); at < end && performance.now() < deadline; at += 1) {
        const status = files[at];
        if (status !== undefined) putFile(store, place.root, place.forbidden, status);
      }
    });
  }
  return files.slice(at);
}
