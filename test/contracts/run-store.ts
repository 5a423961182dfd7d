import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Clock, RunStore } from "../../sidecar/ports.ts";
import type { DurableBody, RunEvent } from "../../sidecar/protocol/events.ts";
import { foldRun } from "../../sidecar/protocol/run.ts";

/** Wall time that only the test moves. */
export interface StoreClock extends Clock {
  advance(ms: number): void;
}

export function storeClock(start = 1_750_000_000_000): StoreClock {
  let wall = start;
  return {
    now: () => wall,
    monotonic: () => wall - start,
    sleep: () => new Promise((resolve) => void setImmediate(resolve)),
    advance(ms) {
      wall += ms;
    },
  };
}

export interface LogOptions {
  readonly at?: number;
  readonly root?: string;
  readonly idem?: string | null;
  readonly imported?: boolean;
  readonly question?: string;
}

const ir = { podium: 1, name: "demo", input: {}, nodes: [], output: "1" } as const;

/** The first event of a run. */
export function runStart(run: string, epoch: number, options: LogOptions = {}): RunEvent {
  return {
    run,
    seq: 1,
    at: options.at ?? 1_750_000_000_000,
    epoch,
    kind: "run-start",
    workflow: "demo",
    ir: { ...ir, nodes: [] },
    irHash: "0".repeat(64),
    input: { question: options.question ?? "How?\nMore." },
    budget: {},
    settings: { roles: {}, servers: [], network: "local", requireModel: false, budget: {} },
    env: {},
    root: options.root ?? "/work",
    trusted: true,
    idem: options.idem ?? null,
    ...(options.imported ? { imported: true } : {}),
  };
}

/** Gives bodies their envelope, seq from `first`. */
export function events(run: string, epoch: number, first: number, bodies: readonly DurableBody[]): RunEvent[] {
  return bodies.map((body, index) => ({
    ...body,
    run,
    seq: first + index,
    at: 1_750_000_000_000 + first + index,
    epoch,
  }));
}

/** One small pure step: start and end. */
export function step(instance: string): DurableBody[] {
  return [
    { kind: "step-start", instance, attempt: 1, cause: "start" },
    { kind: "step-end", instance, attempt: 1, ms: 3, delta: { inline: { [instance]: `value of ${instance}` } } },
  ];
}

/** What every RunStore does; `open` gives a fresh, empty store that uses the clock for the age of keys. */
export function runStoreContract(name: string, open: (clock: Clock) => Promise<RunStore>): void {
  describe(`RunStore contract: ${name}`, () => {
    let clock: StoreClock;
    let store: RunStore;
    beforeEach(async () => {
      clock = storeClock();
      store = await open(clock);
    });
    afterEach(() => store.close());

    const start = async (run: string, options: LogOptions = {}) =>
      store.append(run, [runStart(run, store.epoch, { at: clock.now(), ...options })], "written");

    it("knows nothing of an unknown run", async () => {
      assert.equal(await store.head("run_x"), 0);
      assert.equal(await store.row("run_x"), null);
      assert.deepEqual(await store.read("run_x", 0, 10), []);
      assert.equal(await store.byIdempotencyKey("k"), null);
      assert.equal(await store.getBlob("0".repeat(64)), null);
      assert.deepEqual(await store.open(), []);
      assert.deepEqual(await store.list({ roots: null, limit: 10 }), []);
    });

    it("gives back what was appended, in order, equal and in pages", async () => {
      const log = [
        runStart("run_a", store.epoch),
        ...events("run_a", store.epoch, 2, [...step("one"), ...step("två")]),
      ];
      await store.append("run_a", log.slice(0, 1), "synced");
      await store.append("run_a", log.slice(1), "written");
      assert.equal(await store.head("run_a"), 5);
      assert.deepEqual(await store.read("run_a", 0, 100), log);
      assert.deepEqual(await store.read("run_a", 1, 2), log.slice(1, 3));
      assert.deepEqual(await store.read("run_a", 5, 2), []);
    });

    it("keeps the order of appends that nobody awaited", async () => {
      const log = events("run_a", store.epoch, 2, ["a", "b", "c", "d"].flatMap(step));
      const all = [start("run_a"), ...log.map((event) => store.append("run_a", [event], "written"))];
      await Promise.all(all);
      assert.deepEqual(
        (await store.read("run_a", 1, 100)).map((event) => event.seq),
        [2, 3, 4, 5, 6, 7, 8, 9],
      );
    });

    it("refuses a second event with the same seq, a second step end and a second operation end", async () => {
      await start("run_a");
      await store.append("run_a", events("run_a", store.epoch, 2, step("one")), "written");
      const op: DurableBody = { kind: "op-end", instance: "one", op: 0, attempt: 1, result: { inline: 1 } };
      await store.append("run_a", events("run_a", store.epoch, 4, [op]), "written");
      const again = (seq: number, bodies: DurableBody[]) =>
        store.append("run_a", events("run_a", store.epoch, seq, bodies), "written");
      await assert.rejects(again(4, [{ kind: "budget-warn", used: 1, limit: 2 }]));
      await assert.rejects(again(5, [{ kind: "budget-warn", used: 1, limit: 2 }, ...step("one").slice(1)]));
      await assert.rejects(again(5, [op]));
      assert.equal(await store.head("run_a"), 4, "nothing of a refused batch is kept");
      await again(5, [{ ...op, attempt: 2 }]);
      assert.equal(await store.head("run_a"), 5);
    });

    it("a refused run does not take the others of the same turn with it", async () => {
      await start("run_a");
      const bad = store.append("run_a", events("run_a", store.epoch, 1, [{ kind: "run-cancel", by: "x" }]), "written");
      const good = start("run_b");
      await assert.rejects(bad);
      await good;
      assert.equal(await store.head("run_b"), 1);
      await store.append("run_a", events("run_a", store.epoch, 2, step("one")), "written");
      assert.equal(await store.head("run_a"), 3);
    });

    it("finds the run of an idempotency key for 24 h", async () => {
      await start("run_a", { idem: "key" });
      assert.equal(await store.byIdempotencyKey("key"), "run_a");
      assert.equal(await store.byIdempotencyKey("other"), null);
      clock.advance(24 * 3_600_000 + 1);
      assert.equal(await store.byIdempotencyKey("key"), null);
    });

    it("lists newest first, by root, in pages", async () => {
      for (const [run, root] of [
        ["run_1", "/a"],
        ["run_2", "/b"],
        ["run_3", "/a"],
        ["run_4", "/a"],
      ] as const) {
        clock.advance(1000);
        await start(run, { root });
      }
      const names = async (filter: Parameters<RunStore["list"]>[0]) => (await store.list(filter)).map((row) => row.run);
      assert.deepEqual(await names({ roots: null, limit: 10 }), ["run_4", "run_3", "run_2", "run_1"]);
      assert.deepEqual(await names({ roots: ["/a"], limit: 2 }), ["run_4", "run_3"]);
      assert.deepEqual(await names({ roots: ["/a"], limit: 2, before: "run_3" }), ["run_1"]);
      assert.deepEqual(await names({ roots: ["/a", "/b"], limit: 10, before: "run_4" }), ["run_3", "run_2", "run_1"]);
      assert.deepEqual(await names({ roots: [], limit: 10 }), []);
    });

    it("keeps the row of a run as foldRun sees it", async () => {
      const bodies: DurableBody[] = [
        ...step("one"),
        { kind: "step-start", instance: "two", attempt: 1, cause: "start" },
        {
          kind: "ask",
          instance: "two",
          op: 0,
          ask: "ask_1",
          askKind: "question",
          title: "Go?",
          digest: "d",
          reason: "ask",
        },
        { kind: "step-park", instance: "two", reason: "ask", detail: "Go?" },
        { kind: "run-adopt", why: "crash" },
        { kind: "answer", instance: "two", op: 0, ask: "ask_1", by: "me", door: "cli", value: true },
        { kind: "step-start", instance: "two", attempt: 1, cause: "answer" },
        { kind: "step-end", instance: "two", attempt: 1, ms: 1 },
        { kind: "run-end", status: "succeeded" },
      ];
      await start("run_a", { question: "  First line \nsecond" });
      const log = [...(await store.read("run_a", 0, 1))];
      for (const event of events("run_a", store.epoch, 2, bodies)) {
        await store.append("run_a", [event], "written");
        log.push(event);
        const view = foldRun(log);
        const row = await store.row("run_a");
        assert.ok(view && row);
        assert.equal(row.status, view.status, event.kind);
        assert.equal(row.reason ?? null, view.reason, event.kind);
        assert.equal(row.waits ?? 0, view.asks.size, event.kind);
        assert.equal(row.attempts, view.attempts, event.kind);
        assert.equal(row.endedAt, view.endedAt, event.kind);
      }
      const row = await store.row("run_a");
      assert.equal(row?.title, "First line");
      assert.equal(row?.root, "/work");
      assert.equal(row?.workflow, "demo");
    });

    it("names the open runs, oldest first, without ended and imported ones", async () => {
      await start("run_1");
      await start("run_2");
      await start("run_3", { imported: true });
      await start("run_4");
      const end: DurableBody = { kind: "run-end", status: "failed" };
      await store.append("run_2", events("run_2", store.epoch, 2, [end]), "synced");
      assert.deepEqual(await store.open(), ["run_1", "run_4"]);
    });

    it("stores a blob once, readable at once and after the next append", async () => {
      const json = JSON.stringify("x".repeat(20_000));
      const hash = createHash("sha256").update(json).digest("hex");
      store.putBlob(hash, json);
      store.putBlob(hash, json);
      assert.equal(await store.getBlob(hash), json);
      await start("run_a");
      assert.equal(await store.getBlob(hash), json);
    });

    it("rebuild equals live, and verify finds a sound store sound", async () => {
      for (const run of ["run_1", "run_2", "run_3"]) {
        await start(run);
        await store.append(run, events(run, store.epoch, 2, [...step("one"), ...step("two").slice(0, 1)]), "written");
      }
      const live = await store.list({ roots: null, limit: 10 });
      assert.equal(await store.rebuild(), 3);
      assert.deepEqual(await store.list({ roots: null, limit: 10 }), live);
      await store.append("run_1", events("run_1", store.epoch, 5, step("two").slice(1)), "written");
      assert.deepEqual(await store.verify(), []);
    });
  });
}
