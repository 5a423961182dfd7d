import assert from "node:assert/strict";
import type { Clock, ModelPart } from "../../sidecar/ports.ts";
import { clocked, type Wire } from "../../sidecar/providers/clocks.ts";
import type { Pulse } from "../../sidecar/providers/transport.ts";
import { collect, request } from "../contracts/language-model.ts";

/** Time that a test moves; sleepers wake in order. */
class TestClock implements Clock {
  #now = 0;
  #sleepers: { at: number; wake: () => void }[] = [];
  now = () => this.#now;
  monotonic = () => this.#now;
  sleep(ms: number, signal?: AbortSignal) {
    return new Promise<void>((done, failed) => {
      if (signal?.aborted) return failed(signal.reason);
      const sleeper = { at: this.#now + ms, wake: done };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        failed(signal.reason);
      });
    });
  }
  /** Moves in steps of at most `step` ms and lets everything that woke run. */
  async pass(ms: number, step = 500) {
    const until = this.#now + ms;
    while (this.#now < until) {
      this.#now = Math.min(until, this.#now + step);
      const due = this.#sleepers.filter(({ at }) => at <= this.#now);
      this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now);
      for (const { wake } of due) wake();
      for (let turn = 0; turn < 3; turn += 1) await new Promise((done) => setImmediate(done));
    }
  }
}

const end: ModelPart = {
  type: "end",
  finish: "stop",
  usage: { in: 1, out: 1, cached: 0, estimated: false },
  timings: { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs: 0 },
  model: "m",
};

/** A wire that does what each gate says when the test opens it. */
function gated() {
  let pulse: Pulse = () => undefined;
  let push: (part: ModelPart) => void = () => undefined;
  const queue: ModelPart[] = [];
  const seen = { aborted: false };
  const wire: Wire = async function* (_request, signal, beat) {
    pulse = beat;
    signal.addEventListener("abort", () => {
      seen.aborted = true;
    });
    for (;;) {
      const part = queue.shift() ?? (await new Promise<ModelPart>((done) => (push = done)));
      yield part;
      if (part.type === "end") return;
    }
  };
  return { wire, seen, pulse: (beat: Parameters<Pulse>[0]) => pulse(beat), push: (part: ModelPart) => push(part) };
}

function start(isLoaded?: () => Promise<boolean>, prompt = "hi") {
  const clock = new TestClock();
  const gate = gated();
  const model = clocked(gate.wire, { ref: "m", clock, ...(isLoaded ? { isLoaded } : {}) });
  const abort = new AbortController();
  return { clock, ...gate, abort, call: collect(model, request(prompt), abort.signal) };
}

describe("clocks", () => {
  it("2 s without a connection is unreachable", async () => {
    const { clock, call, seen } = start();
    await clock.pass(3_000);
    assert.equal((await call).error?.code, "unreachable");
    assert.equal(seen.aborted, true);
  });

  it("10 min without headers is stalled while loading, with progress on the way", async () => {
    const { clock, call, pulse } = start();
    await clock.pass(500);
    pulse("connected");
    await clock.pass(590_000);
    await clock.pass(20_000);
    const { error, parts } = await call;
    assert.equal(error?.code, "stalled");
    assert.equal(error?.reason, "load");
    assert.ok(parts.filter(({ type }) => type === "load").length > 500);
  });

  it("a loaded model has 300 s to its first token, with no load part", async () => {
    const { clock, call, pulse } = start(() => Promise.resolve(true));
    await clock.pass(500);
    pulse("connected");
    await clock.pass(310_000);
    const { error, parts } = await call;
    assert.equal(error?.reason, "first_token");
    assert.deepEqual(parts, []);
  });

  it("a prompt of 10,000 tokens may be read for 1,000 s on a slow machine", async () => {
    const { clock, call, pulse } = start(() => Promise.resolve(true), "x".repeat(40_000));
    await clock.pass(500);
    pulse("connected");
    let ended = false;
    void call.finally(() => {
      ended = true;
    });
    await clock.pass(990_000);
    assert.equal(ended, false);
    await clock.pass(20_000);
    assert.equal((await call).error?.reason, "first_token");
  });

  it("every byte rearms the first-token clock", async () => {
    const { clock, call, pulse, push } = start();
    await clock.pass(500);
    pulse("connected");
    pulse("headers");
    for (let round = 0; round < 4; round += 1) {
      await clock.pass(200_000, 5_000);
      pulse("bytes");
    }
    push({ type: "text", text: "a" });
    await clock.pass(1_000);
    push(end);
    await clock.pass(1_000);
    assert.equal((await call).text, "a");
  });

  it("60 s between tokens is stalled; bytes without text rearm it", async () => {
    const { clock, call, pulse, push } = start();
    await clock.pass(500);
    pulse("connected");
    pulse("headers");
    push({ type: "text", text: "a" });
    await clock.pass(50_000);
    pulse("bytes");
    await clock.pass(50_000);
    pulse("bytes");
    await clock.pass(62_000);
    const { error, text } = await call;
    assert.equal(error?.reason, "inter_token");
    assert.equal(text, "a");
  });

  it("forgives one gap of a sleeping laptop", async () => {
    const { clock, call, pulse, push } = start();
    await clock.pass(500);
    pulse("connected");
    pulse("headers");
    push({ type: "text", text: "a" });
    await clock.pass(1_000);
    await clock.pass(3_600_000, 3_600_000);
    push(end);
    await clock.pass(1_000);
    assert.equal((await call).error, null);
  });

  it("an abort ends the call even if the wire does not listen", async () => {
    const { clock, call, abort } = start();
    await clock.pass(500);
    abort.abort();
    assert.equal((await call).error?.code, "cancelled");
  });
});
