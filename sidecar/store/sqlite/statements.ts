import type { Database } from "better-sqlite3";
import { RunStatus } from "../../protocol/events.ts";
import type { RunRow } from "../../protocol/results.ts";
import type { RunProjection } from "./projection.ts";
import { type EventRow, eventId } from "./rows.ts";

interface StoredRun {
  readonly run: string;
  readonly workflow: string;
  readonly status: string;
  readonly reason: string | null;
  readonly created_at: number;
  readonly ended_at: number | null;
  readonly attempts: number;
  readonly title: string | null;
  readonly root: string;
  readonly waits: number;
  readonly imported: number;
}

interface StoredBlob {
  readonly hash: string;
  readonly json: string;
  readonly sum: number;
}

/** The columns of a run's projection, in the order of the table. */
export type RunParameters = readonly (string | number | null)[];

const runColumns = `run, workflow, status, reason, created_at, ended_at, attempts, title, root, waits, imported`;

/** Every statement of the store, prepared once. */
export function prepareStatements(database: Database) {
  return {
    epoch: database.prepare<[], number>("SELECT value FROM meta WHERE key = 'epoch'").pluck(),
    nextEpoch: database
      .prepare<[], number>("UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value")
      .pluck(),
    logOf: database.prepare<[string], number>("SELECT id FROM logs WHERE run = ?").pluck(),
    addLog: database
      .prepare<[string], number>(
        "INSERT INTO logs (run) VALUES (?) ON CONFLICT (run) DO UPDATE SET run = run RETURNING id",
      )
      .pluck(),
    logs: database.prepare<[], { id: number; run: string }>("SELECT id, run FROM logs ORDER BY id"),
    addEvent: database.prepare<[number, number, number, string | null, number, string]>(
      "INSERT INTO events (id, at, epoch, once, sum, body) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    page: database.prepare<[number, number, number], EventRow>(
      `SELECT id & 0xfffffff AS seq, at, epoch, sum, body FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?`,
    ),
    head: database
      .prepare<[number, number], number>("SELECT coalesce(max(id), 0) & 0xfffffff FROM events WHERE id > ? AND id < ?")
      .pluck(),
    putRun: database.prepare<[RunParameters]>(
      `INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (log) DO UPDATE SET status = excluded.status, reason = excluded.reason, ended_at = excluded.ended_at,
         attempts = excluded.attempts, waits = excluded.waits, tokens_in = excluded.tokens_in,
         tokens_out = excluded.tokens_out, tokens_cached = excluded.tokens_cached,
         tokens_estimated = excluded.tokens_estimated`,
    ),
    clearRuns: database.prepare<[]>("DELETE FROM runs"),
    row: database.prepare<[string], StoredRun>(
      `SELECT ${runColumns} FROM runs JOIN logs ON logs.id = runs.log WHERE run = ?`,
    ),
    list: database.prepare<[{ roots: string | null; before: string | null; limit: number }], StoredRun>(
      `SELECT ${runColumns} FROM runs JOIN logs ON logs.id = runs.log
       WHERE (@roots IS NULL OR root IN (SELECT value FROM json_each(@roots)))
         AND (@before IS NULL OR (created_at, log) <
           (SELECT created_at, log FROM runs JOIN logs ON logs.id = runs.log WHERE run = @before))
       ORDER BY created_at DESC, log DESC LIMIT @limit`,
    ),
    open: database
      .prepare<[], string>(
        `SELECT run FROM runs JOIN logs ON logs.id = runs.log WHERE ended_at IS NULL AND imported = 0 ORDER BY log`,
      )
      .pluck(),
    byKey: database
      .prepare<[string, number], string>(
        `SELECT run FROM runs JOIN logs ON logs.id = runs.log WHERE idem = ? AND created_at >= ?
         ORDER BY created_at DESC LIMIT 1`,
      )
      .pluck(),
    addBlob: database.prepare<[string, number, string]>(
      "INSERT OR IGNORE INTO blobs (hash, sum, json) VALUES (?, ?, ?)",
    ),
    blob: database.prepare<[string], StoredBlob>("SELECT hash, json, sum FROM blobs WHERE hash = ?"),
    blobs: database.prepare<[number], StoredBlob & { id: number }>(
      "SELECT id, hash, json, sum FROM blobs WHERE id > ? ORDER BY id LIMIT 16",
    ),
    integrity: database.prepare<[], string>("PRAGMA integrity_check(20)").pluck(),
  };
}

/** Events of a log with seq > after, at most `limit`. */
export const readPage = (statements: Statements, log: number, after: number, limit: number): readonly EventRow[] =>
  statements.page.all(eventId(log, after), eventId(log + 1, 0), limit);

export type Statements = ReturnType<typeof prepareStatements>;

export function runParameters(log: number, run: RunProjection): RunParameters {
  return [
    log,
    run.workflow,
    run.status,
    run.reason,
    run.createdAt,
    run.endedAt,
    run.attempts,
    run.title,
    run.root,
    run.asks.size,
    Number(run.imported),
    run.idem,
    run.usage.in,
    run.usage.out,
    run.usage.cached,
    Number(run.usage.estimated),
  ];
}

export function toRunRow(stored: StoredRun): RunRow {
  return {
    run: stored.run,
    workflow: stored.workflow,
    status: RunStatus.parse(stored.status),
    ...(stored.reason === null ? {} : { reason: stored.reason }),
    createdAt: stored.created_at,
    endedAt: stored.ended_at,
    attempts: stored.attempts,
    ...(stored.title === null ? {} : { title: stored.title }),
    root: stored.root,
    waits: stored.waits,
    imported: stored.imported === 1,
  };
}
