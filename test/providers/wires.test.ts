import assert from "node:assert/strict";
import { discover } from "../../sidecar/providers/discover.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { collect, type LanguageModelSubject, languageModelContract, request } from "../contracts/language-model.ts";
import { fakeMlx } from "../support/fake-mlx.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { realClock } from "../support/real-clock.ts";

const deadlines = { connectMs: 1000, loadMs: 400, firstTokenMs: 300, betweenMs: 300 };

/** Finds the server by discovery, so that fingerprints are part of the contract. */
async function subject(server: FakeServer, id: string): Promise<LanguageModelSubject> {
  const transport = createTransport({ network: "local" });
  const [endpoint] = await discover({
    servers: [server.url],
    extra: [],
    detect: false,
    transport,
    clock: realClock,
    deadlines,
  });
  if (!endpoint) throw new Error("not found");
  const close = async () => {
    await server.close();
    await transport.close();
  };
  return { endpoint, id, server, close };
}

languageModelContract({
  name: "Ollama (fake)",
  start: async (answers) => subject(await fakeOllama({ answers, models: ["fake:1b", "other:1b"] }), "fake:1b"),
  skipScripted: null,
  midStreamError: "engine_dead",
});

languageModelContract({
  name: "mlx_lm (fake)",
  start: async (answers) => subject(await fakeMlx({ answers, models: ["fake/mlx-1b", "fake/other"] }), "fake/mlx-1b"),
  skipScripted: null,
  midStreamError: "truncated_stream",
});

languageModelContract({
  name: "openai-compatible (fake)",
  start: async (answers) => subject(await fakeMlx({ answers, serverHeader: "llama.cpp", health: null }), "fake/mlx-1b"),
  skipScripted: null,
  midStreamError: "truncated_stream",
});

describe("what a server is", () => {
  it("is learnt of mlx_lm from its first answer", async () => {
    const server = await fakeMlx({ answers: () => "hello" });
    const transport = createTransport({ network: "local" });
    try {
      const [endpoint] = await discover({
        servers: [server.url],
        extra: [],
        detect: false,
        transport,
        clock: realClock,
      });
      assert.ok(endpoint);
      const look = () => endpoint.look(new AbortController().signal);
      const info = await look();
      assert.equal(info.version, undefined);
      const id = info.models[0]?.ref.replace(/^[^/]*\//, "") ?? "";
      await collect(endpoint.model(id), request("hi"));
      assert.equal((await look()).version, "0.32.2");
    } finally {
      await transport.close();
      await server.close();
    }
  });
});
