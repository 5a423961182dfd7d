import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Database } from "better-sqlite3";
import { PodiumError } from "../../protocol/errors.ts";
import { isBusy, isCorrupt, loadSqlite, sqliteCode, storeError } from "./runtime.ts";

const QUICK_CHECK_BYTES = 64 * 1024 * 1024;

/** An open database; `recovered` = where a damaged one was put, `readOnly` = a newer Podium made it. */
export interface OpenDatabase<T> {
  readonly database: Database;
  /** What `prepare` returned. */
  readonly prepared: T;
  readonly file: string;
  readonly readOnly: boolean;
  readonly recovered: string | null;
}

interface OpenOptions<T> {
  readonly directory: string;
  /** File name inside the directory. */
  readonly name: string;
  readonly migrations: readonly string[];
  /** Wall ms, for the names of copies. */
  readonly now: number;
  /** How long to wait for another process's lock, ms; the thread stands still meanwhile. */
  readonly timeoutMs: number;
  /** First use of the database; an error of SQL in it means that the schema is damaged. */
  readonly prepare: (database: Database, readOnly: boolean) => T;
}

function unreadable(path: string, why: string, cause?: unknown): PodiumError {
  const sentence = `The data at ${path} cannot be used: ${why}; correct that or choose another data directory.`;
  return new PodiumError("data_unreadable", sentence, cause === undefined ? {} : { cause });
}

/** Makes the data directory private to this user (0700). Throws `data_unreadable`. */
export function privateDirectory(path: string): string {
  const directory = resolve(path);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stat = lstatSync(directory);
    if (stat.isSymbolicLink()) throw unreadable(directory, "it is a symbolic link");
    const uid = process.getuid?.();
    if (uid !== undefined && stat.uid !== uid) throw unreadable(directory, "it belongs to another user");
    if ((stat.mode & 0o077) !== 0) chmodSync(directory, 0o700);
    return directory;
  } catch (error) {
    if (error instanceof PodiumError) throw error;
    throw unreadable(directory, error instanceof Error ? error.message : String(error), error);
  }
}

/** SQLite gives -wal and -shm the mode of the database file, so the file is made before SQLite sees it. */
function privateFile(file: string): void {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) closeSync(openSync(file, "wx", 0o600));
  else if (!stat.isFile()) throw unreadable(file, "it is not a regular file");
  else if ((stat.mode & 0o077) !== 0) chmodSync(file, 0o600);
}

function version(database: Database): number {
  return Number(database.pragma("user_version", { simple: true }));
}

function tune(database: Database): void {
  database.pragma("journal_mode = WAL");
  database.pragma("wal_autocheckpoint = 0");
  database.pragma("foreign_keys = ON");
  database.pragma("synchronous = NORMAL");
  if (process.platform === "darwin") {
    database.pragma("fullfsync = ON");
    database.pragma("checkpoint_fullfsync = ON");
  }
}

function migrate(database: Database, file: string, migrations: readonly string[], now: number): void {
  const from = version(database);
  if (from === migrations.length) return;
  if (from > 0) {
    const backup = `${file}.v${from}-${now}`;
    database.prepare("VACUUM INTO ?").run(backup);
    chmodSync(backup, 0o600);
  }
  const lift = database.transaction(() => {
    for (const sql of migrations.slice(version(database))) database.exec(sql);
    database.pragma(`user_version = ${migrations.length}`);
  });
  lift.immediate();
}

function quickCheck(database: Database, file: string): void {
  if (statSync(file).size > QUICK_CHECK_BYTES) return;
  const answer = database.pragma("quick_check(1)", { simple: true });
  if (answer === "ok") return;
  throw Object.assign(new Error(`quick_check: ${String(answer)}`), { code: "SQLITE_CORRUPT" });
}

type Opened<T> = Pick<OpenDatabase<T>, "database" | "readOnly" | "prepared">;

/** Looks without writing: a connection that may write would move the WAL into the file when it closes. */
function storedVersion(file: string): number {
  if (statSync(file).size === 0) return 0;
  const Driver = loadSqlite();
  const database = new Driver(file, { timeout: 0, readonly: true });
  try {
    return version(database);
  } finally {
    database.close();
  }
}

function openNewer<T>(file: string, prepare: OpenOptions<T>["prepare"]): Opened<T> {
  const Driver = loadSqlite();
  const database = new Driver(file, { timeout: 0, readonly: true });
  try {
    return { database, readOnly: true, prepared: prepare(database, true) };
  } catch (error) {
    database.close();
    const sentence = `${file} was made by a newer Podium and this one cannot read it; update this one.`;
    throw new PodiumError("data_newer", sentence, { cause: error });
  }
}

function openOnce<T>(file: string, { migrations, now, prepare, timeoutMs }: OpenOptions<T>): Opened<T> {
  const Driver = loadSqlite();
  privateFile(file);
  if (storedVersion(file) > migrations.length) return openNewer(file, prepare);
  const database = new Driver(file, { timeout: timeoutMs });
  try {
    tune(database);
    quickCheck(database, file);
    migrate(database, file, migrations, now);
    return { database, readOnly: false, prepared: prepare(database, false) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function setAside(file: string, now: number): string {
  let target = `${file}.corrupt-${now}`;
  for (let copy = 1; existsSync(target); copy += 1) target = `${file}.corrupt-${now}-${copy}`;
  renameSync(file, target);
  for (const suffix of ["-wal", "-shm"]) {
    if (existsSync(file + suffix)) renameSync(file + suffix, target + suffix);
  }
  return target;
}

/**
 * Opens or makes a database, migrated and tuned. A damaged one is set aside and replaced; one of a newer Podium is opened for
 * reading. Throws `data_unreadable`, `data_newer` (not even readable), `data_in_use` (locked by somebody else) or `storage` (no space).
 */
export function openDatabase<T>(options: OpenOptions<T>): OpenDatabase<T> {
  const directory = privateDirectory(options.directory);
  const file = join(directory, options.name);
  try {
    try {
      return { ...openOnce(file, options), file, recovered: null };
    } catch (error) {
      if (!isCorrupt(error) && sqliteCode(error) !== "SQLITE_ERROR") throw error;
      const recovered = setAside(file, options.now);
      return { ...openOnce(file, options), file, recovered };
    }
  } catch (error) {
    if (error instanceof PodiumError) throw error;
    const named = storeError(error, file);
    if (isBusy(error) || named.reason === "SQLITE_FULL") throw named;
    throw unreadable(file, error instanceof Error ? error.message : String(error), error);
  }
}
