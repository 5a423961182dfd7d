import { statSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Database } from "better-sqlite3";
import type { Clock, Durability } from "../../ports.ts";
import { PodiumError } from "../../protocol/errors.ts";
import type { RunEvent } from "../../protocol/events.ts";
import { Checkpointer } from "./checkpoint.ts";
import { project, type RunProjection, startProjection } from "./projection.ts";
import { decodeEvent, type EventRow, encodeEvent, eventId, onceOf } from "./rows.ts";
import { isBusy, sqliteCode, storeError } from "./runtime.ts";
import { type RunParameters, readPage, runParameters, type Statements } from "./statements.ts";

const WAL_HOLD_BYTES = 32 * 1024 * 1024;
/** What SQLite itself checkpoints after: a short WAL is written over and over instead of growing. */
const WAL_LOOK_BYTES = 4 * 1024 * 1024;
/** A small commit writes one page of the log and one of its index. */
const COMMIT_BYTES = 2 * 4096;
const QUIET_TURNS = 64;
const BUSY_MS = 5;

interface Write {
  readonly run: string;
  readonly events: readonly RunEvent[];
  readonly durability: Durability;
  readonly resolve: () => void;
  readonly reject: (error: PodiumError) => void;
}

interface OpenRun {
  readonly log: number;
  readonly projection: RunProjection;
  /** The row as it stands in the table, so that a commit writes it only when something of it changed. */
  row: RunParameters;
}

export interface WriterOptions {
  readonly database: Database;
  readonly statements: Statements;
  readonly file: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly onWritePoint: (name: string) => void;
}

const PAGE = 500;

/** Folds a stored log into its projection; null when it has no events. Throws `data_corrupt`. */
export function foldLog(statements: Statements, log: number, run: string): RunProjection | null {
  let projection: RunProjection | null = null;
  for (let after = 0; ; ) {
    const rows: readonly EventRow[] = readPage(statements, log, after, PAGE);
    for (const row of rows) {
      const event = decodeEvent(run, row);
      projection ??= startProjection(event);
      project(projection, event);
      after = row.seq;
    }
    if (rows.length < PAGE) return projection;
  }
}

/** The one writer of a database: collects what is appended in one turn of the event loop and commits it at once. */
export class Writer {
  readonly counters = { commits: 0, events: 0 };
  readonly #options: WriterOptions;
  readonly #checkpointer: Checkpointer;
  readonly #transaction: (writes: readonly Write[], blobs: ReadonlyMap<string, string>) => void;
  readonly #open = new Map<string, OpenRun>();
  readonly #blobs = new Map<string, string>();
  #queue: Write[] = [];
  #scheduled = false;
  #busyTurns = 0;
  #unseenBytes = 0;
  #unmovedBytes = 0;
  #synced = false;
  #drained: (() => void)[] = [];

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#checkpointer = new Checkpointer(options.file);
    this.#transaction = options.database.transaction((writes: readonly Write[], blobs: ReadonlyMap<string, string>) =>
      this.#write(writes, blobs),
    ).immediate;
  }

  append(run: string, events: readonly RunEvent[], durability: Durability): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, events, durability, resolve, reject });
      this.#schedule();
    });
  }

  putBlob(hash: string, json: string): void {
    this.#blobs.set(hash, json);
    this.#schedule();
  }

  pendingBlob(hash: string): string | null {
    return this.#blobs.get(hash) ?? null;
  }

  /** Resolves when nothing waits to be committed. */
  drain(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Forgets the projections held in memory, after they were rebuilt from the log. */
  forget(): void {
    this.#open.clear();
  }

  async close(): Promise<void> {
    await this.drain();
    await this.#checkpointer.close();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (!this.#walTooLong()) {
      this.#flush();
      return;
    }
    // A restart beside a running writer only gives BUSY, so the writer holds still until the WAL is moved.
    void this.#checkpointer.run("TRUNCATE").then(() => this.#flush());
  }

  #walTooLong(): boolean {
    if (this.#unseenBytes < WAL_LOOK_BYTES) return false;
    this.#unseenBytes = 0;
    return (statSync(`${this.#options.file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > WAL_HOLD_BYTES;
  }

  #flush(): void {
    const batch = this.#queue;
    this.#queue = [];
    const busy = this.#commitOrSplit(batch);
    if (busy.length > 0) {
      this.#queue.unshift(...busy);
      this.#retry();
      return;
    }
    this.#busyTurns = 0;
    this.#scheduled = false;
    if (this.#queue.length > 0) this.#schedule();
    else this.#settleIdle();
  }

  #settleIdle(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
    if (this.#unmovedBytes < WAL_LOOK_BYTES || this.#checkpointer.busy) return;
    this.#unmovedBytes = 0;
    void this.#checkpointer.run("PASSIVE");
  }

  #retry(): void {
    this.#busyTurns += 1;
    if (this.#busyTurns < QUIET_TURNS) setImmediate(() => this.#flush());
    else void this.#options.clock.sleep(BUSY_MS).then(() => this.#flush());
  }

  /** Commits all, or run by run what then still can be; returns what has to wait for a lock. */
  #commitOrSplit(batch: readonly Write[]): readonly Write[] {
    const failed = this.#attempt(batch, this.#blobs);
    if (failed === null) return [];
    if (isBusy(failed)) return batch;
    const runs = Map.groupBy(batch, (write) => write.run);
    const busy: Write[] = [];
    for (const writes of runs.values()) {
      const error = runs.size === 1 && this.#blobs.size === 0 ? failed : this.#attempt(writes, this.#blobsOf(writes));
      if (error === null) continue;
      if (isBusy(error)) busy.push(...writes);
      else for (const write of writes) write.reject(this.#named(error));
    }
    return busy;
  }

  #named(error: unknown): PodiumError {
    if (!sqliteCode(error).startsWith("SQLITE_CONSTRAINT")) return storeError(error, this.#options.file);
    return new PodiumError("internal", "This event is already recorded; it was not stored a second time.", {
      reason: "duplicate",
      cause: error,
    });
  }

  /** The blobs that these events name, directly or through another blob. */
  #blobsOf(writes: readonly Write[]): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const texts = writes.map((write) => JSON.stringify(write.events));
    for (let text = texts.pop(); text !== undefined; text = texts.pop()) {
      for (const [hash, json] of this.#blobs) {
        if (found.has(hash) || !text.includes(hash)) continue;
        found.set(hash, json);
        texts.push(json);
      }
    }
    return found;
  }

  /** One transaction; null = committed, else why not. */
  #attempt(writes: readonly Write[], blobs: ReadonlyMap<string, string>): unknown {
    const { onWritePoint } = this.#options;
    const events = writes.reduce((sum, write) => sum + write.events.length, 0);
    if (events === 0 && blobs.size === 0) {
      for (const write of writes) write.resolve();
      return null;
    }
    try {
      this.#sync(writes.some((write) => write.durability === "synced"));
      onWritePoint("before-commit");
      this.#transaction(writes, blobs);
      onWritePoint("after-commit");
    } catch (error) {
      for (const write of writes) this.#open.delete(write.run);
      return error;
    }
    this.counters.commits += 1;
    this.counters.events += events;
    for (const hash of [...blobs.keys()]) this.#blobs.delete(hash);
    for (const write of writes) {
      this.#rest(write.run);
      write.resolve();
    }
    return null;
  }

  /** A run that has ended or waits holds no memory; its log is folded again when it goes on. */
  #rest(run: string): void {
    const projection = this.#open.get(run)?.projection;
    if (projection && (projection.endedAt !== null || projection.status === "parked")) this.#open.delete(run);
  }

  #sync(synced: boolean): void {
    if (synced === this.#synced) return;
    this.#options.database.pragma(synced ? "synchronous = FULL" : "synchronous = NORMAL");
    this.#synced = synced;
  }

  #write(writes: readonly Write[], blobs: ReadonlyMap<string, string>): void {
    const { statements, epoch, file } = this.#options;
    if (statements.epoch.get() !== epoch) {
      throw new PodiumError("data_in_use", `Another Podium process took over ${file}; stop this one.`);
    }
    this.#grow(COMMIT_BYTES);
    for (const [hash, json] of blobs) {
      statements.addBlob.run(hash, crc32(json), json);
      this.#grow(json.length);
    }
    const touched = new Set<OpenRun>();
    for (const { run, events } of writes) for (const event of events) touched.add(this.#add(run, event));
    for (const run of touched) this.#putRun(run);
  }

  #putRun(run: OpenRun): void {
    const row = runParameters(run.log, run.projection);
    if (row.every((value, at) => value === run.row[at])) return;
    this.#options.statements.putRun.run(row);
    run.row = row;
  }

  #add(run: string, event: RunEvent): OpenRun {
    if (event.run !== run) throw new PodiumError("internal", `An event of ${event.run} was appended to ${run}.`);
    const open = this.#open.get(run) ?? this.#load(run) ?? this.#begin(run, event);
    const { log, projection } = open;
    this.#insert(log, event);
    this.#follow(run, projection.seq, event);
    project(projection, event);
    return open;
  }

  #insert(log: number, event: RunEvent): void {
    const { seq, at, epoch, sum, body } = encodeEvent(event);
    this.#grow(body.length);
    this.#options.statements.addEvent.run(eventId(log, seq), at, epoch, onceOf(event), sum, body);
  }

  #follow(run: string, last: number, event: RunEvent): void {
    if (event.seq === last + 1) return;
    throw new PodiumError("internal", `Event ${event.seq} of ${run} does not follow its event ${last}.`, {
      reason: "gap",
    });
  }

  /** Estimates what goes to the WAL, so that its size is looked at only now and then. */
  #grow(bytes: number): void {
    this.#unseenBytes += bytes;
    this.#unmovedBytes += bytes;
  }

  #begin(run: string, event: RunEvent): OpenRun {
    const log = this.#options.statements.addLog.get(run);
    if (log === undefined) throw new PodiumError("internal", `The log of ${run} could not be made.`);
    const open: OpenRun = { log, projection: startProjection(event), row: [] };
    this.#open.set(run, open);
    return open;
  }

  #load(run: string): OpenRun | null {
    const log = this.#options.statements.logOf.get(run);
    if (log === undefined) return null;
    const projection = foldLog(this.#options.statements, log, run);
    if (projection === null) return null;
    const loaded = { log, projection, row: [] };
    this.#open.set(run, loaded);
    return loaded;
  }
}
