import assert from "node:assert/strict";
import { createOllamaEndpoint } from "../../sidecar/providers/ollama.ts";
import { createOpenAiEndpoint } from "../../sidecar/providers/openai-endpoint.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { collect, request } from "../contracts/language-model.ts";
import { realClock } from "../support/real-clock.ts";
import { type Exchange, recording, recordings, replay } from "../support/recorded.ts";

const gets = {
  ollama: ["version", "tags", "ps, loaded"].map((name) => recording("ollama", name)),
  "mlx-lm": ["health", "models"].map((name) => recording("mlx-lm", name)),
};
type Server = keyof typeof gets;

/** One call whose answer is this exchange, or `body` in its place. */
async function call(server: Server, exchange: Exchange, body?: readonly Uint8Array[], contextTokens = 2048) {
  const shows = server === "ollama" ? [recording("ollama", "show, chat model")] : [];
  const fake = await replay(exchange, [...gets[server], ...shows], body);
  const transport = createTransport({ network: "local" });
  const common = {
    url: fake.url,
    transport,
    clock: realClock,
    deadlines: { betweenMs: 3000, firstTokenMs: 3000, loadMs: 3000 },
  };
  const endpoint = server === "ollama" ? createOllamaEndpoint(common) : createOpenAiEndpoint(common, "mlx_lm");
  const id = server === "ollama" ? "qwen2.5-coder:0.5b" : "podium/smollm2-135m";
  try {
    return await collect(endpoint.model(id), request("hi", { contextTokens }));
  } finally {
    await fake.close();
    await transport.close();
  }
}

describe("recorded servers", () => {
  const table: readonly (readonly [Server, string, string])[] = [
    ["ollama", "chat, stream", "length"],
    ["ollama", "chat, stop sequence", "stop"],
    ["ollama", "chat, json schema", "stop"],
    ["ollama", "chat, thinking", "stop"],
    ["ollama", "error, unknown model", "model_missing"],
    ["ollama", "context overflow, truncate:false", "context_overflow"],
    ["ollama", "context overflow, silent truncation", "context_overflow"],
    ["ollama", "error, no thinking", "bad_request"],
    ["ollama", "error, invalid format", "bad_request"],
    ["ollama", "error, option type", "bad_request"],
    ["ollama", "error, broken JSON", "bad_request"],
    ["ollama", "error, queue full", "overloaded"],
    ["ollama", "engine dies mid-stream", "engine_dead"],
    ["ollama", "server dies mid-stream", "truncated_stream"],
    ["mlx-lm", "chat, stream", "length"],
    ["mlx-lm", "chat, to the end", "stop"],
    ["mlx-lm", "chat, long prompt with keepalives", "length"],
    ["mlx-lm", "error, unknown model", "model_missing"],
    ["mlx-lm", "error, max_tokens null", "bad_request"],
    ["mlx-lm", "error, empty messages", "bad_request"],
    ["mlx-lm", "error, broken JSON", "bad_request"],
    ["mlx-lm", "tool call that does not parse: zero calls", "bad_output"],
    ["mlx-lm", "server dies mid-stream", "truncated_stream"],
    ["mlx-lm", "chat, engine dead", "engine_dead"],
  ];
  for (const [server, name, outcome] of table) {
    it(`${server}: ${name} → ${outcome}`, async () => {
      const exchange = recording(server, name);
      const asked = exchange.request.body as { readonly options?: { readonly num_ctx?: number } } | undefined;
      const { error, end } = await call(server, exchange, undefined, asked?.options?.num_ctx ?? 2048);
      assert.equal(error?.code ?? end?.finish, outcome, error?.message);
    });
  }

  it("mlx-lm: comments become prefill, usage counts what was cached", async () => {
    const { parts, end } = await call("mlx-lm", recording("mlx-lm", "chat, long prompt with keepalives"));
    const prefill = parts.filter((part) => part.type === "prefill");
    assert.deepEqual(prefill[0], { type: "prefill", done: 128, total: 435 });
    assert.equal(
      end?.usage.estimated,
      recording("mlx-lm", "chat, long prompt with keepalives").response.chunks.every(
        ([, text]) => !text.includes("usage"),
      ),
    );
  });

  it("ollama: durations come in ns and leave in ms", async () => {
    const { end } = await call("ollama", recording("ollama", "chat, stream"));
    assert.deepEqual(end?.usage, { in: 12, out: 24, cached: 0, estimated: false });
    assert.deepEqual(end?.timings, { waitMs: 0, loadMs: 37, promptMs: 50, tokensMs: 273, toolMs: 0, youMs: 0 });
  });
});

/** Mulberry32: the same mutations on every machine. */
const randomFrom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};

function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length);
  const length = 1 + Math.floor(random() * 200);
  switch (Math.floor(random() * 6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 3: {
      const copy = Buffer.from(bytes);
      for (let index = 0; index < 4; index += 1) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
      return copy;
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from('{"error":"boom"}\n'), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, at % 2 ? 0 : 0xff), bytes.subarray(at)]);
  }
}

const splitAt = (bytes: Buffer, random: () => number): Buffer[] => {
  const middle = Math.floor(random() * bytes.length);
  return [bytes.subarray(0, middle), bytes.subarray(middle)].filter(({ length }) => length > 0);
};

/** The finish that is whole in these bytes: without it nothing may count as answered. */
const mayAnswer = (server: Server, bytes: Buffer) =>
  server === "ollama"
    ? /"done"\s*:\s*true/.test(bytes.toString("latin1"))
    : /"finish_reason"\s*:\s*"/.test(bytes.toString("latin1"));

describe("mutated recordings", function () {
  this.timeout(60_000);
  for (const server of ["ollama", "mlx-lm"] as const) {
    it(`${server}: 520 broken streams, each typed, none a wrong success`, async () => {
      const random = randomFrom(20261121);
      const streams = recordings(server).filter(
        ({ request: { path }, response }) =>
          (path === "/api/chat" || path === "/v1/chat/completions") &&
          response.status === 200 &&
          response.chunks.length > 4,
      );
      const codes = new Map<string, number>();
      for (let round = 0; round < 520; round += 1) {
        const exchange = streams[round % streams.length] as Exchange;
        const bytes = mutate(Buffer.from(exchange.response.chunks.map(([, text]) => text).join("")), random);
        const { error } = await call(server, exchange, splitAt(bytes, random));
        if (error === null) assert.ok(mayAnswer(server, bytes), `wrong success in round ${round}`);
        codes.set(error?.code ?? "answered", (codes.get(error?.code ?? "answered") ?? 0) + 1);
      }
      assert.ok(
        (codes.get("truncated_stream") ?? 0) > 20 && (codes.get("bad_output") ?? 0) > 20,
        JSON.stringify([...codes]),
      );
      assert.equal(codes.get("internal"), undefined);
      assert.equal(codes.get("stalled"), undefined);
    });
  }
});
