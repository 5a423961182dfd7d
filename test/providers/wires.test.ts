import { discover } from "../../sidecar/providers/discover.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { type LanguageModelSubject, languageModelContract } from "../contracts/language-model.ts";
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
