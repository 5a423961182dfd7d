import assert from "node:assert/strict";
import type { HubClient } from "../../sidecar/client/client.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, type Place, until } from "../support/hub.ts";

// A killed hub's lane cools down for 5 s by design, so 200 kills cost minutes: PODIUM_KILLS=200 asks for them.
const kills = Number(process.env["PODIUM_KILLS"]) || 24;
const text = "A drawer opens with the brass key [1]. The brass key hangs behind the clock [1].";
/** Where a round's kill falls: after how many durable events, and how much later. */
const moments = 12;
const laterMs = [0, 1, 3, 8, 20, 45] as const;

const gone = (error: unknown): boolean => error instanceof PodiumError && error.code === "no_hub";

async function eventsOf(client: HubClient, run: string): Promise<readonly RunEvent[]> {
  const { events } = await client.request("run.events", { run, after: 0, limit: 500 });
  return events;
}

/** Resolves when the run has ended, whichever hub it ends in. */
const untilEnded = (client: HubClient, run: string): Promise<readonly RunEvent[]> =>
  until(`end of ${run}`, async () => {
    const { events, ended } = await client.request("run.events", { run, after: 0, limit: 500 });
    return ended ? events : null;
  });

function assertOnce(events: readonly RunEvent[]): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_event, index) => index + 1),
  );
  const count = (name: (event: RunEvent) => string | null): void => {
    const seen = new Map<string, number>();
    for (const event of events) {
      const key = name(event);
      if (key !== null) seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    for (const [key, times] of seen) assert.equal(times, 1, `${key} is there ${times} times`);
  };
  count((event) => (event.kind === "run-end" || event.kind === "run-start" ? event.kind : null));
  count((event) => (event.kind === "step-end" ? `step-end ${event.instance}` : null));
  count((event) => (event.kind === "op-end" ? `op-end ${event.instance} ${event.op} ${event.attempt}` : null));
  assert.equal(events.at(-1)?.kind, "run-end");
}

/** A recorded operation is never begun again: nothing of it stands after its good end. */
function assertNotAgain(events: readonly RunEvent[]): void {
  const done = new Set<string>();
  for (const event of events) {
    if (event.kind === "op-start") assert.ok(!done.has(`${event.instance} ${event.op}`), `${event.instance} ran again`);
    if (event.kind === "op-end" && !event.error) done.add(`${event.instance} ${event.op}`);
  }
}

describe("a hub that is killed", function () {
  this.timeout(kills * 5000 + 60_000);
  let fake: FakeServer;
  let place: Place;
  before(async () => {
    fake = await fakeOllama({ answers: () => ({ text, delayMs: 25, pieceMs: 4, promptTokens: 400 }) });
    place = createPlace({ PODIUM_SERVERS: fake.url });
  });
  after(async () => {
    await place.remove();
    await fake.close();
  });

  const question = (round: number): string => `Where does the brass key of the drawer hang? zz${round}.`;
  const generations = (round: number): number =>
    fake.generations.filter(({ prompt }) => prompt.includes(`zz${round}.`)).length;
  const start = async (client: HubClient, round: number): Promise<string> => {
    const input = { question: question(round) };
    return (await client.request("run.start", { workflow: "ask_workspace", input, idem: `round ${round}` })).run;
  };

  /** Starts a round's run and kills the hub at its moment; null when it died before the start was answered. */
  const startAndKill = async (client: HubClient, round: number): Promise<string | null> => {
    const after = round % moments;
    const later = laterMs[Math.floor(round / moments) % laterMs.length] ?? 0;
    const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, later));
    if (after === 0) {
      const started = start(client, round).catch((error: unknown) => assert.ok(gone(error), String(error)) ?? null);
      await wait();
      await place.kill();
      return await started;
    }
    const run = await start(client, round);
    let head = 0;
    let reached: () => void = () => undefined;
    const there = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const watched = await client.watch("run.watch", { run }, (item) => {
      if ("event" in item && item.event.seq >= after) reached();
      if ("event" in item && item.event.kind === "run-end") reached();
    });
    head = watched.result.head;
    if (head >= after) reached();
    await there;
    await wait();
    await place.kill();
    return run;
  };

  it(`loses and doubles nothing in ${kills} kills`, async () => {
    const first = await place.reach();
    const plain = await start(first, 1_000_000);
    assertOnce(await untilEnded(first, plain));
    const expected = await first.request("run.get", { run: plain });
    assert.deepEqual([expected.error, expected.degraded, generations(1_000_000)], [undefined, false, 1]);
    first.close();

    let during = 0;
    for (let round = 0; round < kills; round += 1) {
      const client = await place.reach();
      const known = await startAndKill(client, round);
      client.close();
      const before = generations(round);
      const again = await place.reach();
      const run = known ?? (await start(again, round));
      const events = await untilEnded(again, run);
      assertOnce(events);
      assertNotAgain(events);
      const shown = await again.request("run.get", { run });
      assert.deepEqual([shown.status, shown.result, shown.degraded], ["succeeded", expected.result, false]);
      assert.ok(generations(round) <= 2, `round ${round}: ${generations(round)} generations`);
      if (before === 1 && generations(round) === 2) during += 1;
      assert.equal(await start(again, round), run, "the same request started a second run");
      again.close();
    }
    assert.ok(kills < 24 || during > 0, "no kill fell into a model call");

    const last = await place.reach();
    const { runs } = await last.request("run.list", { limit: 500 });
    assert.equal(runs.length, kills + 1);
    assert.deepEqual(
      runs.filter(({ status }) => status !== "succeeded"),
      [],
    );
    assert.equal((await eventsOf(last, plain)).length, (await eventsOf(last, plain)).at(-1)?.seq);
    last.close();
  });
});
