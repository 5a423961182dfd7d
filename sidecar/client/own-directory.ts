import { lstatSync } from "node:fs";
import { PodiumError } from "../protocol/errors.ts";

/**
 * Throws `data_unreadable` unless the data directory, if it is there, is a folder of this user that not everybody may
 * write: else another user of this machine could put his hub, or his log file, in the place of ours.
 */
export function assertOwnDirectory(home: string): void {
  const found = lstatSync(home, { throwIfNoEntry: false });
  if (found === undefined || process.getuid === undefined) return;
  const refuse = (why: string): never => {
    throw new PodiumError(
      "data_unreadable",
      `The data directory ${home} ${why}. Name a folder of your own, which only you may write, with PODIUM_HOME or --data.`,
    );
  };
  if (found.isSymbolicLink()) refuse("is a link");
  if (!found.isDirectory()) refuse("is not a folder");
  if (found.uid !== process.getuid()) refuse("belongs to another user");
  if ((found.mode & 0o002) !== 0) refuse("may be written by everybody");
}
