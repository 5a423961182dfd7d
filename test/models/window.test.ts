import assert from "node:assert/strict";
import fc from "fast-check";
import { createTokenCounter, type Window, windowed, windowOf } from "../../sidecar/models/window.ts";
import type { LanguageModel, Message } from "../../sidecar/ports.ts";
import { collect, endPart, kinds, never, request, scripted, settled, testClock, text } from "./support.ts";

const clock = testClock();

function window(tokens: number, allocated: number | null = null): Window & { readonly asked: number[] } {
  let verified: number | null = null;
  const asked: number[] = [];
  return {
    asked,
    tokens: () => tokens,
    maxContext: () => 32_768,
    counter: createTokenCounter(),
    allocated: async () => {
      asked.push(tokens);
      return allocated;
    },
    verified: () => verified,
    verify: (held) => {
      verified = held;
    },
  };
}

const prompt = (...sizes: number[]): Message[] =>
  sizes.map((size, index) => ({
    role: index === 0 ? "system" : "user",
    content: `part ${index} `.repeat(Math.ceil(size / 7)).slice(0, size),
  }));

async function run(model: LanguageModel, given: Window, messages: Message[]) {
  const outcome = collect(windowed(model, given).stream({ ...request, messages }, never()));
  await settled();
  return outcome;
}

describe("context window", () => {
  it("asks for what fits", () => {
    assert.equal(windowOf("ollama", { trained: 131_072, allocated: 4096 }, 32_768), 32_768);
    assert.equal(windowOf("lmstudio", { trained: 131_072, allocated: 8192 }, 32_768), 8192);
    assert.equal(windowOf("mlx_lm", { trained: null, allocated: null }, 32_768), 4096);
    assert.equal(windowOf("mlx_lm", { trained: 16_384, allocated: null }, 32_768), 16_384);
  });

  it("refuses a prompt that would be cut, before sending, and names its three biggest parts", async () => {
    const inner = scripted("ollama/a", clock, [endPart("ollama/a")]);
    const outcome = await run(inner, window(4096), prompt(400, 20_000, 8000, 12_000));
    assert.equal(outcome.error?.code, "context_overflow");
    assert.equal(outcome.error?.reason, undefined);
    assert.equal(inner.calls.length, 0);
    assert.match(outcome.error?.message ?? "", /user message 2.*user message 4.*user message 3/);
    assert.match(outcome.error?.message ?? "", /larger window/);
  });

  it("shortens the answer, not the prompt, when room is scarce", async () => {
    const inner = scripted("ollama/a", clock, [text("x"), endPart("ollama/a", 900)]);
    const outcome = collect(
      windowed(inner, window(2048)).stream({ ...request, maxTokens: 4000, messages: prompt(4000) }, never()),
    );
    await settled();
    assert.equal(outcome.error, null);
    assert.equal(inner.calls[0]?.contextTokens, 2048);
    assert.ok((inner.calls[0]?.maxTokens ?? 0) < 1048);
  });

  it("does not use the answer of a server that cut the prompt", async () => {
    const counted = await run(
      scripted("ollama/a", clock, [text("x"), endPart("ollama/a", 2048)]),
      window(32_768),
      prompt(40_000),
    );
    assert.deepEqual([counted.error?.code, counted.error?.reason], ["context_overflow", "truncated"]);
    assert.ok(!kinds(counted).includes("end"));
    const held = await run(
      scripted("ollama/a", clock, [text("x"), endPart("ollama/a", 9000)]),
      window(32_768, 4096),
      prompt(40_000),
    );
    assert.deepEqual([held.error?.code, held.error?.reason], ["context_overflow", "truncated"]);
    assert.ok(!kinds(held).includes("text"));
    const full = await run(
      scripted("ollama/a", clock, [text("x"), endPart("ollama/a", 4096)]),
      window(4096),
      prompt(14_000),
    );
    assert.equal(full.error?.reason, "truncated");
  });

  it("asks the server for its window once, and again after a load", async () => {
    const given = window(8192, 8192);
    const load = { type: "load", elapsedMs: 10, expectedMs: null } as const;
    const answer = [text("x"), endPart("ollama/a", 100)];
    const model = scripted("ollama/a", clock, answer, answer, [load, ...answer]);
    for (let count = 0; count < 3; count += 1) assert.equal((await run(model, given, prompt(400))).error, null);
    assert.equal(given.asked.length, 2);
  });

  it("learns a model's tokens within 5 calls to 10 %", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 2, max: 8, noNaN: true }),
        fc.array(fc.integer({ min: 2000, max: 40_000 }), { minLength: 6, maxLength: 6 }),
        (perToken, sizes) => {
          const counter = createTokenCounter();
          const real = (messages: Message[]) => Math.round((messages[0]?.content.length ?? 0) / perToken) + 9;
          const [last = 2000, ...first] = sizes;
          for (const size of first) counter.learn(prompt(size), real(prompt(size)));
          const truth = real(prompt(last));
          assert.ok(Math.abs(counter.estimate(prompt(last)) - truth) <= truth * 0.1);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("lets no server cut a prompt in silence once it is known", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 100, max: 60_000 }),
        fc.integer({ min: 1024, max: 8192 }),
        async (size, held) => {
          const given = window(32_768, null);
          for (let count = 0; count < 6; count += 1) given.counter.learn(prompt(4000), 1004);
          const real = Math.round(size / 4) + 4;
          const outcome = await run(
            scripted("ollama/a", clock, [text("x"), endPart("ollama/a", Math.min(real, held / 2))]),
            given,
            prompt(size),
          );
          const cut = real > held / 2 && real * 0.75 > held / 2 && real - held / 2 > 204;
          if (cut) assert.equal(outcome.error?.code, "context_overflow");
          if (real <= held / 2) assert.equal(outcome.error, null);
        },
      ),
      { numRuns: 200 },
    );
  });
});
