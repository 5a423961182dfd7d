import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Database } from "better-sqlite3";
import type { Clock, RunStore } from "../../ports.ts";
import { PodiumError, toPodiumError } from "../../protocol/errors.ts";
import { migrations } from "./migrations.ts";
import { type OpenDatabase, openDatabase } from "./open.ts";
import { decodeEvent, eventId } from "./rows.ts";
import { storeError } from "./runtime.ts";
import { salvage } from "./salvage.ts";
import { prepareStatements, readPage, runParameters, type Statements, toRunRow } from "./statements.ts";
import { foldLog, Writer } from "./writer.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const PAGE = 200;

export interface StoreOptions {
  /** The data directory; made when missing. */
  readonly directory: string;
  readonly clock: Clock;
  /** Called before and after each commit, so that a test can count and kill at write points. */
  readonly onWritePoint?: (name: string) => void;
  /** Upper bound of the file in pages of 4 KiB, for tests of a full disk. */
  readonly maxPages?: number;
}

/** A RunStore in one SQLite file, which counts its commits for the bench. */
interface SqliteStore extends RunStore {
  readonly counters: { readonly commits: number; readonly events: number };
}

export interface OpenedStore {
  readonly store: SqliteStore;
  /** Where a damaged database was put; null = there was none. */
  readonly recovered: string | null;
  /** Runs that were read out of the damaged one. */
  readonly salvaged: number;
}

/**
 * Opens the journal `podium.db` of a data directory; the caller holds its lock. Throws `node_too_old`, `data_unreadable`,
 * `data_in_use`, `storage`, or `data_newer` when a newer Podium's journal cannot even be read.
 */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const { directory, clock, onWritePoint = () => undefined, maxPages } = options;
  const opened = openDatabase({ directory, name: "podium.db", migrations, now: clock.now(), timeoutMs: 0, prepare });
  const { database, file, recovered } = opened;
  if (maxPages !== undefined) database.pragma(`max_page_count = ${Math.trunc(maxPages)}`);
  const writer = new Writer({ database, ...opened.prepared, file, clock, onWritePoint });
  const store = makeStore(opened, writer, clock);
  const salvaged = recovered === null ? 0 : salvage(recovered, database, opened.prepared.statements);
  if (salvaged > 0) await store.rebuild();
  return { store, recovered, salvaged };
}

interface Session {
  readonly statements: Statements;
  readonly epoch: number;
}

function prepare(database: Database, readOnly: boolean): Session {
  const statements = prepareStatements(database);
  const epoch = readOnly ? statements.epoch.get() : statements.nextEpoch.get();
  if (epoch !== undefined) return { statements, epoch };
  throw Object.assign(new Error("the journal has no session number"), { code: "SQLITE_CORRUPT" });
}

function newer(file: string): PodiumError {
  return new PodiumError("data_newer", `${file} was made by a newer Podium; update this one to write to it.`);
}

function makeStore(opened: OpenDatabase<Session>, writer: Writer, clock: Clock): SqliteStore {
  const { database, file, readOnly } = opened;
  const { statements, epoch } = opened.prepared;

  /** Runs one query; whatever SQLite says becomes a PodiumError. */
  async function query<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw storeError(error, file);
    }
  }

  function logOf(run: string): number | null {
    return statements.logOf.get(run) ?? null;
  }

  function rebuildAll(): number {
    const logs = statements.logs.all();
    statements.clearRuns.run();
    for (const { id, run } of logs) {
      const projection = foldLog(statements, id, run);
      if (projection !== null) statements.putRun.run(runParameters(id, projection));
    }
    return logs.length;
  }

  async function verifyLog(log: number, run: string): Promise<readonly string[]> {
    const problems: string[] = [];
    for (let after = 0; ; await nextTurn()) {
      const rows = readPage(statements, log, after, PAGE);
      for (const row of rows) {
        if (row.seq !== after + 1) problems.push(`${run} has no event ${after + 1}`);
        after = row.seq;
        try {
          decodeEvent(run, row);
        } catch (error) {
          problems.push(toPodiumError(error).message);
        }
      }
      if (rows.length < PAGE) return problems;
    }
  }

  async function verifyBlobs(): Promise<readonly string[]> {
    const problems: string[] = [];
    for (let after = 0; ; await nextTurn()) {
      const rows = statements.blobs.all(after);
      for (const { id, hash, json, sum } of rows) {
        after = id;
        if (crc32(json) !== sum) problems.push(`The stored value ${hash} is damaged`);
      }
      if (rows.length === 0) return problems;
    }
  }

  return {
    epoch,
    readOnly,
    counters: writer.counters,
    async append(run, events, durability) {
      if (readOnly) throw newer(file);
      await writer.append(run, events, durability);
    },
    read: (run, after, limit) =>
      query(() => {
        const log = logOf(run);
        return log === null ? [] : readPage(statements, log, after, limit).map((row) => decodeEvent(run, row));
      }),
    head: (run) =>
      query(() => {
        const log = logOf(run);
        return log === null ? 0 : (statements.head.get(eventId(log, 0), eventId(log + 1, 0)) ?? 0);
      }),
    list: ({ roots, limit, before }) =>
      query(() => {
        const parameters = { roots: roots === null ? null : JSON.stringify(roots), before: before ?? null, limit };
        return statements.list.all(parameters).map(toRunRow);
      }),
    row: (run) =>
      query(() => {
        const stored = statements.row.get(run);
        return stored === undefined ? null : toRunRow(stored);
      }),
    open: () => query(() => statements.open.all()),
    byIdempotencyKey: (key) => query(() => statements.byKey.get(key, clock.now() - DAY_MS) ?? null),
    putBlob(hash, json) {
      if (readOnly) throw newer(file);
      writer.putBlob(hash, json);
    },
    getBlob: (hash) =>
      query(() => {
        const pending = writer.pendingBlob(hash);
        if (pending !== null) return pending;
        const stored = statements.blob.get(hash);
        if (stored === undefined) return null;
        if (crc32(stored.json) === stored.sum) return stored.json;
        throw new PodiumError("data_corrupt", `The stored value ${hash} is damaged; start its run again.`);
      }),
    async rebuild() {
      if (readOnly) throw newer(file);
      await writer.drain();
      return query(() => {
        const count = database.transaction(rebuildAll).immediate();
        writer.forget();
        return count;
      });
    },
    async verify() {
      await writer.drain();
      try {
        const found = statements.integrity.all().filter((line) => line !== "ok");
        for (const { id, run } of statements.logs.all()) found.push(...(await verifyLog(id, run)));
        found.push(...(await verifyBlobs()));
        return found;
      } catch (error) {
        return [storeError(error, file).message];
      }
    },
    async close() {
      await writer.close();
      await query(() => {
        if (!database.open) return;
        try {
          if (!readOnly) database.pragma("wal_checkpoint(TRUNCATE)");
        } finally {
          database.close();
        }
      });
    },
  };
}
