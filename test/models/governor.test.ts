import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceQueue, type Pressure } from "../../sidecar/models/device-queue.ts";
import { governed } from "../../sidecar/models/governor.ts";
import { createLocalLanes } from "../../sidecar/models/local-lanes.ts";
import type { CallClass, LanguageModel, ModelCaller } from "../../sidecar/ports.ts";
import {
  collect,
  endPart,
  failure,
  kinds,
  never,
  request,
  scripted,
  sent,
  settled,
  testClock,
  text,
} from "./support.ts";

interface Extra {
  readonly width?: number;
  readonly pressure?: Pressure;
  readonly loads?: boolean;
  readonly promptPerSecond?: number;
}

function setUp({ width = 1, pressure = async () => "ok", loads = false, promptPerSecond }: Extra = {}) {
  const clock = testClock();
  const lanes = createLocalLanes(clock);
  const queue = new DeviceQueue("this machine", { clock, lanes, width: () => width, pressure });
  const started: string[] = [];
  let inFlight = 0;
  let most = 0;
  /** Counts how many generations overlap on the device. */
  const counted = (inner: LanguageModel, label: string): LanguageModel => ({
    ref: inner.ref,
    async *stream(given, signal) {
      inFlight += 1;
      most = Math.max(most, inFlight);
      started.push(label);
      try {
        yield* inner.stream(given, signal);
      } finally {
        inFlight -= 1;
      }
    },
  });
  const call = (
    label: string,
    caller: Partial<ModelCaller>,
    options: { model?: string; ms?: number; signal?: AbortSignal; script?: Parameters<typeof scripted>[2] } = {},
  ) => {
    const ref = options.model ?? "ollama/a";
    const inner = scripted(ref, clock, options.script ?? [sent, options.ms ?? 1000, text("x"), endPart(ref)]);
    const model = governed(counted(inner, label), {
      queue,
      caller: { run: "run_1", order: label, class: "interactive", ...caller },
      loads: () => loads,
      now: () => clock.monotonic(),
      promptPerSecond: () => promptPerSecond ?? null,
      promptTokens: () => 4000,
    });
    return collect(model.stream(request, options.signal ?? never()));
  };
  return { call, clock, lanes, queue, started, most: () => most };
}

describe("GPU governor", () => {
  it("runs one generation at a time for 8 parallel calls on two endpoints", async () => {
    const { call, clock, most, started } = setUp();
    const outcomes = ["mlx_lm/a", "ollama/b"].flatMap((model) =>
      Array.from({ length: 8 }, (_, index) => call(`${model}-${index}`, { run: `run_${index}` }, { model, ms: 100 })),
    );
    await clock.advance(10_000);
    assert.equal(most(), 1);
    assert.equal(started.length, 16);
    assert.ok(outcomes.every(({ error, ended }) => ended && error === null));
  });

  it("lets as many in as the device is wide", async () => {
    const { call, clock, most } = setUp({ width: 3 });
    for (let index = 0; index < 6; index += 1) call(`${index}`, {});
    await clock.advance(5000);
    assert.equal(most(), 3);
  });

  it("tells every change of position and fills in the time waited", async () => {
    const { call, clock } = setUp();
    call("1", { run: "run_a" });
    await clock.advance(0);
    call("2", { run: "run_b" });
    await clock.advance(0);
    const third = call("3", { run: "run_c" });
    await clock.advance(5000);
    const waits = third.parts.flatMap((part) => (part.type === "wait" ? [`${part.position} ${part.reason}`] : []));
    assert.deepEqual(waits, ["2 behind run_a", "1 behind run_b"]);
    const end = third.parts.at(-1);
    assert.ok(end?.type === "end");
    assert.equal(end.timings.waitMs, 2000);
    assert.deepEqual(kinds(third), ["wait", "wait", "sent", "text", "end"]);
  });

  it("gives the lane to the better class, but lets nobody starve", async () => {
    const { call, clock, started } = setUp();
    call("first", {}, { ms: 1000 });
    await clock.advance(0);
    call("old", { class: "background", run: "run_b" });
    for (let index = 0; index < 100; index += 1) {
      call(`new-${index}`, { run: `run_${index}` }, { ms: 1100 });
      await clock.advance(1000);
    }
    await clock.advance(100_000);
    const place = started.indexOf("old");
    assert.ok(place > 20 && place < 100, `at ${place}`);
  });

  it("prefers the loaded model, at most 8 times in a row", async () => {
    const { call, clock, started } = setUp();
    call("a0", {}, { ms: 100 });
    await clock.advance(0);
    call("b", { run: "run_b" }, { model: "ollama/b", ms: 100 });
    await clock.advance(1);
    for (let index = 1; index <= 12; index += 1) call(`a${index}`, { run: `run_${index}` }, { ms: 100 });
    await clock.advance(5000);
    assert.equal(started.indexOf("b"), 8);
  });

  it("ends an item that was begun before it starts the next of the same run", async () => {
    const { call, clock, started } = setUp();
    const first = call("0/find", {}, { ms: 100 });
    await clock.advance(0);
    call("1/find", {}, { ms: 100 });
    await clock.advance(100);
    assert.ok(first.ended);
    await clock.advance(30);
    call("0/verify", {}, { ms: 100 });
    await clock.advance(1000);
    assert.deepEqual(started, ["0/find", "0/verify", "1/find"]);
  });

  it("keeps the lane 50 ms at most, and not from another run", async () => {
    const { call, clock, started } = setUp();
    call("0", {}, { ms: 100 });
    await clock.advance(0);
    call("1", {}, { ms: 100 });
    await clock.advance(149);
    assert.deepEqual(started, ["0"]);
    await clock.advance(2);
    assert.deepEqual(started, ["0", "1"]);
    call("other", { run: "run_2" }, { ms: 100 });
    await clock.advance(100);
    assert.deepEqual(started, ["0", "1", "other"]);
  });

  it("keeps the lane free while the item that was begun goes on, 2 s at most", async () => {
    const { call, clock, started } = setUp();
    let working = true;
    const goesOn = (): boolean => working;
    void call("1", { goesOn }, { ms: 100 });
    void call("2", { goesOn }, { ms: 100 });
    await clock.advance(500);
    assert.deepEqual(started, ["1"]);
    void call("1b", { goesOn }, { ms: 100 });
    await clock.advance(300);
    assert.deepEqual(started, ["1", "1b"]);
    working = false;
    await clock.advance(160);
    assert.deepEqual(started, ["1", "1b", "2"]);
    working = true;
    void call("3", { goesOn }, { ms: 100 });
    await clock.advance(1900);
    assert.deepEqual(started, ["1", "1b", "2"]);
    await clock.advance(500);
    assert.deepEqual(started, ["1", "1b", "2", "3"]);
  });

  it("cools down for 2 s after an abort", async () => {
    const { call, clock, started } = setUp();
    const controller = new AbortController();
    const cut = call("cut", {}, { signal: controller.signal, script: [sent, text("x"), 60_000] });
    await clock.advance(10);
    const next = call("next", {});
    await clock.advance(10);
    controller.abort();
    await clock.advance(1900);
    assert.equal(cut.error?.code, "cancelled");
    assert.deepEqual(started, ["cut"]);
    const held = next.parts.at(-1);
    assert.ok(held?.type === "wait");
    assert.deepEqual([held.position, held.reason], [0, "cooling down"]);
    await clock.advance(200);
    assert.deepEqual(started, ["cut", "next"]);
  });

  it("waits until a cancelled prompt has been read", async () => {
    const { call, clock, started } = setUp({ promptPerSecond: 100 });
    const controller = new AbortController();
    call("cut", {}, { signal: controller.signal, ms: 60_000 });
    await clock.advance(10_000);
    const next = call("next", {});
    controller.abort();
    await clock.advance(29_000);
    assert.deepEqual(started, ["cut"]);
    assert.ok(
      next.parts.some(
        (part) => part.type === "wait" && part.reason.startsWith("still reading the cancelled prompt, ~30 s"),
      ),
    );
    await clock.advance(1100);
    assert.deepEqual(started, ["cut", "next"]);
  });

  it("waits for a cancelled prompt also when the server on this machine was never measured and tells nothing", async () => {
    const { call, clock, started } = setUp();
    const controller = new AbortController();
    call("cut", {}, { signal: controller.signal, script: [60_000] });
    await clock.advance(5000);
    call("next", {});
    controller.abort();
    await clock.advance(14_000);
    assert.deepEqual(started, ["cut"]);
    await clock.advance(1100);
    assert.deepEqual(started, ["cut", "next"]);
  });

  it("waits two minutes at most, whatever was measured on a busy machine", async () => {
    const { call, clock, started } = setUp({ promptPerSecond: 4 });
    const controller = new AbortController();
    call("cut", {}, { signal: controller.signal, script: [60_000] });
    await clock.advance(100);
    call("next", {});
    controller.abort();
    await clock.advance(119_000);
    assert.deepEqual(started, ["cut"]);
    await clock.advance(1500);
    assert.deepEqual(started, ["cut", "next"]);
  });

  it("waits two steps of reading where the server tells its progress", async () => {
    const { call, clock, started } = setUp();
    const controller = new AbortController();
    const told = [1, 2, 3].flatMap((step) => [1000, { type: "prefill", done: step * 100, total: 9000 } as const]);
    call("cut", {}, { signal: controller.signal, script: [...told, 600_000] });
    await clock.advance(3100);
    call("next", {});
    controller.abort();
    await clock.advance(1800);
    assert.deepEqual(started, ["cut"]);
    await clock.advance(400);
    assert.deepEqual(started, ["cut", "next"]);
  });

  it("lets an aborted call leave the line at once", async () => {
    const { call, clock, queue, started } = setUp();
    call("1", {});
    await clock.advance(0);
    const controller = new AbortController();
    const gone = call("2", {}, { signal: controller.signal });
    await clock.advance(10);
    assert.equal(queue.state().waiting, 1);
    controller.abort();
    await settled();
    assert.equal(gone.error?.code, "cancelled");
    assert.equal(queue.state().waiting, 0);
    await clock.advance(10_000);
    assert.deepEqual(started, ["1"]);
  });

  it("goes on at once after a refusal and cools down after a dead engine", async () => {
    for (const [code, ms] of [
      ["unreachable", 100],
      ["engine_dead", 2100],
    ] as const) {
      const { call, clock, started } = setUp();
      call("1", {}, { script: [sent, failure(code)] });
      call("2", {});
      await clock.advance(99);
      assert.equal(started.length, code === "unreachable" ? 2 : 1, code);
      await clock.advance(ms);
      assert.equal(started.length, 2);
    }
  });

  it("holds a call that would load a model while memory is full, and gives up after 60 s", async () => {
    let level: "ok" | "high" = "high";
    const { call, clock, started } = setUp({ loads: true, pressure: async () => level });
    const waiting = call("1", {});
    await clock.advance(30_000);
    assert.deepEqual(kinds(waiting), ["wait"]);
    level = "ok";
    await clock.advance(2000);
    assert.deepEqual(started, ["1"]);
    level = "high";
    const refused = call("2", {}, { model: "ollama/b" });
    await clock.advance(62_000);
    assert.equal(refused.error?.code, "overloaded");
    assert.equal(refused.error?.reason, "memory");
  });

  it("names another process that has the lane", async () => {
    const clock = testClock();
    const queue = new DeviceQueue("this machine", {
      clock,
      width: () => 1,
      pressure: async () => "ok",
      lanes: {
        ticket: async () => "t",
        take: async () =>
          clock.monotonic() < 200 ? { taken: false, before: 0, holder: 77, coolMs: 0 } : { taken: true },
        release: async () => undefined,
      },
    });
    const model = governed(scripted("ollama/a", clock, [endPart("ollama/a")]), {
      queue,
      caller: { run: "run_1", order: "1", class: "interactive" },
      loads: () => false,
      now: () => clock.monotonic(),
      promptPerSecond: () => null,
      promptTokens: () => 0,
    });
    const outcome = collect(model.stream(request, never()));
    await clock.advance(300);
    assert.deepEqual(kinds(outcome), ["wait", "end"]);
    assert.match(JSON.stringify(outcome.parts[0]), /pid 77/);
  });

  it("serves every call once and never two at a time, whatever the schedule", async () => {
    const step = fc.record({
      gap: fc.nat(300),
      ms: fc.nat(400),
      run: fc.constantFrom("run_1", "run_2", "run_3"),
      model: fc.constantFrom("mlx_lm/a", "ollama/b"),
      class: fc.constantFrom<CallClass>("interactive", "review", "background"),
      abort: fc.option(fc.nat(600)),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const { call, clock, most, queue, started } = setUp();
        const outcomes = [];
        for (const [index, one] of steps.entries()) {
          const controller = new AbortController();
          const script = one.fails
            ? [sent, one.ms, failure("unreachable")]
            : [sent, one.ms, text("x"), endPart(one.model)];
          outcomes.push(
            call(
              `${index}`,
              { run: one.run, class: one.class },
              { model: one.model, signal: controller.signal, script },
            ),
          );
          if (one.abort !== null) void clock.sleep(one.abort).then(() => controller.abort());
          await clock.advance(one.gap);
        }
        await clock.advance(60_000);
        assert.ok(most() <= 1);
        assert.equal(new Set(started).size, started.length);
        assert.ok(outcomes.every(({ ended }) => ended));
        assert.deepEqual(queue.state(), { device: "this machine", running: [], waiting: 0 });
      }),
      { numRuns: 200 },
    );
  });
});
