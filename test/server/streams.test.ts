import assert from "node:assert/strict";
import type { RunObserver } from "../../sidecar/ports.ts";
import type { LiveEvent, RunEvent } from "../../sidecar/protocol/events.ts";
import type { RunRow } from "../../sidecar/protocol/results.ts";
import type { Caller } from "../../sidecar/server/caller.ts";
import { createFindingBoard } from "../../sidecar/server/findings.ts";
import { createStreams, type StreamParts } from "../../sidecar/server/streams.ts";

const caller: Caller = {
  door: "ws",
  client: "test",
  scopes: new Set(["read"]),
  roots: ["/w"],
  trusted: true,
  settings: {},
};
const row = (run: string, root: string): RunRow => ({
  run,
  workflow: "ask_workspace",
  status: "running",
  createdAt: 1,
  endedAt: null,
  attempts: 1,
  root,
});

/** One watcher of everything, and the hands of the engine and of the clock. */
async function watching() {
  const pushed: unknown[] = [];
  let observer: RunObserver = { durable: () => undefined, live: () => undefined };
  let due: (() => void) | null = null;
  const none = () => () => undefined;
  const parts = {
    store: { list: async () => [row("run_ours", "/w")], row: async (run: string) => row(run, "/w") },
    runs: {
      subscribeAll: (given: RunObserver) => {
        observer = given;
        return () => undefined;
      },
    },
    models: { list: async () => ({ endpoints: [], roles: {} }) },
    findings: createFindingBoard(),
    attention: { get: () => null, onChange: none },
    onModels: none,
    onDrain: none,
    now: () => 10,
    after: (_ms: number, work: () => void) => {
      due = work;
      return () => undefined;
    },
  } as unknown as StreamParts;
  await createStreams(parts)["hub.watch"]({}, caller, (item) => pushed.push(item));
  const working = (): unknown => {
    const work = due;
    due = null;
    work?.();
    return pushed.findLast((item) => typeof item === "object" && item !== null && "working" in item) ?? null;
  };
  const durable = (event: object) => observer.durable({ seq: 1, at: 1, epoch: 1, ...event } as unknown as RunEvent);
  const live = (event: object) => observer.live({ at: 1, ...event } as unknown as LiveEvent);
  return { durable, live, working };
}

const call = { run: "run_ours", instance: "answer", op: 1 };
const begins = { ...call, kind: "op-start", opKind: "model", name: "ask" };
const late = { ...call, kind: "model-snapshot", text: "late" };

describe("the line of what works", () => {
  it("is gone after the end, also when a dropped call still says something", async () => {
    const { durable, live, working } = await watching();
    durable(begins);
    assert.deepEqual(working(), { working: { run: "run_ours", label: "connecting", queue: 0 } });
    durable({ ...call, kind: "op-end" });
    live(late);
    assert.deepEqual(working(), { working: null });
    durable({ ...call, op: 2, kind: "op-start", opKind: "model", name: "ask" });
    durable({ run: "run_ours", kind: "run-end", status: "cancelled" });
    live({ ...late, op: 2 });
    live({ ...late, op: 3 });
    assert.deepEqual(working(), { working: null });
  });

  it("keeps what a call said before its beginning was stored", async () => {
    const { durable, live, working } = await watching();
    live({ ...call, kind: "token-delta", offset: 0, text: "An" });
    durable(begins);
    live({ ...call, kind: "token-delta", offset: 2, text: " entry" });
    assert.deepEqual(working(), { working: { run: "run_ours", label: "generating", queue: 0 } });
  });

  it("says nothing of the runs of other folders", async () => {
    const { durable, live, working } = await watching();
    durable({ run: "run_other", kind: "run-start", root: "/elsewhere" });
    durable({ ...begins, run: "run_other" });
    live({ ...late, run: "run_other" });
    assert.equal(working(), null);
  });
});
