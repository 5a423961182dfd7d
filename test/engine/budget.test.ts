import assert from "node:assert/strict";
import type { RunSettings } from "../../sidecar/protocol/events.ts";
import { createWorld, echo, graph, human, outputOf, step, use } from "./world.ts";

const settingsWith = (budget: RunSettings["budget"]): RunSettings => ({
  roles: {},
  servers: [],
  network: "local",
  requireModel: false,
  budget,
});

describe("the budget of a run", () => {
  it("stops for the budget and goes on with a permission", async () => {
    const world = createWorld();
    const settings = settingsWith({ tokens: 25 });
    const run = await world.start(
      graph([step("a", "say@1", { prompt: "1" }), step("b", "say@1", { prompt: "2" })], "b"),
      { settings },
    );
    await world.runs.settled(run);
    assert.equal((await world.runs.view(run)).reason, "budget");
    await world.runs.answer(run, undefined, true, human);
    await world.runs.settled(run);
    assert.equal((await world.runs.view(run)).status, "succeeded");
  });

  it("stops for the minutes that its operations worked, and not for those it waited", async () => {
    const world = createWorld({
      script: () => [
        { type: "text", text: "x" },
        {
          type: "end",
          finish: "stop",
          usage: { in: 1, out: 1, cached: 0, estimated: false },
          timings: { waitMs: 3_600_000, loadMs: 20_000, promptMs: 20_000, tokensMs: 20_000, toolMs: 0, youMs: 0 },
          model: "fake/model",
        },
      ],
      tools: [echo("read", "pure")],
    });
    const settings = settingsWith({ minutes: 2 });
    const nodes = [step("a", "say@1"), step("b", "say@1"), use("c", "read", { v: 1 }), use("d", "read", { v: 2 })];
    const run = await world.start(graph(nodes, "d.v"), { settings });
    await world.runs.settled(run);
    const parked = await world.runs.view(run);
    assert.deepEqual([parked.status, parked.reason], ["parked", "budget"]);
    assert.equal([...parked.asks.values()][0]?.title, "This run has worked 2 of its 2 minutes. Allow 2 more?");
    assert.equal(world.called.get("read"), undefined);
    const next = world.restart();
    await next.runs.answer(run, undefined, true, human);
    await next.runs.settled(run);
    assert.equal(await outputOf(next, run), 2);
    const other = await next.start(graph(nodes, "d.v"), { settings });
    await next.runs.settled(other);
    await next.runs.answer(other, undefined, false, human);
    await next.runs.settled(other);
    const failed = await next.runs.view(other);
    assert.deepEqual([failed.status, failed.error?.code], ["failed", "budget"]);
    assert.equal(failed.error?.message, "The budget of 2 minutes is used up and more was refused.");
  });
});
