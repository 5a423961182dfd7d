import type { Clock, Digest, Durability, RunStore } from "../ports.ts";
import { type PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, Ref, RunEvent } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { canonicalJson } from "../state/codec.ts";

/** Values above this many characters of JSON live in the blob table. */
const inlineLimit = 16 * 1024;
/** Microtask turns that a riding event waits for company, all within one turn of the event loop. */
const rideTurns = 12;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: PodiumError) => void;
}

export interface Journal {
  /** Appends without being awaited: flushed in this turn of the event loop, or with the next commit. */
  ride(body: DurableBody): void;
  /** Appends, and resolves after the commit of this and all before it. Throws `storage` when the disk refuses. */
  commit(bodies: readonly DurableBody[]): Promise<void>;
  /** Resolves when all that was appended is committed. */
  flush(): Promise<void>;
  /** Inline up to 16 KiB, else stored as a blob with its hash. */
  refOf(value: Json): Ref;
  /** Refuses everything from now on: what is not committed never happened. */
  drop(): void;
}

/** What a power cut must not take: an effect that is about to happen, an answer, an end (ENGINE E10). */
function needsSync(body: DurableBody): boolean {
  if (body.kind === "op-start") return body.effect !== "pure" && body.opKind !== "ask";
  return body.kind === "answer" || body.kind === "run-end";
}

/** True when the JSON of a value surely needs no more than the inline limit; looks only as far as it must. */
function fitsInline(value: Json): boolean {
  let left = inlineLimit;
  const stack: Json[] = [value];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    if (typeof item === "string") left -= item.length + 2;
    else if (item === null || typeof item !== "object") left -= 8;
    else {
      const entries = Object.entries(item);
      left -= 2;
      for (const [key, inner] of entries) {
        left -= key.length + 4;
        stack.push(inner);
      }
    }
    if (left < 0) return false;
  }
  return true;
}

/** Stores a value by content hash and names it; the blob commits with the next append. */
export function putBlob(
  store: RunStore,
  digest: Digest,
  value: Json,
): { readonly blob: string; readonly bytes: number } {
  const json = canonicalJson(value);
  const blob = digest(json);
  store.putBlob(blob, json);
  return { blob, bytes: json.length };
}

interface Ports {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly digest: Digest;
}

/**
 * The one writer of a run's log: gives each event its place, keeps one append in flight, and tells `listen` of what was
 * committed, in order. `apply` sees each event when it is appended, so that what follows it can ride in the same commit.
 */
export function createJournal(
  ports: Ports,
  run: string,
  head: number,
  apply: (event: RunEvent) => void,
  listen: (event: RunEvent) => void,
): Journal {
  const { store, clock, digest } = ports;
  let seq = head;
  let pending: RunEvent[] = [];
  let durability: Durability = "written";
  let waiting: Waiter[] = [];
  /** Who waits for the append in flight; null when there is none. */
  let inFlight: Waiter[] | null = null;
  let turns: number | null = null;
  let failure: PodiumError | null = null;

  const add = (body: DurableBody): void => {
    seq += 1;
    const event: RunEvent = { run, seq, at: clock.now(), epoch: store.epoch, ...body };
    pending.push(event);
    if (needsSync(body)) durability = "synced";
    apply(event);
  };

  const fail = (error: PodiumError): void => {
    failure ??= error;
    for (const waiter of [...(inFlight ?? []), ...waiting]) waiter.reject(failure);
    pending = [];
    waiting = [];
    inFlight = null;
  };

  const send = (): void => {
    if (inFlight !== null || pending.length === 0 || failure !== null) return;
    const batch = pending;
    const settled = waiting;
    const how = durability;
    pending = [];
    waiting = [];
    durability = "written";
    inFlight = settled;
    store.append(run, batch, how).then(
      () => {
        inFlight = null;
        for (const event of batch) listen(event);
        for (const waiter of settled) waiter.resolve();
        send();
      },
      (error: unknown) => fail(toPodiumError(error, "storage")),
    );
  };

  const tick = (): void => {
    if (turns !== null && turns > 0) {
      turns -= 1;
      queueMicrotask(tick);
      return;
    }
    turns = null;
    send();
  };

  const schedule = (within: number): void => {
    if (turns === null) queueMicrotask(tick);
    turns = turns === null ? within : Math.min(turns, within);
  };

  const wait = (among: Waiter[]): Promise<void> => new Promise((resolve, reject) => among.push({ resolve, reject }));

  const flush = async (): Promise<void> => {
    while (failure === null && (pending.length > 0 || inFlight !== null)) {
      if (pending.length > 0) schedule(0);
      await wait(pending.length > 0 ? waiting : (inFlight ?? []));
    }
    if (failure) throw failure;
  };

  return {
    ride(body) {
      if (failure) return;
      add(body);
      schedule(rideTurns);
    },
    commit(bodies) {
      if (failure) return Promise.reject(failure);
      for (const body of bodies) add(body);
      if (pending.length === 0) return flush();
      schedule(0);
      return wait(waiting);
    },
    flush,
    refOf: (value) => (fitsInline(value) ? { inline: value } : putBlob(store, digest, value)),
    drop() {
      fail(toPodiumError(new Error("this run was handed on"), "storage"));
    },
  };
}
