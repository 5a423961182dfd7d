import assert from "node:assert/strict";
import type { Step } from "../../sidecar/ports.ts";
import { createWorld, graph, step, type World } from "./world.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at += 1) await turn();
};

/** Steps that run until they are let go, in the order they began. */
function gated() {
  const waiting: { readonly instance: string; readonly run: string; readonly go: () => void }[] = [];
  const slow: Step = {
    name: "slow@1",
    effect: "pure",
    run: (_input, { run, instance, signal }) =>
      new Promise((resolve, reject) => {
        const entry = { run, instance, go: () => resolve({ value: 1 }) };
        waiting.push(entry);
        signal.addEventListener("abort", () => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(signal.reason);
        });
      }),
  };
  return { waiting, slow };
}

const wide = graph(["a", "b", "c"].map((id) => step(id, "slow@1", {}, { needs: [] })));

async function statuses(world: World, runs: readonly string[]): Promise<readonly string[]> {
  return Promise.all(runs.map(async (run) => (await world.runs.view(run)).status));
}

describe("the width of a hub", () => {
  it("bounds what runs at once in all runs, and each gets its turn in the order it came", async () => {
    const { waiting, slow } = gated();
    const world = createWorld({ steps: [slow], width: 2, hubWidth: 3 });
    const runs = [await world.start(wide), await world.start(wide), await world.start(wide)];
    await turns(5);
    assert.deepEqual(
      waiting.map(({ run, instance }) => `${runs.indexOf(run)} ${instance}`),
      ["0 a", "0 b", "1 a"],
    );
    const began: string[] = [];
    let most = 0;
    while (waiting.length > 0) {
      most = Math.max(most, waiting.length);
      const next = waiting.shift();
      if (next) began.push(`${runs.indexOf(next.run)} ${next.instance}`);
      next?.go();
      await turns(5);
    }
    assert.equal(most, 3);
    assert.equal(new Set(began).size, 9);
    assert.deepEqual(began.slice(3, 5), ["1 b", "2 a"]);
    await Promise.all(runs.map((run) => world.runs.settled(run)));
    assert.deepEqual(await statuses(world, runs), ["succeeded", "succeeded", "succeeded"]);
  });

  it("lets a run that waits for room be cancelled, and another take the room of one that was", async () => {
    const { waiting, slow } = gated();
    const world = createWorld({ steps: [slow], hubWidth: 1 });
    const runs = [await world.start(wide), await world.start(wide), await world.start(wide)];
    await turns(5);
    assert.equal(waiting.length, 1);
    await world.runs.cancel(runs[1] ?? "", "person");
    await world.runs.cancel(runs[0] ?? "", "person");
    await turns(5);
    assert.deepEqual(
      waiting.map(({ run }) => run),
      [runs[2]],
    );
    assert.deepEqual(await statuses(world, runs), ["cancelled", "cancelled", "running"]);
    await world.runs.drain(false);
    assert.deepEqual(await statuses(world, runs), ["cancelled", "cancelled", "running"]);
  });

  it("is given back by a disk that refuses", async () => {
    const { waiting, slow } = gated();
    const world = createWorld({ steps: [slow], hubWidth: 1 });
    const first = await world.start(wide);
    await turns(5);
    world.store.refuse = true;
    waiting.shift()?.go();
    await world.runs.settled(first);
    assert.equal((await world.runs.view(first)).reason, "storage");
    world.store.refuse = false;
    await world.start(wide);
    await turns(5);
    assert.equal(waiting.length, 1);
    await world.runs.drain(true);
  });
});
