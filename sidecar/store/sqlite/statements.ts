import type { Database } from "better-sqlite3";
import { RunStatus } from "../../protocol/events.ts";
import type { RunRow } from "../../protocol/results.ts";
import type { RunProjection } from "./projection.ts";
import type { EventRow } from "./rows.ts";

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

type StoredEvent = EventRow & { readonly log: number };
type RunParameters = { readonly [column: string]: string | number | null };

const runColumns = `run, workflow, status, reason, created_at, ended_at, attempts, title, root, waits, imported`;
const eventColumns = "seq, at, epoch, kind, instance, op, attempt, body, sum";

/** Every statement of the store, prepared once. */
export function prepareStatements(database: Database) {
  return {
    epoch: database.prepare<[], number>("SELECT value FROM meta WHERE key = 'epoch'").pluck(),
    nextEpoch: database
      .prepare<[], number>("UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value")
      .pluck(),
    logOf: database.prepare<[string], number>("SELECT id FROM logs WHERE run = ?").pluck(),
    addLog: database.prepare<[string], number>("INSERT INTO logs (run) VALUES (?) RETURNING id").pluck(),
    logs: database.prepare<[], { id: number; run: string }>("SELECT id, run FROM logs ORDER BY id"),
    addEvent: database.prepare<[StoredEvent]>(
      `INSERT INTO events (log, ${eventColumns})
       VALUES (@log, @seq, @at, @epoch, @kind, @instance, @op, @attempt, @body, @sum)`,
    ),
    page: database.prepare<[number, number, number], EventRow>(
      `SELECT ${eventColumns} FROM events WHERE log = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    head: database.prepare<[number], number>("SELECT coalesce(max(seq), 0) FROM events WHERE log = ?").pluck(),
    putRun: database.prepare<[RunParameters]>(
      `INSERT OR REPLACE INTO runs VALUES (@log, @workflow, @status, @reason, @createdAt, @endedAt, @attempts, @title, @root,
         @waits, @imported, @idem, @seq, @tokensIn, @tokensOut, @tokensCached, @tokensEstimated)`,
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

export type Statements = ReturnType<typeof prepareStatements>;

/** The columns of a run's projection. */
export function runParameters(log: number, run: RunProjection): RunParameters {
  return {
    log,
    workflow: run.workflow,
    status: run.status,
    reason: run.reason,
    createdAt: run.createdAt,
    endedAt: run.endedAt,
    attempts: run.attempts,
    title: run.title,
    root: run.root,
    waits: run.asks.size,
    imported: Number(run.imported),
    idem: run.idem,
    seq: run.seq,
    tokensIn: run.usage.in,
    tokensOut: run.usage.out,
    tokensCached: run.usage.cached,
    tokensEstimated: Number(run.usage.estimated),
  };
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
