import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Endpoint } from "../../sidecar/ports.ts";
import { createOllamaEndpoint } from "../../sidecar/providers/ollama.ts";
import { createOpenAiEndpoint } from "../../sidecar/providers/openai-endpoint.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { languageModelContract } from "../contracts/language-model.ts";
import { realClock } from "../support/real-clock.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const ready = existsSync(join(folder, "node_modules", "node-llama-cpp"));
const models = ready ? mkdtempSync(join(tmpdir(), "podium-gguf-")) : "";
const started: { server: ChildProcess | null; url: Promise<string> | null } = { server: null, url: null };

/** A process of node-llama-cpp over a generated model; one thread, so that it does not starve the machine. */
function serve(): Promise<string> {
  const file = join(models, "chat.gguf");
  execFileSync(process.execPath, [join(folder, "make-gguf.mjs"), file], { stdio: "ignore" });
  const server = spawn(process.execPath, [join(folder, "serve.mjs"), "--port", "0", "--chat", file, "--parallel", "1"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.server = server;
  return new Promise((done, failed) => {
    server.once("exit", (code) => failed(new Error(`the inference server ended with ${code}`)));
    createInterface({ input: server.stdout }).once("line", (line) => done(/http:\S+/.exec(line)?.[0] ?? ""));
  });
}

const suite = (name: string, endpointOf: (url: string, transport: ReturnType<typeof createTransport>) => Endpoint, id: string) =>
  languageModelContract({
    name: `${name} (API-compatible, real inference)`,
    async start() {
      started.url ??= serve();
      const transport = createTransport({ network: "local" });
      const endpoint = endpointOf(await started.url, transport);
      return { endpoint, id, server: null, close: () => transport.close() };
    },
    skipScripted: "a real model follows no script",
    midStreamError: "truncated_stream",
  });

if (ready) {
  describe("local inference", function () {
    this.timeout(60_000);
    after(() => {
      started.server?.kill("SIGKILL");
      rmSync(models, { recursive: true, force: true });
    });
    suite("Ollama protocol", (url, transport) => createOllamaEndpoint({ url, transport, clock: realClock }), "chat:latest");
    suite(
      "OpenAI protocol",
      (url, transport) => createOpenAiEndpoint({ url, transport, clock: realClock }, "openai-compatible"),
      "chat",
    );
  });
} else {
  describe("local inference", () => {
    it.skip("not installed: run `npm run setup` in test/local-inference");
  });
}
