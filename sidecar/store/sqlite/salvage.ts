import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Database } from "better-sqlite3";
import type { RunEvent } from "../../protocol/events.ts";
import { decodeEvent, encodeEvent, eventId } from "./rows.ts";
import { loadSqlite } from "./runtime.ts";
import { readPage, type Statements } from "./statements.ts";

const PAGE_BYTES = 4096;
const PAGE = 500;

/** A table, in both directions: what lies behind a damaged page is read from the other end. */
const tables = [
  {
    into: "INSERT OR IGNORE INTO logs (id, run) VALUES (?, ?)",
    from: [
      "SELECT id, run FROM logs ORDER BY id",
      "SELECT id, run FROM logs ORDER BY run",
      "SELECT id, run FROM logs ORDER BY id DESC",
    ],
  },
  {
    into: "INSERT OR IGNORE INTO events (id, at, epoch, once, sum, body) VALUES (?, ?, ?, ?, ?, ?)",
    from: ["ASC", "DESC"].map((way) => `SELECT id, at, epoch, once, sum, body FROM events ORDER BY id ${way}`),
  },
  {
    into: "INSERT OR IGNORE INTO blobs (id, hash, sum, json) VALUES (?, ?, ?, ?)",
    from: ["ASC", "DESC"].map((way) => `SELECT id, hash, sum, json FROM blobs ORDER BY id ${way}`),
  },
] as const;

/**
 * Copies what can still be read of a damaged journal into a new, empty one and returns the number of runs. Each event is
 * checked; a log with a hole ends before it. When something could not be read, a run without an end is only to be looked at.
 */
export function salvage(damaged: string, into: Database, statements: Statements): number {
  const scratch = `${damaged}.reading`;
  try {
    for (const mend of [false, true]) {
      copy(damaged, scratch);
      if (mend) lendHeader(scratch, into);
      const whole = readInto(scratch, into);
      if (whole !== null) return into.transaction(() => sift(into, statements, whole)).immediate();
    }
    return 0;
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(scratch + suffix, { force: true });
  }
}

function copy(from: string, to: string): void {
  copyFileSync(from, to);
  for (const suffix of ["-wal", "-shm"]) rmSync(to + suffix, { force: true });
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}

/** The first page of a new journal with the same tables stands in for a lost one; it says where each table begins. */
function lendHeader(file: string, fresh: Database): void {
  const bytes = readFileSync(file);
  if (bytes.length < 2 * PAGE_BYTES) return;
  fresh.serialize().copy(bytes, 0, 0, PAGE_BYTES);
  bytes.writeUInt32BE(Math.floor(bytes.length / PAGE_BYTES), 28);
  bytes.writeUInt32BE(0, 32);
  bytes.writeUInt32BE(0, 36);
  bytes.writeUInt32BE(bytes.readUInt32BE(24), 92);
  writeFileSync(file, bytes);
}

/** True when every row was read, false when some were not; null = not one. */
function readInto(file: string, into: Database): boolean | null {
  const Driver = loadSqlite();
  let whole = true;
  let rows = 0;
  const take = (reader: Database, from: string, add: (row: readonly unknown[]) => void): boolean => {
    try {
      for (const row of reader.prepare<[], unknown[]>(from).raw().iterate()) {
        add(row);
        rows += 1;
      }
      return true;
    } catch {
      return false;
    }
  };
  try {
    const reader = new Driver(file, { timeout: 0 });
    try {
      for (const table of tables) {
        const add = into.prepare<unknown[]>(table.into);
        // In one transaction, which a page that cannot be read must not undo.
        const all = into.transaction(() =>
          table.from.some((from) => take(reader, from, (row) => void add.run(...row))),
        );
        whole = all.immediate() && whole;
      }
    } finally {
      reader.close();
    }
  } catch {
    whole = false;
  }
  return rows === 0 ? null : whole;
}

/** Drops what does not hold together. Returns the number of runs that are left. */
function sift(into: Database, statements: Statements, whole: boolean): number {
  const from = into.prepare<[number, number]>("DELETE FROM events WHERE id >= ? AND id < ?");
  const dropLog = into.prepare<[number]>("DELETE FROM logs WHERE id = ?");
  const mark = into.prepare<[number, string, number]>("UPDATE events SET sum = ?, body = ? WHERE id = ?");
  const dropBlob = into.prepare<[number]>("DELETE FROM blobs WHERE id = ?");
  let runs = 0;
  for (const { id: log, run } of statements.logs.all()) {
    const { first, last, seq } = soundPart(statements, log, run);
    from.run(eventId(log, seq + 1), eventId(log + 1, 0));
    if (first?.kind !== "run-start") {
      from.run(eventId(log, 0), eventId(log + 1, 0));
      dropLog.run(log);
      continue;
    }
    runs += 1;
    if (whole || last?.kind === "run-end") continue;
    const { sum, body } = encodeEvent({ ...first, imported: true });
    mark.run(sum, body, eventId(log, 1));
  }
  for (let after = 0; ; ) {
    const blobs = statements.blobs.all(after);
    for (const { id, json, sum } of blobs) {
      after = id;
      if (crc32(json) !== sum) dropBlob.run(id);
    }
    if (blobs.length === 0) return runs;
  }
}

/** The events of a log from its first one up to the first that is missing or damaged. */
function soundPart(
  statements: Statements,
  log: number,
  run: string,
): { readonly first: RunEvent | null; readonly last: RunEvent | null; readonly seq: number } {
  let first: RunEvent | null = null;
  let last: RunEvent | null = null;
  for (let seq = 0; ; ) {
    const rows = readPage(statements, log, seq, PAGE);
    for (const row of rows) {
      if (row.seq !== seq + 1) return { first, last, seq };
      try {
        last = decodeEvent(run, row);
      } catch {
        return { first, last, seq };
      }
      first ??= last;
      seq = row.seq;
    }
    if (rows.length < PAGE) return { first, last, seq };
  }
}
