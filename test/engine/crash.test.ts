import assert from "node:assert/strict";
import { runShow } from "../../sidecar/engine/result.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir } from "../../sidecar/protocol/ir.ts";
import { approve, choose, createWorld, digest, each, echo, graph, human, set, step, use, type World } from "./world.ts";

const shapes: Record<string, Ir> = {
  linear: graph([set("a", 1), step("b", "say@1"), use("c", "read", { v: "=b" })], "c.v"),
  "parallel and join": graph(
    [
      set("a", 1),
      use("b", "read", { v: "=a" }, { needs: ["a"] }),
      step("c", "say@1", {}, { needs: ["a"] }),
      set("d", ["=b.v", "=c"]),
    ],
    "d",
  ),
  switch: graph(
    [
      set("k", 2),
      choose("switch1", [
        ["1", "k == 1", [set("x", "one")]],
        ["2", "k == 2", [step("x", "say@1")]],
      ]),
      set("y", "=x"),
    ],
    "y",
  ),
  map: graph(
    [
      set("l", [1, 2, 3]),
      each("m", "l", [use("r", "read", { v: "=item" }), step("s", "say@1")], { yield: "r.v", emit: "finding" }),
    ],
    "m",
  ),
  approve: graph([approve("ok"), step("s", "say@1")], "s"),
  effects: graph([use("i", "put", { v: 1 }), use("u", "edit", { v: 2 }), set("z", ["=i.v", "=u.v"])], "z"),
};

const options = { tools: [echo("read", "pure"), echo("put", "idempotent"), echo("edit", "unsafe")] };

/** Answers whatever is asked until the run has ended; an unknown outcome is taken as done. */
async function toTheEnd(world: World, run: string): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    await world.runs.settled(run);
    const view = await world.runs.view(run);
    if (view.endedAt !== null) return;
    const open = [...view.asks.values()][0];
    if (!open) await world.runs.resume(run, "person");
    else await world.runs.answer(run, open.ask, open.reason === "unsafe_unknown" ? { done: { v: 2 } } : true, human);
  }
  assert.fail("the run did not end");
}

async function outcome(world: World, run: string): Promise<unknown> {
  const view = await world.runs.view(run);
  const { result, status } = await runShow(view, world.store.getBlob, digest);
  const signals = view.signals.map(({ instance, value }) => [instance, value]).sort();
  const deltas = [...view.steps.values()].map((at) => [at.instance, at.status, at.delta ?? null]).sort();
  return { result, status, signals, deltas };
}

function checkLog(events: readonly RunEvent[]): void {
  const ends = events.filter((event) => event.kind === "step-end").map((event) => event.instance);
  assert.equal(new Set(ends).size, ends.length, "an instance ended twice");
  const ended = new Set<string>();
  for (const event of events) {
    if (event.kind === "step-end") ended.add(event.instance);
    if (event.kind === "step-start") assert.ok(!ended.has(event.instance), `${event.instance} ran again`);
  }
}

describe("a crash at every append", () => {
  for (const [name, ir] of Object.entries(shapes)) {
    for (const when of ["before", "after"] as const) {
      it(`${name}, ${when} it is kept: the same state, nothing twice`, async () => {
        const plain = createWorld(options);
        const first = await plain.start(ir);
        await toTheEnd(plain, first);
        const expected = await outcome(plain, first);
        const appends = plain.store.commits.length;
        for (let at = 1; at <= appends; at += 1) {
          const world = createWorld(options);
          world.store.crashAt(at, when);
          const started = await world.start(ir).catch(() => null);
          if (started) await toTheEnd(world, started).catch(() => undefined);
          const next = world.restart();
          await next.runs.adoptOpen();
          const run = started ?? (await next.store.list({ roots: null, limit: 1 }))[0]?.run;
          if (run === undefined) continue;
          await toTheEnd(next, run);
          assert.deepEqual(await outcome(next, run), expected, `crash at ${at}`);
          checkLog(await next.log(run));
          assert.ok((next.called.get("edit") ?? 0) <= 1, "unsafe twice");
        }
      });
    }
  }
});
