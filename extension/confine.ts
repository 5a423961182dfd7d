import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { PodiumError } from "../sidecar/protocol/errors.ts";

const isBelow = (root: string, file: string): boolean => {
  const path = relative(root, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
};

/**
 * The real file of a path that a run named, below `root`, which must lie in one of the window's folders.
 * Throws `outside_workspace` for anything else, links included, and `file_missing` when there is no such file.
 */
export async function confineCitation(folders: readonly string[], root: string, path: string): Promise<string> {
  const outside = new PodiumError("outside_workspace", `${path} is not in this window's folders, so it is not opened.`);
  if (path.includes("\0") || isAbsolute(path)) throw outside;
  const realFolders = await Promise.all(folders.map((folder) => realpath(folder)));
  const realRoot = await realpath(root).catch(() => {
    throw outside;
  });
  if (!realFolders.some((folder) => folder === realRoot || isBelow(folder, realRoot))) throw outside;
  const wanted = resolve(realRoot, path);
  if (!isBelow(realRoot, wanted)) throw outside;
  const file = await realpath(wanted).catch((cause: unknown) => {
    throw new PodiumError("file_missing", `${path} is not in this folder any more.`, { cause });
  });
  if (!isBelow(realRoot, file)) throw outside;
  return file;
}
