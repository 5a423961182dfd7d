import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { CallClass, Clock, Lanes, LaneTake } from "../../ports.ts";
import { PodiumError } from "../../protocol/errors.ts";
import { acquireLock, type Lock } from "./lock.ts";
import { openDatabase, privateDirectory } from "./open.ts";
import { storeError } from "./runtime.ts";

const schema = [
  `
  CREATE TABLE tickets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    class INTEGER NOT NULL,
    owner TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since REAL NOT NULL,
    seen REAL NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX line ON tickets (device);
  CREATE TABLE cooling (device TEXT PRIMARY KEY, since REAL NOT NULL, ms REAL NOT NULL) STRICT, WITHOUT ROWID;
  `,
];
const ranks: { readonly [callClass in CallClass]: number } = { interactive: 0, review: 1, background: 2 };
const AGE_MS = 30_000;
/** A ticket that nobody polls for this long holds nobody up. */
const UNSEEN_MS = 5000;
const SWEEP_MS = 250;
const CRASH_COOL_MS = 5000;
const WAIT_MS = 1000;
const OPEN_TRIES = 40;
const OPEN_PAUSE_MS = 25;

interface Place {
  readonly id: number;
  readonly device: string;
  readonly class: number;
  readonly since: number;
}

function prepare(database: Database) {
  database.pragma("wal_autocheckpoint = 500");
  // After a power cut no process is left that could hold a lane, so nothing here has to reach the disk.
  database.pragma("synchronous = OFF");
  return {
    add: database
      .prepare<[string, number, string, number, number, number], number>(
        "INSERT INTO tickets (device, class, owner, pid, since, seen) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
      )
      .pluck(),
    restore: database.prepare<[number, string, number, string, number, number, number]>(
      "INSERT OR IGNORE INTO tickets (id, device, class, owner, pid, since, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    see: database.prepare<[number, number]>("UPDATE tickets SET seen = ? WHERE id = ?"),
    taken: database.prepare<[number], number>("SELECT taken FROM tickets WHERE id = ?").pluck(),
    held: database.prepare<[string], { pid: number; owner: string }>(
      "SELECT pid, owner FROM tickets WHERE device = ? AND taken = 1 ORDER BY id",
    ),
    line: database.prepare<[string, number], Place>(
      "SELECT id, device, class, since FROM tickets WHERE device = ? AND taken = 0 AND seen > ?",
    ),
    take: database.prepare<[number]>("UPDATE tickets SET taken = 1 WHERE id = ?"),
    drop: database.prepare<[number]>("DELETE FROM tickets WHERE id = ?"),
    owners: database.prepare<[string], string>("SELECT DISTINCT owner FROM tickets WHERE owner <> ?").pluck(),
    heldBy: database
      .prepare<[string], string>("SELECT DISTINCT device FROM tickets WHERE owner = ? AND taken = 1")
      .pluck(),
    dropOwner: database.prepare<[string]>("DELETE FROM tickets WHERE owner = ?"),
    cool: database.prepare<[string, number, number]>(
      `INSERT INTO cooling VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE SET since = excluded.since, ms = excluded.ms
       WHERE excluded.since + excluded.ms > since + ms`,
    ),
    cooling: database.prepare<[string], { since: number; ms: number }>(
      "SELECT since, ms FROM cooling WHERE device = ?",
    ),
    warm: database.prepare<[string]>("DELETE FROM cooling WHERE device = ?"),
  };
}

/** 0 is served first; every 30 s of waiting lift a ticket by one class. */
function rank(place: Place, now: number): number {
  return place.class - Math.max(0, Math.floor((now - place.since) / AGE_MS));
}

function goesFirst(other: Place, mine: Place, now: number): boolean {
  const difference = rank(other, now) - rank(mine, now);
  return difference < 0 || (difference === 0 && other.id < mine.id);
}

interface OwnLock {
  readonly owner: string;
  readonly lock: Lock;
}

/** `<pid>.lock`; a number follows where processes of another container share the folder, or one process opens it twice. */
function lockOwn(directory: string): OwnLock {
  for (let copy = 0; copy < 100; copy += 1) {
    const owner = copy === 0 ? `${process.pid}` : `${process.pid}-${copy}`;
    const lock = acquireLock(join(directory, `${owner}.lock`));
    if (lock !== null) return { owner, lock };
  }
  throw new PodiumError("data_in_use", `No lock file of process ${process.pid} in ${directory} is free; remove them.`);
}

async function openShared(directory: string, clock: Clock) {
  for (let tries = 1; ; tries += 1) {
    try {
      const options = {
        directory,
        name: "lanes.db",
        migrations: schema,
        now: clock.now(),
        timeoutMs: WAIT_MS,
        prepare,
      };
      return openDatabase(options);
    } catch (error) {
      // Processes that make the file at the same moment see each other's locks in spite of the time limit.
      if (!(error instanceof PodiumError) || error.code !== "data_in_use" || tries === OPEN_TRIES) throw error;
      await clock.sleep(OPEN_PAUSE_MS);
    }
  }
}

/** What is told to the lanes of a directory; the clock's wall time is shared by all processes. */
export interface LanesOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** How long a device rests after the process that used it died, ms; 5 s when absent. */
  readonly crashCoolMs?: number;
}

/** Lanes that end with `close`, which gives back everything this process holds. */
export interface SharedLanes extends Lanes {
  close(): Promise<void>;
}

/** Opens the lanes that all Podium processes of a directory share. Throws `data_unreadable`, `data_in_use`, `storage`. */
export async function openLanes(options: LanesOptions): Promise<SharedLanes> {
  const { clock, crashCoolMs = CRASH_COOL_MS } = options;
  const directory = privateDirectory(options.directory);
  const { owner, lock } = lockOwn(directory);
  const {
    database,
    file,
    readOnly,
    prepared: statements,
  } = await openShared(directory, clock).catch((error: unknown) => {
    lock.release();
    throw error;
  });
  const own = new Map<number, Place>();
  let swept = Number.NEGATIVE_INFINITY;
  // Tickets under this name are those of a dead process whose number came back.
  if (!readOnly) statements.dropOwner.run(owner);

  function exclusively<T>(work: () => T): T {
    try {
      return database.transaction(work).immediate();
    } catch (error) {
      throw storeError(error, file);
    }
  }

  function bury(dead: string): void {
    exclusively(() => {
      for (const device of statements.heldBy.all(dead)) statements.cool.run(device, clock.now(), crashCoolMs);
      statements.dropOwner.run(dead);
    });
  }

  /** A process is alive while it holds its lock file; the file is removed while we hold it, so nobody else can take it. */
  function sweep(): void {
    if (clock.monotonic() - swept < SWEEP_MS) return;
    swept = clock.monotonic();
    for (const other of statements.owners.all(owner)) {
      const path = join(directory, `${other}.lock`);
      const theirs = acquireLock(path);
      if (theirs === null) continue;
      try {
        bury(other);
        if (process.platform !== "win32") rmSync(path, { force: true });
      } finally {
        theirs.release();
      }
    }
  }

  function coolMs(device: string, now: number): number {
    const cooling = statements.cooling.get(device);
    if (cooling === undefined) return 0;
    const left = cooling.since + cooling.ms - now;
    // A clock that was set back would otherwise keep the device closed for the difference.
    if (left > 0 && now >= cooling.since) return left;
    statements.warm.run(device);
    return 0;
  }

  function tryTake(mine: Place, width: number): LaneTake {
    const now = clock.now();
    statements.restore.run(mine.id, mine.device, mine.class, owner, process.pid, mine.since, now);
    statements.see.run(now, mine.id);
    if (statements.taken.get(mine.id) === 1) return { taken: true };
    const held = statements.held.all(mine.device);
    const line = statements.line.all(mine.device, now - UNSEEN_MS);
    const before = line.filter((other) => other.id !== mine.id && goesFirst(other, mine, now)).length;
    const rest = coolMs(mine.device, now);
    if (rest > 0 || held.length + before >= width) {
      const holder = held.find((other) => other.owner !== owner)?.pid ?? null;
      return { taken: false, before, holder, coolMs: rest };
    }
    statements.take.run(mine.id);
    return { taken: true };
  }

  return {
    async ticket(device, callClass) {
      const since = clock.now();
      const rankOfClass = ranks[callClass];
      const id = exclusively(() => statements.add.get(device, rankOfClass, owner, process.pid, since, since));
      if (id === undefined) throw new PodiumError("internal", `No ticket could be made in ${file}.`);
      own.set(id, { id, device, class: rankOfClass, since });
      return String(id);
    },
    async take(ticket, width) {
      const mine = own.get(Number(ticket));
      if (mine === undefined) return { taken: false, before: 0, holder: null, coolMs: 0 };
      const found = exclusively(() => tryTake(mine, width));
      if (!found.taken) sweep();
      return found;
    },
    async release(ticket, coolFor) {
      const mine = own.get(Number(ticket));
      if (mine === undefined) return;
      exclusively(() => {
        if (coolFor > 0) statements.cool.run(mine.device, clock.now(), coolFor);
        statements.drop.run(mine.id);
      });
      own.delete(mine.id);
    },
    async close() {
      if (!database.open) return;
      try {
        if (!readOnly) statements.dropOwner.run(owner);
      } finally {
        database.close();
        if (process.platform !== "win32") rmSync(join(directory, `${owner}.lock`), { force: true });
        lock.release();
      }
    },
  };
}
