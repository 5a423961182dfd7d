import assert from "node:assert/strict";
import { Breaker, breaking } from "../../sidecar/models/breaker.ts";
import { fallback } from "../../sidecar/models/fallback.ts";
import { retrying } from "../../sidecar/models/retrying.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { collect, endPart, failure, kinds, never, request, scripted, settled, testClock, text } from "./support.ts";

const done = [text("yes"), endPart("a")];

describe("breaker", () => {
  const setUp = (...scripts: Parameters<typeof scripted>[2][]) => {
    const clock = testClock();
    const inner = scripted("ollama/a", clock, ...scripts);
    const breaker = new Breaker("ollama/a", () => clock.monotonic());
    const model = breaking(inner, breaker);
    const call = async () => {
      const outcome = collect(model.stream(request, never()));
      await settled();
      return outcome;
    };
    return { breaker, call, clock, inner };
  };
  const down = [failure("unreachable")];

  it("opens after 5 failures in a row and then sends nothing", async () => {
    const { breaker, call, inner } = setUp(down);
    for (let count = 1; count <= 4; count += 1) await call();
    assert.equal(breaker.state(), "closed");
    await call();
    assert.equal(breaker.state(), "open");
    const refused = await call();
    assert.equal(refused.error?.code, "unreachable");
    assert.equal(refused.error?.reason, "circuit_open");
    assert.equal(inner.calls.length, 5);
  });

  it("starts counting again after a success", async () => {
    const { breaker, call } = setUp(down, down, down, down, done, down, down, down, down, done);
    for (let count = 0; count < 10; count += 1) await call();
    assert.equal(breaker.state(), "closed");
  });

  it("closes after 3 successful probes and reopens at one failed probe", async () => {
    const { breaker, call, clock } = setUp(down, down, down, down, down, done, down, done, done, done);
    for (let count = 0; count < 5; count += 1) await call();
    await clock.advance(59_999);
    assert.equal(breaker.state(), "open");
    await clock.advance(1);
    assert.equal(breaker.state(), "half-open");
    await call();
    assert.equal(breaker.state(), "half-open");
    await call();
    assert.equal(breaker.state(), "open");
    await clock.advance(60_000);
    for (let count = 0; count < 3; count += 1) await call();
    assert.equal(breaker.state(), "closed");
  });

  it("lets only three probes in at once", async () => {
    const slow = [1000, ...done];
    const { call, clock, inner } = setUp(down, down, down, down, down, slow);
    for (let count = 0; count < 5; count += 1) await call();
    await clock.advance(60_000);
    const outcomes = await Promise.all([call(), call(), call(), call()]);
    assert.equal(inner.calls.length, 8);
    assert.equal(outcomes[3]?.error?.reason, "circuit_open");
    await clock.advance(1000);
    assert.equal((await call()).error, null);
  });

  it("is fed only by illness of the server", async () => {
    for (const code of [
      "auth",
      "bad_request",
      "model_missing",
      "context_overflow",
      "truncated_stream",
      "bad_output",
    ] as const) {
      const { breaker, call } = setUp([failure(code)]);
      for (let count = 0; count < 6; count += 1) await call();
      assert.equal(breaker.state(), "closed", code);
    }
    for (const code of ["stalled", "engine_dead", "overloaded"] as const) {
      const { breaker, call } = setUp([failure(code)]);
      for (let count = 0; count < 5; count += 1) await call();
      assert.equal(breaker.state(), "open", code);
    }
    const memory = setUp([new PodiumError("overloaded", "full", { reason: "memory", retryable: false })]);
    for (let count = 0; count < 6; count += 1) await memory.call();
    assert.equal(memory.breaker.state(), "closed");
  });

  it("sends calls that still wait away when it opens", async () => {
    const wait = { type: "wait", position: 1, reason: "behind run_1", etaMs: null } as const;
    const { call, clock } = setUp([wait, 100_000], [wait, 100_000], down);
    const waiting = [await call(), await call()];
    for (let count = 0; count < 5; count += 1) await call();
    await clock.advance(0);
    for (const outcome of waiting) assert.equal(outcome.error?.reason, "circuit_open");
  });
});

describe("retry", () => {
  const setUp = (...scripts: Parameters<typeof scripted>[2][]) => {
    const clock = testClock();
    const inner = scripted("ollama/a", clock, ...scripts);
    return { clock, inner, model: retrying(inner, { clock, random: () => 0.5 }) };
  };

  it("repeats at most twice, with jitter, and says so", async () => {
    const { clock, inner, model } = setUp([failure("unreachable")]);
    const outcome = collect(model.stream(request, never()));
    await clock.advance(250);
    assert.equal(inner.calls.length, 2);
    await clock.advance(1000);
    assert.equal(inner.calls.length, 3);
    assert.equal(outcome.error?.code, "unreachable");
    assert.deepEqual(kinds(outcome), ["wait", "wait"]);
  });

  it("waits as long as the server asks, at most 60 s", async () => {
    for (const [asked, waited] of [
      ["retry_after_ms:7000", 7250],
      ["retry_after_ms:0", 250],
      ["retry_after_ms:86400000", 60_250],
    ] as const) {
      const busy = new PodiumError("overloaded", "busy", { reason: asked });
      const { clock, inner, model } = setUp([busy], done);
      const outcome = collect(model.stream(request, never()));
      await clock.advance(waited - 1);
      assert.equal(inner.calls.length, 1, asked);
      await clock.advance(1);
      assert.equal(inner.calls.length, 2, asked);
      assert.equal(outcome.error, null);
      const [wait] = outcome.parts;
      assert.ok(wait?.type === "wait" && wait.etaMs === waited);
      assert.match(wait.reason, /the server asks to wait/);
    }
  });

  it("repeats nothing after the first byte and no other failure", async () => {
    const late = setUp([text("half"), failure("unreachable")]);
    const outcome = collect(late.model.stream(request, never()));
    await late.clock.advance(10_000);
    assert.equal(late.inner.calls.length, 1);
    assert.equal(outcome.error?.code, "unreachable");
    for (const code of ["stalled", "engine_dead", "auth", "bad_request", "truncated_stream"] as const) {
      const other = setUp([failure(code)]);
      collect(other.model.stream(request, never()));
      await other.clock.advance(10_000);
      assert.equal(other.inner.calls.length, 1, code);
    }
  });

  it("ends at once when it is cancelled in a pause", async () => {
    const { clock, inner, model } = setUp([failure("overloaded")]);
    const controller = new AbortController();
    const outcome = collect(model.stream(request, controller.signal));
    await settled();
    controller.abort();
    await settled();
    assert.equal(outcome.error?.code, "cancelled");
    await clock.advance(10_000);
    assert.equal(inner.calls.length, 1);
  });
});

describe("fallback", () => {
  const clock = testClock();
  const model = (ref: string, ...script: Parameters<typeof scripted>[2]) => scripted(ref, clock, script);
  const run = async (...models: ReturnType<typeof model>[]) => {
    const [first, ...others] = models;
    assert.ok(first);
    const outcome = collect(fallback(first, others).stream(request, never()));
    await settled();
    return outcome;
  };

  it("goes on with the next model before the first token and names the cause", async () => {
    const outcome = await run(model("mlx_lm/a", failure("stalled")), model("ollama/b", ...done));
    assert.deepEqual(kinds(outcome), ["fallback", "text", "end"]);
    const [hop] = outcome.parts;
    assert.ok(hop?.type === "fallback");
    assert.deepEqual([hop.from, hop.to, hop.cause.code], ["mlx_lm/a", "ollama/b", "stalled"]);
  });

  it("keeps the failure after the first token", async () => {
    const second = model("ollama/b", ...done);
    const outcome = await run(model("mlx_lm/a", text("half"), failure("truncated_stream")), second);
    assert.equal(outcome.error?.code, "truncated_stream");
    assert.equal(second.calls.length, 0);
  });

  it("lists every cause when nothing is left", async () => {
    const outcome = await run(model("mlx_lm/a", failure("engine_dead")), model("ollama/b", failure("auth")));
    assert.equal(outcome.error?.code, "provider_unavailable");
    assert.match(outcome.error?.message ?? "", /mlx_lm\/a: engine_dead.*ollama\/b: auth/);
  });

  it("does not end in the small window of a stand-in", async () => {
    const small = model("mlx_lm/a", failure("context_overflow"));
    const outcome = await run(model("ollama/a", failure("stalled")), small, model("lmstudio/c", ...done));
    assert.equal(outcome.error, null);
    const none = await run(model("ollama/a", failure("stalled")), model("mlx_lm/a", failure("context_overflow")));
    assert.deepEqual([none.error?.code, none.error?.reason], ["provider_unavailable", "stalled"]);
  });

  it("does not hide what another model would not cure", async () => {
    for (const code of ["cancelled", "context_overflow", "bad_request"] as const) {
      const second = model("ollama/b", ...done);
      assert.equal((await run(model("mlx_lm/a", failure(code)), second)).error?.code, code);
      assert.equal(second.calls.length, 0);
    }
  });
});
