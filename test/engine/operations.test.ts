import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Step, StepContext } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Json } from "../../sidecar/protocol/json.ts";
import { approve, createWorld, echo, graph, human, set, step, type World } from "./world.ts";

const tools = [echo("read", "pure"), echo("put", "idempotent"), echo("edit", "unsafe")];
const never = new Promise<never>(() => undefined);

/** A step that is whatever `body` is at the moment it runs. */
function agent(effect: Step["effect"] = "pure") {
  const made: { body: (context: StepContext) => Promise<Json>; step: Step } = {
    body: async () => null,
    step: { name: "agent@1", effect, run: async (_input, context) => ({ value: await made.body(context) }) },
  };
  return made;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until the log says so; a world with a fake clock needs only turns of the event loop. */
async function until(world: World, run: string, holds: (events: readonly RunEvent[]) => boolean): Promise<void> {
  for (let turns = 0; turns < 1000; turns += 1) {
    if (holds(await world.log(run))) return;
    await turn();
  }
  assert.fail(`the log never came to it: ${JSON.stringify(await world.log(run))}`);
}

const opEnds = (count: number) => (events: readonly RunEvent[]) =>
  events.filter((event) => event.kind === "op-end").length === count;

async function outcome(world: World, run: string): Promise<Json> {
  await world.runs.settled(run);
  const { status, reason, output } = await world.runs.view(run);
  return { status, reason, output: output && "inline" in output ? output.inline : null };
}

/** Starts the agent, kills the engine once `count` operations are on record, and starts another one. */
async function crashAfter(made: ReturnType<typeof agent>, count: number): Promise<{ world: World; run: string }> {
  const first = createWorld({ tools, steps: [made.step] });
  const run = await first.start(graph([step("a", "agent@1")], "a"));
  await until(first, run, opEnds(count));
  const world = first.restart();
  world.called.clear();
  return { world, run };
}

describe("operations", () => {
  it("of 20 in a step, the 18 on record are replayed and two are executed", async () => {
    const made = agent();
    let hangs = 18;
    made.body = async (context) => {
      const seen: Json[] = [];
      for (let n = 0; n < 20; n += 1) {
        if (n === hangs) await never;
        seen.push(await context.tool(n % 2 === 0 ? "read" : "put", { n }));
      }
      return seen.length;
    };
    const { world, run } = await crashAfter(made, 18);
    hangs = -1;
    await world.runs.adoptOpen();
    assert.deepEqual(await outcome(world, run), { status: "succeeded", reason: null, output: 20 });
    assert.deepEqual(Object.fromEntries(world.called), { read: 1, put: 1 });
  });

  it("that ran beside others are found again by their keys, in whatever order they are called", async () => {
    const made = agent();
    let keys = ["x", "y", "z"];
    let isFirst = true;
    made.body = async (context) => {
      const values = await Promise.all(keys.map((key) => context.tool("put", { key }, key)));
      if (isFirst) await never;
      return values;
    };
    const { world, run } = await crashAfter(made, 3);
    keys = ["z", "x", "y"];
    isFirst = false;
    await world.runs.adoptOpen();
    assert.deepEqual(await outcome(world, run), {
      status: "succeeded",
      reason: null,
      output: [{ key: "z" }, { key: "x" }, { key: "y" }],
    });
    assert.equal(world.called.size, 0);
  });

  it("that are other than the record are executed, and so is all after them", async () => {
    const made = agent();
    let second = "old";
    made.body = async (context) => {
      await context.tool("put", { n: 1 });
      await context.tool("put", { n: second });
      const last = await context.tool("read", { n: 3 });
      if (second === "old") await never;
      return last;
    };
    const { world, run } = await crashAfter(made, 3);
    second = "new";
    await world.runs.adoptOpen();
    assert.deepEqual(await outcome(world, run), { status: "succeeded", reason: null, output: { n: 3 } });
    assert.deepEqual(Object.fromEntries(world.called), { put: 1, read: 1 });
    assert.equal((await world.runs.view(run)).steps.get("a")?.ops.length, 3);
  });

  it("that are other than a record with an unsafe effect in it wait for a person", async () => {
    const made = agent();
    let first = "old";
    made.body = async (context) => {
      await context.tool("read", { n: first });
      const edited = await context.once("edit", "unsafe", async () => {
        world.called.set("edit", (world.called.get("edit") ?? 0) + 1);
        return "edited";
      });
      if (first === "old") await never;
      return edited;
    };
    let world = createWorld({ tools, steps: [made.step] });
    const run = await world.start(graph([step("a", "agent@1")], "a"));
    await until(world, run, opEnds(2));
    world = world.restart();
    first = "new";
    await world.runs.adoptOpen();
    assert.deepEqual(await outcome(world, run), { status: "parked", reason: "unsafe_unknown", output: null });
    assert.equal(world.called.get("edit"), 1);
  });

  it("with an effect are replayed by a retry, pure and failed ones are executed again", async () => {
    const made = agent();
    let tries = 0;
    made.body = async (context) => {
      tries += 1;
      await context.tool("put", { n: 1 });
      await context.tool("read", { n: 2 });
      if (tries < 3) throw new PodiumError("step_failed", "not yet");
      return tries;
    };
    const world = createWorld({ tools, steps: [made.step] });
    const run = await world.start(graph([step("a", "agent@1", {}, { retry: { max: 2 } })], "a"));
    await world.clock.advance(10_000);
    assert.deepEqual(await outcome(world, run), { status: "succeeded", reason: null, output: 3 });
    assert.deepEqual(Object.fromEntries(world.called), { put: 1, read: 3 });
  });

  it("keep their opKey across a crash and have another one in another run", async () => {
    const made = agent();
    const keys: string[] = [];
    const keyed = { ...echo("put", "idempotent"), run: async (_input: unknown, { opKey }: { opKey: string }) => opKey };
    let isFirst = true;
    made.body = async (context) => {
      const key = await context.tool("put", {});
      if (typeof key === "string") keys.push(key);
      if (isFirst) await never;
      return key;
    };
    const first = createWorld({ tools: [keyed], steps: [made.step] });
    first.store.crashAt(3, "before"); // run-start, op-start, then the result of the call is lost
    const run = await first.start(graph([step("a", "agent@1")], "a"));
    for (let turns = 0; turns < 20; turns += 1) await turn();
    isFirst = false;
    const world = first.restart();
    await world.runs.adoptOpen();
    await outcome(world, run);
    const other = await world.start(graph([step("a", "agent@1")], "a"));
    await outcome(world, other);
    assert.equal(keys.length, 3);
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[1], keys[2]);
  });
});

describe("a drain", () => {
  it("waits for the operation in flight, begins none after it, and loses nothing", async () => {
    const made = agent();
    let finish: () => void = () => undefined;
    const slow = {
      ...echo("put", "idempotent"),
      run: (input: Json) =>
        new Promise<Json>((resolve) => {
          finish = () => resolve(input);
        }),
    };
    made.body = async (context) => [await context.tool("put", { n: 1 }), await context.tool("read", { n: 2 })];
    const first = createWorld({ tools: [echo("read", "pure"), slow], steps: [made.step] });
    const run = await first.start(graph([step("a", "agent@1")], "len(a)"));
    await until(first, run, (events) => events.some((event) => event.kind === "op-start"));
    let isDrained = false;
    const drained = first.runs.drain(false).then(() => {
      isDrained = true;
    });
    for (let turns = 0; turns < 20; turns += 1) await turn();
    assert.equal(isDrained, false);
    await assert.rejects(first.start(graph([])), { code: "overloaded" });
    finish();
    await drained;
    assert.equal(first.called.get("read"), undefined);
    const world = first.restart();
    await world.runs.adoptOpen();
    assert.deepEqual(await outcome(world, run), { status: "succeeded", reason: null, output: 2 });
    assert.deepEqual(Object.fromEntries(world.called), { put: 1, read: 1 });
    assert.ok(!(await world.log(run)).some((event) => event.kind === "step-start" && event.attempt > 2));
  });

  it("gives up a step that waits for nothing of ours at once", async () => {
    const made = agent();
    made.body = () => never;
    const world = createWorld({ steps: [made.step] });
    const run = await world.start(graph([step("a", "agent@1")]));
    await world.runs.drain(false);
    assert.equal((await world.log(run)).at(-1)?.kind, "run-adopt");
  });
});

describe("a parked run", () => {
  it("holds no memory, and goes on from its log", async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const alive: WeakRef<object>[] = [];
    const steps: Step[] = [
      {
        name: "list@1",
        effect: "pure",
        run: async () => ({ value: Array.from({ length: 20_000 }, (_, at) => at) }),
      },
      {
        // Sees the very value that the state of the run holds.
        name: "look@1",
        effect: "pure",
        async run(input) {
          const list = input.with["list"];
          if (typeof list === "object" && list !== null) alive.push(new WeakRef(list));
          return { value: null };
        },
      },
    ];
    const world = createWorld({ steps });
    const nodes = [step("a", "list@1"), step("b", "look@1", { list: "=a" }), approve("ok"), set("n", "=len(a)")];
    const start = async (): Promise<string> => {
      const run = await world.start(graph(nodes, "n"));
      await world.runs.settled(run);
      return run;
    };
    const runs = await Promise.all(Array.from({ length: 20 }, start));
    // What a weak reference was made for stays alive until the turn of the event loop ends.
    await turn();
    collect();
    assert.equal(alive.length, 20);
    assert.equal(alive.filter((ref) => ref.deref() !== undefined).length, 0);
    assert.equal((await world.runs.view(runs[0] ?? "")).status, "parked");
    await world.runs.answer(runs[0] ?? "", undefined, true, human);
    assert.deepEqual(await outcome(world, runs[0] ?? ""), { status: "succeeded", reason: null, output: 20_000 });
  });
});
