import assert from "node:assert/strict";
import { type Connection, HubLink, type LinkOptions } from "../../extension/hub.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { HubRecord } from "../../sidecar/protocol/hub.ts";

const record = (changes: Partial<HubRecord> = {}): HubRecord => ({
  build: { version: "0.1.0", builtAt: "2026-01-01T00:00:00Z", channel: "dev" },
  protocol: 1,
  minProtocol: 1,
  attention: null,
  nextDue: null,
  ...changes,
});

/** A connection that only opens and ends. */
function fakeConnection(): { readonly connection: Connection; readonly end: () => void } {
  const listeners = new Set<() => void>();
  const end = (): void => listeners.forEach((listener) => void listener());
  const connection = {
    request: async () => ({}),
    watch: async () => ({ result: {}, stop: () => undefined }),
    onClose: (listener: () => void) => void listeners.add(listener),
    close: end,
    record: record({ pid: 1 }),
  } as unknown as Connection;
  return { connection, end };
}

function world(changes: Partial<LinkOptions> = {}) {
  const seen: string[] = [];
  const reached: boolean[] = [];
  const made: ReturnType<typeof fakeConnection>[] = [];
  const link = new HubLink({
    reach: async (mayStart) => {
      reached.push(mayStart);
      const fake = fakeConnection();
      made.push(fake);
      return fake.connection;
    },
    readRecord: () => record({ pid: 1 }),
    mayStart: () => true,
    onLink: (state) => void seen.push(state),
    onItem: () => undefined,
    onAttach: async () => undefined,
    kill: () => undefined,
    random: () => 0,
    ...changes,
  });
  return { link, seen, reached, made };
}

async function until(probe: () => boolean): Promise<void> {
  for (const end = Date.now() + 3000; Date.now() < end; ) {
    if (probe()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("timed out");
}

describe("connection of a window", () => {
  it("is made once for everybody who needs it", async () => {
    const { link, seen, reached } = world();
    const [first, second] = await Promise.all([link.need(), link.need()]);
    assert.equal(first, second);
    assert.deepEqual(reached, [true]);
    assert.deepEqual(seen, ["starting", "attached"]);
    link.dispose();
  });

  it("is repaired when the process is killed", async () => {
    const { link, seen, made } = world();
    await link.need();
    made[0]?.end();
    await until(() => seen.filter((state) => state === "attached").length === 2);
    assert.deepEqual(seen, ["starting", "attached", "reconnecting", "reconnecting", "attached"]);
    link.dispose();
  });

  it("stays ended when the process ended in order with nothing due", async () => {
    const { link, seen, made } = world({ readRecord: () => record() });
    await link.need();
    made[0]?.end();
    assert.deepEqual(seen, ["starting", "attached", "cold"]);
    link.dispose();
  });

  it("never starts a process in Restricted Mode, and says nothing about it", async () => {
    const { link, seen, reached } = world({
      mayStart: () => false,
      reach: (mayStart) => {
        assert.equal(mayStart, false);
        return Promise.reject(new PodiumError("no_hub", "Podium is not running."));
      },
    });
    await assert.rejects(link.need(), /not running/);
    await link.attachIfRunning();
    assert.deepEqual(reached, []);
    assert.deepEqual(seen, ["cold", "cold"]);
  });

  it("says why it cannot start", async () => {
    const seen: (string | null)[] = [];
    const { link } = world({
      reach: () => Promise.reject(new PodiumError("no_hub", "It ended five times.", { reason: "crash_loop" })),
      onLink: (state, error) => void seen.push(state, error),
    });
    await assert.rejects(link.need(), /five times/);
    assert.deepEqual(seen, ["starting", null, "stopped", "It ended five times."]);
  });
});
