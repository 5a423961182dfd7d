import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type BetterSqlite from "better-sqlite3";
import type { Json } from "../../sidecar/protocol/json.ts";
import type { Bench, Cost } from "./engine.ts";
import { diskBytes } from "./engine.ts";
import type { Scenario } from "./scenarios.ts";

const ddl =
  "CREATE TABLE step(run INTEGER, seq INTEGER, json TEXT, PRIMARY KEY(run, seq)) WITHOUT ROWID; PRAGMA synchronous=NORMAL";

/**
 * No engine: the rows of a run and a transaction per turn, which all runs of that turn share; the floor for any journal. As in
 * the journal, the commit that ends a run is synced to the disk and the others ride in the WAL.
 */
export function openRaw(): Bench {
  const driver: typeof BetterSqlite = createRequire(import.meta.url)("better-sqlite3");
  const directory = mkdtempSync(join(tmpdir(), "podium-raw-"));
  const database = new driver(join(directory, "raw.db"));
  database.pragma("journal_mode = WAL");
  database.exec(ddl);
  const insert = database.prepare("INSERT INTO step VALUES (?, ?, ?)");
  const [begin, commit] = [database.prepare("BEGIN IMMEDIATE"), database.prepare("COMMIT")];
  let commits = 0;
  let runs = 0;
  let queue: (readonly [number, number, Json])[] = [];
  let endsRun = false;
  let isSynced = false;
  let flushing: Promise<void> | null = null;

  const flush = (): void => {
    const rows = queue;
    queue = [];
    flushing = null;
    if (endsRun !== isSynced) database.pragma(`synchronous = ${endsRun ? "FULL" : "NORMAL"}`);
    isSynced = endsRun;
    endsRun = false;
    begin.run();
    for (const [run, seq, value] of rows) insert.run(run, seq, JSON.stringify(value));
    commit.run();
    commits += 1;
  };
  const write = (run: number, from: number, values: readonly Json[]): Promise<void> => {
    queue.push(...values.map((value, at) => [run, from + at, value] as const));
    flushing ??= new Promise((done) => {
      setImmediate(() => {
        flush();
        done();
      });
    });
    return flushing;
  };
  const once = async (rows: readonly (readonly Json[])[]): Promise<number> => {
    const from = performance.now();
    runs += 1;
    const run = runs;
    let seq = 0;
    for (const [at, values] of rows.entries()) {
      if (at === rows.length - 1) endsRun = true;
      await write(run, seq, values);
      seq += values.length;
    }
    return performance.now() - from;
  };

  const round = async ({ rows, runs: count }: Scenario): Promise<Cost> => {
    const start = { commits, cpu: process.cpuUsage(), at: performance.now() };
    const latencies = await Promise.all(Array.from({ length: count }, () => once(rows)));
    const { user, system } = process.cpuUsage(start.cpu);
    const wallMs = performance.now() - start.at;
    return { wallMs, cpuMs: (user + system) / 1000, commits: commits - start.commits, tokens: 0, latencies };
  };
  return {
    round,
    checked: round,
    async close() {
      database.close();
      const bytes = diskBytes(directory);
      rmSync(directory, { recursive: true, force: true });
      return bytes;
    },
  };
}
