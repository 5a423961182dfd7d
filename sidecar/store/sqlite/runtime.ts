import { createRequire } from "node:module";
import type Database from "better-sqlite3";
import { PodiumError, toPodiumError } from "../../protocol/errors.ts";

/** Refuses a Node whose Node-API is too old for the native database driver, which would crash it. Throws `node_too_old`. */
export function assertRuntime(napi: string | undefined = process.versions["napi"]): void {
  if (Number(napi) >= 10) return;
  throw new PodiumError(
    "node_too_old",
    `Podium's database needs Node 22.14 or newer and this is Node ${process.versions.node}; install a newer Node and start again.`,
  );
}

/** The database driver. It is loaded here and nowhere else, because loading it on an old Node kills the process. */
export function loadSqlite(): typeof Database {
  assertRuntime();
  const driver: typeof Database = createRequire(import.meta.url)("better-sqlite3");
  return driver;
}

/** Where the driver lies, for a worker that must load the same one. */
export function sqlitePath(): string {
  return createRequire(import.meta.url).resolve("better-sqlite3");
}

/** The SQLite result code of a failure, `SQLITE_BUSY` say; empty for other errors. */
export function sqliteCode(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return "";
  return error.code.startsWith("SQLITE_") ? error.code : "";
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED");
}

export function isCorrupt(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT");
}

const diskCodes = /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM|NOMEM|TOOBIG|NOLFS)/;

/** Names what a database failure means for whoever asked for data of `file`. */
export function storeError(error: unknown, file: string): PodiumError {
  const code = sqliteCode(error);
  if (diskCodes.test(code)) {
    const sentence = `The disk refused to store data in ${file} (${code}); free space or make it writable, then resume.`;
    return new PodiumError("storage", sentence, { reason: code, cause: error });
  }
  if (isCorrupt(error)) {
    const sentence = `${file} is damaged (${code}); stop Podium, move the file away, and start again.`;
    return new PodiumError("data_corrupt", sentence, { reason: code, cause: error });
  }
  if (isBusy(error)) {
    const sentence = `Another program holds ${file} locked; close it and try again.`;
    return new PodiumError("data_in_use", sentence, { reason: code, retryable: true, cause: error });
  }
  return toPodiumError(error, "internal");
}
