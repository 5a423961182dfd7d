import type { Durability, RunStore } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { RunRow } from "../../sidecar/protocol/results.ts";
import { foldRun } from "../../sidecar/protocol/run.ts";

interface Commit {
  readonly run: string;
  readonly events: readonly RunEvent[];
  readonly durability: Durability;
}

export interface MemoryStore extends RunStore {
  readonly commits: Commit[];
  /** Makes the append with this number (from 1) fail, `before` or `after` it is kept; every later one fails too. */
  crashAt(append: number, when: "before" | "after"): void;
  /** The disk refuses from now on, until false. */
  refuse: boolean;
  /** The same data under the next epoch; the old handle refuses everything from now on. */
  reopen(): MemoryStore;
}

interface Data {
  readonly logs: Map<string, RunEvent[]>;
  readonly blobs: Map<string, string>;
  epoch: number;
}

function rowOf(events: readonly RunEvent[]): RunRow | null {
  const view = foldRun(events);
  if (!view) return null;
  const { run, workflow, status, reason, createdAt, endedAt, attempts, root, imported } = view;
  return {
    run,
    workflow,
    status,
    ...(reason === null ? {} : { reason }),
    createdAt,
    endedAt,
    attempts,
    root,
    imported,
    waits: view.asks.size,
  };
}

/** A RunStore that forgets everything with the process, with the checks of the real one. */
export function createMemoryStore(data: Data = { logs: new Map(), blobs: new Map(), epoch: 1 }): MemoryStore {
  const { epoch } = data;
  let appends = 0;
  let crash: { at: number; when: "before" | "after" } | null = null;
  const check = (run: string, events: readonly RunEvent[]): void => {
    const log = data.logs.get(run) ?? [];
    const ended = new Set(log.filter((event) => event.kind === "step-end").map((event) => event.instance));
    let seq = log.length;
    for (const event of events) {
      seq += 1;
      if (event.seq !== seq) throw new PodiumError("storage", `seq ${event.seq} where ${seq} was due`);
      if (event.kind !== "step-end") continue;
      if (ended.has(event.instance)) throw new PodiumError("storage", `second step-end of ${event.instance}`);
      ended.add(event.instance);
    }
  };
  const store: MemoryStore = {
    epoch,
    readOnly: false,
    commits: [],
    refuse: false,
    crashAt(append, when) {
      crash = { at: append, when };
    },
    reopen() {
      data.epoch += 1;
      return createMemoryStore(data);
    },
    async append(run, events, durability) {
      await Promise.resolve();
      appends += 1;
      if (data.epoch !== epoch || store.refuse) throw new PodiumError("storage", "The disk is full.");
      if (crash && (appends > crash.at || (appends === crash.at && crash.when === "before"))) {
        throw new PodiumError("storage", "crashed");
      }
      check(run, events);
      data.logs.set(run, [...(data.logs.get(run) ?? []), ...structuredClone([...events])]);
      store.commits.push({ run, events, durability });
      if (crash && appends === crash.at) throw new PodiumError("storage", "crashed");
    },
    read: async (run, after, limit) => (data.logs.get(run) ?? []).slice(after, after + limit),
    head: async (run) => data.logs.get(run)?.length ?? 0,
    list: async ({ roots, limit }) =>
      [...data.logs.values()]
        .flatMap((log) => rowOf(log) ?? [])
        .filter((row) => roots === null || roots.includes(row.root ?? ""))
        .reverse()
        .slice(0, limit),
    row: async (run) => rowOf(data.logs.get(run) ?? []),
    open: async () =>
      [...data.logs].flatMap(([run, log]) => {
        const row = rowOf(log);
        return row && row.endedAt === null && !row.imported ? [run] : [];
      }),
    byIdempotencyKey: async (key) => {
      for (const [run, [first]] of data.logs) if (first?.kind === "run-start" && first.idem === key) return run;
      return null;
    },
    putBlob: (hash, json) => void data.blobs.set(hash, json),
    getBlob: async (hash) => data.blobs.get(hash) ?? null,
    rebuild: async () => data.logs.size,
    verify: async () => [],
    close: async () => undefined,
  };
  return store;
}
