import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { PodiumError } from "../protocol/errors.ts";

/** Directories that no tool may reach, absolute: the data directory in use and `~/.podium`. */
export type Protected = readonly string[];

const windowsDevice = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?$/i;
// File systems ignore these, so `.g<zero width>it` can open `.git`.
const ignorable = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

function outside(path: string, why: string, cause?: unknown): PodiumError {
  return new PodiumError(
    "outside_workspace",
    `${JSON.stringify(path)} ${why}; give a path inside the workspace folder.`,
    cause === undefined ? {} : { cause },
  );
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

function refuseSpelling(path: string): void {
  if (path.includes("\0")) throw outside(path, "contains a NUL byte");
  if (/^[\\/]{2}/.test(path)) throw outside(path, "is a network or device path");
  if (/^[a-z]:/i.test(path) && !(process.platform === "win32" && isAbsolute(path))) {
    throw outside(path, "names a drive");
  }
}

/** True for a directory of git or of Podium, however it is spelt. */
export function isReserved(component: string): boolean {
  const plain = component
    .replace(ignorable, "")
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[. ]+$|::?\$.*$/g, "");
  return plain === ".git" || plain === "git~1" || plain === ".podium-home";
}

const within = (parent: string, child: string): boolean => {
  const path = relative(parent, child);
  return path === "" || (path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path));
};

/** Real path of the deepest ancestor that exists, and the names below it. */
async function settle(
  path: string,
  asked: string,
): Promise<{ readonly real: string; readonly rest: readonly string[] }> {
  const rest: string[] = [];
  for (let current = path; ; current = dirname(current)) {
    try {
      await lstat(current);
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || dirname(current) === current) throw outside(asked, "cannot be resolved", error);
      rest.unshift(basename(current));
      continue;
    }
    try {
      return { real: await realpath(current), rest };
    } catch (error) {
      throw outside(asked, "is a link that leads nowhere", error);
    }
  }
}

const realOrSame = async (path: string): Promise<string> => {
  const { real, rest } = await settle(resolve(path), path);
  return join(real, ...rest);
};

/**
 * The real, absolute path that `path` names below `root`; the last names may not exist yet.
 * Throws `outside_workspace` for everything else, also when a part of the path cannot be checked, and `file_missing` when the root is gone.
 */
export async function confine(root: string, path: string, forbidden: Protected = []): Promise<string> {
  refuseSpelling(path);
  const realRoot = await realpath(root).catch((error: unknown) => {
    throw new PodiumError("file_missing", `The workspace folder ${root} does not exist; open one that does.`, {
      cause: error,
    });
  });
  const { real, rest } = await settle(resolve(realRoot, path), path);
  const full = join(real, ...rest);
  if (!within(realRoot, full)) throw outside(path, "is outside the workspace");
  const components = relative(realRoot, full).split(sep);
  if (components.some(isReserved)) throw outside(path, "belongs to git or to Podium");
  if (process.platform === "win32" && components.some((name) => windowsDevice.test(name) || name.includes(":"))) {
    throw outside(path, "is a device");
  }
  for (const directory of forbidden) {
    if (within(await realOrSame(directory), full)) throw outside(path, "is in the data directory of Podium");
  }
  if (rest.length === 0) {
    const status = await lstat(full).catch((error: unknown) => {
      throw outside(path, "cannot be checked", error);
    });
    if (!status.isFile() && !status.isDirectory()) throw outside(path, "is neither a file nor a folder");
  }
  return full;
}
