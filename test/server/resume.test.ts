import assert from "node:assert/strict";
import { once } from "node:events";
import fc from "fast-check";
import type { HubClient } from "../../sidecar/client/client.ts";
import type { RunObserver } from "../../sidecar/ports.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Item } from "../../sidecar/protocol/methods.ts";
import { limits } from "../../sidecar/protocol/wire.ts";
import type { Streams } from "../../sidecar/server/caller.ts";
import type { Doors } from "../../sidecar/server/doors.ts";
import { createHandlers } from "../../sidecar/server/handlers.ts";
import { createStreams, type StreamParts } from "../../sidecar/server/streams.ts";
import { until } from "../support/hub.ts";
import { createMemoryStore, type MemoryStore } from "../support/memory-store.ts";
import { connect, createReached, hello, openSocket, openTestDoors, speak } from "./support.ts";

const start = (run: string): RunEvent => ({
  run,
  seq: 1,
  at: 1,
  epoch: 1,
  kind: "run-start",
  workflow: "w",
  ir: { podium: 1, name: "w", input: {}, nodes: [], output: "null" },
  irHash: "h",
  input: {},
  budget: {},
  settings: { roles: {}, servers: [], network: "local", requireModel: false, budget: {} },
  env: {},
  root: "/w",
  trusted: true,
  idem: null,
});
const fact = (run: string, seq: number): RunEvent => ({
  run,
  seq,
  at: seq,
  epoch: 1,
  kind: "signal",
  instance: `each[${seq}]`,
  name: "n",
  value: { text: `fact ${seq} é漢🙂` },
});

/** Runs whose log the test writes; told as the engine tells: after the commit, in order. */
function createWritten(): {
  readonly store: MemoryStore;
  readonly parts: StreamParts;
  write(run: string, upTo: number): Promise<void>;
} {
  const store = createMemoryStore();
  const watchers = new Map<string, Set<RunObserver>>();
  const parts = {
    store,
    runs: {
      watch: (run: string, observer: RunObserver) => {
        const known = watchers.get(run) ?? new Set();
        watchers.set(run, known.add(observer));
        return () => known.delete(observer);
      },
    },
  } as unknown as StreamParts;
  return {
    store,
    parts,
    async write(run, upTo) {
      for (let seq = (await store.head(run)) + 1; seq <= upTo; seq += 1) {
        const event = seq === 1 ? start(run) : fact(run, seq);
        await store.append(run, [event], "written");
        for (const observer of watchers.get(run) ?? []) observer.durable(event);
      }
    },
  };
}

/** What a client does after a loss: subscribe first, then page on from the last event it has. */
async function follow(client: HubClient, run: string, seen: RunEvent[], limit: number): Promise<void> {
  let held: RunEvent[] | null = [];
  const take = (event: RunEvent): void => {
    if (event.seq > (seen.at(-1)?.seq ?? 0)) seen.push(event);
  };
  await client.watch("run.watch", { run }, (item) => {
    if (!("event" in item)) return;
    if (held) held.push(item.event);
    else take(item.event);
  });
  for (;;) {
    const after = seen.at(-1)?.seq ?? 0;
    const { events, head } = await client.request("run.events", { run, after, limit });
    for (const event of events) take(event);
    if ((seen.at(-1)?.seq ?? 0) >= head) break;
  }
  for (const event of held) take(event);
  held = null;
}

describe("a client that lost its connection", () => {
  const written = createWritten();
  let doors: Doors;
  before(async () => {
    doors = await openTestDoors({ handlers: createHandlers(written.parts), streams: createStreams(written.parts) });
  });
  after(() => doors.close());
  const log = (run: string): Promise<readonly RunEvent[]> => written.store.read(run, 0, 1000);

  it("sees the same 500 events without a gap or a doubled one, wherever it was cut", async () => {
    await written.write("run_long", 500);
    const whole = await log("run_long");
    assert.equal(whole.length, 500);
    const client = await connect(doors);
    for (let cut = 0; cut <= 500; cut += 1) {
      const seen = whole.slice(0, cut);
      const limit = 1 + ((cut * 37) % 500);
      await follow(client, "run_long", seen, Math.max(limit, 60));
      assert.deepEqual(seen, whole, `cut at ${cut}`);
    }
    client.close();
  }).timeout(30_000);

  it("also when the run goes on meanwhile and the socket is cut in the middle of the feed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uuid(),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        async (id, cuts, limit) => {
          const run = `run_${id}`;
          await written.write(run, 1);
          const seen: RunEvent[] = [];
          let end = 1;
          for (const more of cuts) {
            end += more;
            const client = await connect(doors);
            const writing = written.write(run, end);
            await follow(client, run, seen, limit);
            await writing;
            // The socket dies without a word, perhaps with events on their way.
            await new Promise<void>((resolve) => {
              client.onClose(resolve);
              client.close();
            });
            end += 2;
            await written.write(run, end);
          }
          const last = await connect(doors);
          await follow(last, run, seen, limit);
          last.close();
          assert.deepEqual(seen, await log(run));
        },
      ),
      { numRuns: 40 },
    );
  }).timeout(60_000);
});

describe("a client that reads too slowly", () => {
  const piece = "x".repeat(64 * 1024);
  let push: (item: Item<"run.watch">) => void = () => undefined;
  const streams = {
    "run.watch": async (_params: unknown, _caller: unknown, given: typeof push) => {
      push = given;
      return { result: { head: 0 }, stop: () => undefined };
    },
  } as unknown as Streams;
  let doors: Doors;
  beforeEach(async () => {
    const { handlers } = createReached();
    doors = await openTestDoors({
      handlers: new Proxy(handlers, {
        get: (_target, method) => async () => {
          if (method !== "run.export") return {};
          // The items come while the answer is still being written.
          setImmediate(() => {
            for (let seq = 0; seq < 20; seq += 1) push(item(seq));
          });
          return { jsonl: "y".repeat(20 * 1024 * 1024) };
        },
      }),
      streams,
    });
  });
  afterEach(() => doors.close());
  const item = (seq: number): Item<"run.watch"> => ({
    live: { run: "r", at: seq, kind: "token-delta", instance: "a", op: 1, offset: seq, text: piece },
  });

  it("is closed with 1013 before 16 MiB wait for it, and the others read on", async () => {
    const slow = await openSocket(doors.port);
    await speak(slow).ask("hello", hello);
    await speak(slow).ask("run.watch", { run: "r" });
    let bytes = 0;
    slow.on("message", (data) => {
      bytes += String(data).length;
    });
    const closed = once(slow, "close");
    slow.pause();
    const hold = push;
    for (let seq = 0; seq < 4000; seq += 1) {
      hold(item(seq));
      if (seq % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const quick = await connect(doors);
    await quick.request("ping", {}).catch(() => undefined);
    slow.resume();
    const [code, reason] = (await closed) as [number, Buffer];
    assert.deepEqual([code, String(reason)], [1013, "reading too slowly; page run.events"]);
    assert.ok(bytes > limits.buffered / 2 && bytes <= 16 * 1024 * 1024, `${bytes} bytes`);
    quick.close();
  });

  it("is not taken for slow because it asked for something large", async () => {
    const client = await connect(doors);
    let items = 0;
    await client.watch("run.watch", { run: "r" }, () => {
      items += 1;
    });
    assert.equal((await client.request("run.export", { run: "r" })).jsonl.length, 20 * 1024 * 1024);
    await until("items behind the answer", () => items === 20);
    client.close();
  });

  it("does not keep a hub that wants to end", async () => {
    const slow = await openSocket(doors.port);
    await speak(slow).ask("hello", hello);
    slow.pause();
    const started = performance.now();
    await doors.close();
    assert.ok(performance.now() - started < 10_000);
    slow.terminate();
  });
});
