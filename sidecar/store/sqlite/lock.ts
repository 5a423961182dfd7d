import { chmodSync, statSync } from "node:fs";
import { PodiumError } from "../../protocol/errors.ts";
import { isBusy, loadSqlite } from "./runtime.ts";

/** A lock that lives as long as its process, or until `release`. */
export interface Lock {
  release(): void;
}

function inode(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? null;
}

/**
 * Takes the lock `file`, an empty SQLite file held BEGIN EXCLUSIVE; null when somebody holds it. It is opened only through
 * SQLite, because closing any other descriptor of it in this process would drop the lock. Throws `data_unreadable`.
 */
export function acquireLock(file: string): Lock | null {
  const Driver = loadSqlite();
  try {
    const before = inode(file);
    const database = new Driver(file, { timeout: 0 });
    try {
      database.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      database.close();
      if (isBusy(error)) return null;
      throw error;
    }
    const after = inode(file);
    if (after === null || (before !== null && before !== after)) {
      // A sweeper removed the file between our open and our lock, so this lock would guard nothing.
      database.close();
      return null;
    }
    chmodSync(file, 0o600);
    return { release: () => void database.close() };
  } catch (error) {
    throw new PodiumError(
      "data_unreadable",
      `The lock file ${file} cannot be used (${error instanceof Error ? error.message : String(error)}); check its folder's permissions or remove the file.`,
      { cause: error },
    );
  }
}
