import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { discover, serverUrl } from "../../sidecar/providers/discover.ts";
import { egress, type Network } from "../../sidecar/providers/egress.ts";
import { installed } from "../../sidecar/providers/installed.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { fakeMlx } from "../support/fake-mlx.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { realClock } from "../support/real-clock.ts";

const signal = new AbortController().signal;

async function found(servers: readonly string[] | null, ports?: readonly number[], network: Network = "local") {
  const transport = createTransport({ network });
  const endpoints = await discover({
    servers,
    extra: [],
    detect: true,
    transport,
    clock: realClock,
    ...(ports ? { ports } : {}),
  });
  const seen = await Promise.all(
    endpoints.map(async (endpoint) => ({ name: endpoint.name, ...(await endpoint.look(signal)) })),
  );
  await transport.close();
  return seen;
}

describe("discover", () => {
  it("looks at the usual ports, and given servers replace them", async () => {
    const [ollama, mlx] = [await fakeOllama(), await fakeMlx()];
    const both = await found(null, [ollama.port, mlx.port, 1]);
    assert.deepEqual(
      both.map(({ flavour }) => flavour),
      ["ollama", "mlx_lm"],
    );
    assert.equal(both[0]?.name, `ollama@127.0.0.1:${ollama.port}`);
    const given = await found([ollama.url], [mlx.port]);
    assert.deepEqual(
      given.map(({ url }) => url),
      [ollama.url],
    );
    assert.ok(ollama.requests.every(({ method, path }) => method === "GET" || path === "/api/show"));
    await Promise.all([ollama.close(), mlx.close()]);
  });

  it("tells the MLX servers apart by what /health says", async () => {
    const table = [
      [
        "mlx-vlm",
        { status: "ok", loaded_model: "fake/mlx-1b", continuous_batching_enabled: true, effective_context_limit: 4096 },
      ],
      ["vllm-mlx", { status: "healthy", model_loaded: true, model_name: "fake/mlx-1b", engine_type: "simple" }],
      ["mlx-openai-server", { status: "ok", model_id: "fake/mlx-1b", model_status: "initialized" }],
    ] as const;
    for (const [flavour, health] of table) {
      const server = await fakeMlx({ health, serverHeader: "uvicorn" });
      const [seen] = await found([server.url]);
      assert.equal(seen?.flavour, flavour);
      assert.equal(seen?.state, "answers", seen?.detail);
      await server.close();
    }
  });

  it("a server that needs a key is found; a dead engine, a web page and nothing at all say why", async () => {
    const [locked, dead] = [
      await fakeMlx({ key: "secret" }),
      await fakeMlx({ health: { status: "unavailable" }, healthStatus: 503 }),
    ];
    const page = createServer((_request, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html>hi</html>"),
    );
    await new Promise<void>((done) => page.listen(0, "127.0.0.1", done));
    const pagePort = (page.address() as AddressInfo).port;
    const [first, second, third, fourth] = await found([
      locked.url,
      dead.url,
      `127.0.0.1:${pagePort}`,
      "http://127.0.0.1:1",
    ]);
    assert.deepEqual(
      [first?.state, second?.state, third?.state, fourth?.state],
      ["reachable", "reachable", "reachable", "down"],
    );
    assert.match(first?.detail ?? "", /needs a key/);
    assert.match(second?.detail ?? "", /engine is dead/);
    assert.match(third?.detail ?? "", /web page/);
    assert.deepEqual(await found(null, [pagePort]), [], "a web page on a usual port is no model server");
    page.close();
    await Promise.all([locked.close(), dead.close()]);
  });

  it("a cloud model behind the local port is marked and refused", async () => {
    const server = await fakeOllama({ models: [{ name: "big:cloud", remoteHost: "https://ollama.com:443" }] });
    const transport = createTransport({ network: "local" });
    const [endpoint] = await discover({ servers: [server.url], extra: [], detect: false, transport, clock: realClock });
    const info = await endpoint?.look(signal);
    assert.equal(info?.models[0]?.remote, true);
    const call = endpoint
      ?.model("big:cloud")
      .stream(
        { messages: [], maxTokens: 1, temperature: 0, contextTokens: 2048, think: "off", keepAlive: "5m" },
        signal,
      );
    await assert.rejects(
      async () => {
        for await (const _part of call ?? []) assert.fail("nothing may come");
      },
      (error) => error instanceof PodiumError && error.reason === "network",
    );
    assert.equal(server.generations.length, 0);
    await Promise.all([server.close(), transport.close()]);
  });

  it("a wrong address is shown as down and hides nobody", async () => {
    const server = await fakeOllama();
    const seen = await found(["http://", server.url]);
    assert.deepEqual(
      seen.map(({ state }) => state),
      ["answers", "down"],
    );
    await server.close();
  });

  it("reads addresses as people write them", () => {
    assert.equal(serverUrl("0.0.0.0", "11434"), "http://127.0.0.1:11434");
    assert.equal(serverUrl(":8080"), "http://127.0.0.1:8080");
    assert.equal(serverUrl("http://localhost:1234/v1/"), "http://localhost:1234");
    assert.throws(() => serverUrl("http://"), /not the address/);
  });
});

describe("egress", () => {
  const table: readonly (readonly [string, Network, boolean])[] = [
    ["http://127.0.0.1:1", "local", true],
    ["http://localhost:1", "local", true],
    ["http://[::1]:1", "local", true],
    ["http://[::ffff:127.0.0.1]:1", "local", true],
    ["http://2130706433/", "local", true],
    ["http://192.168.1.4:1", "local", false],
    ["http://192.168.1.4:1", "lan", true],
    ["http://8.8.8.8", "lan", false],
    ["http://[::ffff:8.8.8.8]", "lan", false],
    ["http://8.8.8.8", "cloud", true],
    ["http://localhost.evil.example", "local", false],
    ["http://user:key@127.0.0.1", "cloud", false],
    ["file:///etc/passwd", "cloud", false],
  ];
  for (const [url, network, allowed] of table) {
    it(`${url} under ${network}: ${allowed ? "allowed" : "refused"}`, () => {
      if (allowed) egress(new URL(url), network);
      else assert.throws(() => egress(new URL(url), network), PodiumError);
    });
  }
});

describe("trained window of an MLX model", () => {
  it("is read from config.json in the local cache", async () => {
    const cache = mkdtempSync(join(tmpdir(), "podium-cache-"));
    const snapshot = join(cache, "models--fake--mlx-1b", "snapshots", "abc");
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, "config.json"), JSON.stringify({ text_config: { max_position_embeddings: 32768 } }));
    const server = await fakeMlx();
    const transport = createTransport({ network: "local" });
    const options = { servers: [server.url], extra: [], detect: false, transport, clock: realClock, modelCache: cache };
    const [endpoint] = await discover(options);
    assert.equal((await endpoint?.look(signal))?.models[0]?.context.trained, 32768);
    await Promise.all([server.close(), transport.close()]);
    rmSync(cache, { recursive: true });
  });
});

describe("installed", () => {
  it("finds programs on PATH that do not run", async () => {
    const folder = mkdtempSync(join(tmpdir(), "podium-path-"));
    writeFileSync(join(folder, "ollama"), "");
    chmodSync(join(folder, "ollama"), 0o755);
    assert.deepEqual(await installed([folder]), [{ flavour: "ollama", start: "ollama serve" }]);
    rmSync(folder, { recursive: true });
  });
});
