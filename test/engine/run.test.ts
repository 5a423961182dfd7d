import assert from "node:assert/strict";
import type { Step } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { LiveEvent } from "../../sidecar/protocol/events.ts";
import { approve, choose, createWorld, each, echo, graph, human, outputOf, set, step, use, words } from "./world.ts";

describe("a run", () => {
  it("goes through a chain with one commit per step and one more", async () => {
    const world = createWorld();
    const nodes = Array.from({ length: 10 }, (_, at) => set(`s${at}`, at === 0 ? 1 : `=s${at - 1}`));
    const run = await world.start(graph(nodes, "s9"));
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), 1);
    assert.equal(world.store.commits.length, 11);
    assert.deepEqual(words(await world.log(run)).slice(0, 4), [
      "run-start",
      "step-start s0",
      "step-end s0",
      "step-start s1",
    ]);
  });

  it("takes exactly the true arm and joins after it", async () => {
    const world = createWorld();
    const arms = choose("if1", [
      ["then", "kind == 'a'", [set("x", "then")]],
      ["else", null, [set("x", "else")]],
    ]);
    const run = await world.start(graph([set("kind", "a"), arms, set("after", "=x")], "after"));
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), "then");
    const all = words(await world.log(run));
    assert.ok(all.includes("step-skip if1.else/x") && !all.includes("step-start if1.else/x"));
  });

  it("maps a list, keeps, yields and emits by item", async () => {
    const world = createWorld();
    const map = each("found", "list", [set("double", "=item")], {
      keep: "double > 1",
      yield: "double",
      emit: "finding",
    });
    const run = await world.start(graph([set("list", [1, 2, 3]), map], "found"));
    await world.runs.settled(run);
    assert.deepEqual(await outputOf(world, run), [2, 3]);
    const signals = (await world.log(run)).filter((event) => event.kind === "signal");
    assert.deepEqual(
      signals.map(({ instance, value }) => [instance, value]),
      [
        ["found[1]", 2],
        ["found[2]", 3],
      ],
    );
  });

  it("leaves a failed item out and lists it", async () => {
    const world = createWorld({
      tools: [
        {
          ...echo("t", "pure"),
          run: async (input) => {
            if (input["v"] === 2) throw new PodiumError("tool_failed", "two is bad");
            return input["v"] ?? null;
          },
        },
      ],
    });
    const map = each("m", "list", [use("r", "t", { v: "=item" })], { onItemError: "continue", yield: "r" });
    const run = await world.start(graph([set("list", [1, 2, 3]), map, set("bad", "=m_failed")], "bad"));
    await world.runs.settled(run);
    assert.deepEqual(await outputOf(world, run), [{ index: 1, code: "tool_failed", message: "two is bad" }]);
  });

  it("waits for an approval and goes on with the answer", async () => {
    const world = createWorld();
    const run = await world.start(graph([approve("ok"), set("after", "=ok.approved")], "after"));
    await world.runs.settled(run);
    const parked = await world.runs.view(run);
    assert.deepEqual([parked.status, parked.reason], ["parked", "ask"]);
    await world.runs.answer(run, undefined, true, { ...human, human: false });
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), true);
    await assert.rejects(world.runs.answer(run, [...parked.asks.keys()][0], true, human), { code: "already_answered" });
  });

  it("skips what is below an approval that got No, whatever its needs", async () => {
    const world = createWorld();
    const run = await world.start(graph([approve("ok"), set("after", 1, { needs: [] })], "after"));
    await world.runs.settled(run);
    await world.runs.answer(run, undefined, { approved: false }, human);
    await world.runs.settled(run);
    const view = await world.runs.view(run);
    assert.deepEqual([view.status, view.denied, view.steps.get("after")?.status], ["succeeded", true, "skipped"]);
  });

  it("tries again after its delay, at most as often as written", async () => {
    let tries = 0;
    const flaky: Step = {
      name: "flaky@1",
      effect: "pure",
      run: async () => {
        tries += 1;
        if (tries < 3) throw new PodiumError("step_failed", "not yet");
        return { value: tries };
      },
    };
    const world = createWorld({ steps: [flaky] });
    const run = await world.start(graph([step("f", "flaky@1", {}, { retry: { max: 2 } })], "f"));
    await world.clock.advance(10_000);
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), 3);
    assert.equal((await world.log(run)).filter((event) => event.kind === "step-start").length, 3);
  });

  it("ends a step at its timeout and the run with it", async () => {
    const slow: Step = {
      name: "slow@1",
      effect: "pure",
      run: (_, context) =>
        new Promise((_resolve, reject) => {
          context.signal.addEventListener("abort", () => reject(context.signal.reason));
        }),
    };
    const world = createWorld({ steps: [slow] });
    const run = await world.start(graph([step("s", "slow@1", {}, { timeoutMs: 1000 })]));
    await world.clock.advance(2000);
    await world.runs.settled(run);
    const view = await world.runs.view(run);
    assert.deepEqual([view.status, view.error?.code], ["failed", "deadline"]);
  });

  it("goes on after a failure where the node says so, and fails where not", async () => {
    const world = createWorld({
      tools: [
        {
          ...echo("bad", "pure"),
          run: async () => {
            throw new PodiumError("tool_failed", "bad");
          },
        },
      ],
    });
    const on = await world.start(graph([use("a", "bad", {}, { onError: "continue" }), set("b", 1)], "b"));
    const off = await world.start(graph([use("a", "bad"), set("b", 1)], "b"));
    await Promise.all([world.runs.settled(on), world.runs.settled(off)]);
    assert.equal((await world.runs.view(on)).status, "succeeded");
    assert.equal((await world.runs.view(off)).error?.code, "tool_failed");
  });

  it("asks a person before an unsafe tool, bound to the exact bytes", async () => {
    const world = createWorld({ tools: [echo("edit", "unsafe")] });
    const run = await world.start(graph([use("e", "edit", { text: "x" })], "e.text"));
    await world.runs.settled(run);
    await assert.rejects(world.runs.answer(run, undefined, true, { ...human, human: false }), { code: "forbidden" });
    assert.equal(world.called.get("edit"), undefined);
    await world.runs.answer(run, undefined, true, human);
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), "x");
    assert.equal(world.called.get("edit"), 1);
  });

  it("takes a No to a permission also from a program", async () => {
    const world = createWorld({ tools: [echo("edit", "unsafe")] });
    const run = await world.start(graph([use("e", "edit", { text: "x" })], "e.text"));
    await world.runs.settled(run);
    await world.runs.answer(run, undefined, { approved: false }, { ...human, human: false });
    await world.runs.settled(run);
    assert.equal((await world.runs.view(run)).error?.code, "denied");
    assert.equal(world.called.get("edit"), undefined);
  });

  it("streams tokens live and records one answer", async () => {
    const world = createWorld();
    const live: string[] = [];
    world.runs.subscribeAll({
      durable: () => undefined,
      live: (event) => live.push(event.kind === "token-delta" ? `${event.text}, ${event.parts} parts` : event.kind),
    });
    const run = await world.start(graph([step("s", "say@1", { prompt: "hi" })], "s"));
    await world.runs.settled(run);
    assert.equal(await outputOf(world, run), "hello world");
    assert.deepEqual(live, ["hello world, 2 parts"]);
    assert.deepEqual((await world.runs.view(run)).usage, { in: 20, out: 10, cached: 0, estimated: false });
  });

  it("parks a run that was taken over in a call, and treats one that had not asked yet as new", async () => {
    const script = async function* (_call: unknown, signal: AbortSignal): AsyncGenerator<never> {
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const outcomeOf = async (isAsked: boolean): Promise<readonly unknown[]> => {
      let world = createWorld({ script });
      if (!isAsked) world.store.crashAt(1, "after");
      await world.start(graph([step("s", "say@1")])).catch(() => undefined);
      if (isAsked) await world.clock.advance(20);
      world = world.restart();
      const [run = ""] = await world.store.open();
      world.models.available = false;
      await world.runs.adoptOpen();
      await world.runs.settled(run);
      const { status, reason, error } = await world.runs.view(run);
      return [status, reason, error?.code];
    };
    assert.deepEqual(await outcomeOf(true), ["parked", "provider", undefined]);
    assert.deepEqual(await outcomeOf(false), ["failed", null, "provider_unavailable"]);
  });

  it("tells a late watcher what a call waits for, and later what it has said", async () => {
    const world = createWorld({
      script: async function* () {
        yield { type: "wait", position: 0, reason: "cooling down", etaMs: 5000 };
        await world.clock.sleep(1000);
        yield { type: "sent", host: "127.0.0.1", bytes: 9 };
        await world.clock.sleep(1000);
        yield { type: "text", text: "hello" };
        await world.clock.sleep(1000);
      },
    });
    const run = await world.start(graph([step("s", "say@1")]));
    const late = async (): Promise<readonly unknown[]> => {
      await world.clock.advance(100);
      const seen: unknown[] = [];
      const observer = { durable: () => undefined, live: ({ run: _, at: __, ...live }: LiveEvent) => seen.push(live) };
      world.runs.watch(run, observer)();
      world.runs.subscribeAll(observer)();
      const half = seen.length / 2;
      assert.deepEqual(seen.slice(half), seen.slice(0, half));
      return seen.slice(0, half);
    };
    const call = { instance: "s", op: 0 };
    const nothing = { ...call, kind: "model-snapshot", text: "" };
    const waits = { ...call, kind: "model-wait", position: 0, reason: "cooling down", etaMs: 5000 };
    assert.deepEqual(await late(), [nothing, waits]);
    await world.clock.advance(1000);
    assert.deepEqual(await late(), [nothing, { ...call, kind: "model-prefill", done: 0, total: 0 }]);
    await world.clock.advance(1000);
    assert.deepEqual(await late(), [{ ...call, kind: "model-snapshot", text: "hello" }]);
  });

  it("cancels what runs and says so", async () => {
    const world = createWorld({
      script: async function* (_call, signal) {
        yield { type: "text", text: "a" };
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const run = await world.start(graph([step("s", "say@1")]));
    await world.clock.advance(20);
    await world.runs.cancel(run, "person");
    assert.equal((await world.runs.view(run)).status, "cancelled");
  });

  it("parks for want of a model only if it had one", async () => {
    const world = createWorld();
    world.models.available = false;
    const first = await world.start(graph([step("s", "say@1")]));
    await world.runs.settled(first);
    assert.equal((await world.runs.view(first)).error?.code, "provider_unavailable");
    world.models.available = true;
    const run = await world.start(graph([step("a", "say@1"), approve("ok"), step("b", "say@1")], "b"));
    await world.runs.settled(run);
    world.models.available = false;
    await world.runs.answer(run, undefined, true, human);
    await world.runs.settled(run);
    assert.deepEqual(
      [(await world.runs.view(run)).status, (await world.runs.view(run)).reason],
      ["parked", "provider"],
    );
    world.models.available = true;
    await world.runs.resume(run, "person");
    await world.runs.settled(run);
    assert.equal((await world.runs.view(run)).status, "succeeded");
  });

  it("parks when the disk refuses, and goes on at resume", async () => {
    const world = createWorld();
    const run = await world.start(graph([approve("ok"), set("a", 1)], "a"));
    await world.runs.settled(run);
    world.store.refuse = true;
    await assert.rejects(world.runs.answer(run, undefined, true, human), { code: "storage" });
    assert.equal((await world.runs.view(run)).reason, "storage");
    world.store.refuse = false;
    await world.runs.resume(run, "person");
    await world.runs.answer(run, undefined, true, human);
    await world.runs.settled(run);
    assert.equal((await world.runs.view(run)).status, "succeeded");
  });

  it("exports and imports a run", async () => {
    const world = createWorld();
    const run = await world.start(graph([set("big", "x".repeat(20_000))], "big"));
    await world.runs.settled(run);
    const jsonl = await world.runs.exportRun(run);
    const other = createWorld();
    assert.equal(await other.runs.importRun(jsonl), run);
    assert.equal(await other.runs.importRun(jsonl), run);
    assert.equal(await other.runs.exportRun(run).then((text) => text.split("\n")[0]), jsonl.split("\n")[0]);
    assert.equal((await other.runs.view(run)).imported, true);
  });

  it("gives the first run again for the same key", async () => {
    const world = createWorld();
    const [first, second] = await Promise.all([
      world.start(graph([]), { idem: "k" }),
      world.start(graph([]), { idem: "k" }),
    ]);
    assert.equal(first, second);
    assert.equal(await world.start(graph([]), { idem: "k" }), first);
  });

  it("is held, with all that would follow, by a step that is not known here, and goes on when it is", async () => {
    const nodes = [step("m", "gone@1", {}, { needs: [] }), set("beside", 1, { needs: [] }), set("after", "=m")];
    const world = createWorld({ width: 1 });
    const run = await world.start(graph(nodes, "after"));
    await world.runs.settled(run);
    const held = await world.runs.view(run);
    assert.deepEqual([held.status, held.reason], ["parked", "definition_missing"]);
    assert.match(held.detail ?? "", /There is no step gone@1 here/);
    assert.equal(held.steps.has("beside"), false);
    assert.equal(await world.runs.resume(run, "person"), "parked");
    const gone: Step = { name: "gone@1", effect: "pure", run: async () => ({ value: 7 }) };
    const updated = world.restart({ steps: [gone] });
    await updated.runs.adoptOpen();
    assert.equal((await updated.runs.view(run)).reason, "definition_missing");
    await updated.runs.resume(run, "person");
    await updated.runs.settled(run);
    assert.equal(await outputOf(updated, run), 7);
  });

  it("says parked once what runs beside a question has failed", async () => {
    const bad = { ...echo("bad", "pure"), run: async () => Promise.reject(new PodiumError("tool_failed", "bad")) };
    const world = createWorld({ tools: [bad] });
    const beside = use("u", "bad", {}, { needs: [], onError: "continue" });
    const run = await world.start(graph([beside, approve("ok", { needs: [] })]));
    await world.runs.settled(run);
    const view = await world.runs.view(run);
    assert.deepEqual([view.status, view.reason], ["parked", "ask"]);
  });
});
