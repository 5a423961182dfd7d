import assert from "node:assert/strict";
import type { Endpoint } from "../../sidecar/ports.ts";
import type { EndpointInfo } from "../../sidecar/protocol/models.ts";
import { discover } from "../../sidecar/providers/discover.ts";
import { createTransport } from "../../sidecar/providers/transport.ts";
import { collect, languageModelContract, request } from "../contracts/language-model.ts";
import { realClock } from "../support/real-clock.ts";

// PODIUM_TEST_SERVERS = addresses, separated by commas, or `auto` for the usual ports of this machine.
const wanted = process.env["PODIUM_TEST_SERVERS"] ?? "";

const transport = createTransport({ network: "local" });
const find = () =>
  discover({
    servers: wanted === "auto" ? null : wanted.split(",").filter((url) => url.trim() !== ""),
    extra: [],
    detect: wanted === "auto",
    transport,
    clock: realClock,
  });

interface Found {
  readonly endpoint: Endpoint;
  readonly info: EndpointInfo;
  readonly id: string;
}

const look = async (endpoint: Endpoint): Promise<readonly Found[]> => {
  const info = await endpoint.look(new AbortController().signal);
  const chat = info.models.filter(({ roles, remote }) => roles.includes("main") && !remote);
  const [smallest] = chat.toSorted((a, b) => (a.sizeBytes ?? 0) - (b.sizeBytes ?? 0));
  return smallest === undefined ? [] : [{ endpoint, info, id: smallest.ref.slice(smallest.ref.indexOf("/") + 1) }];
};
const found: readonly Found[] = wanted === "" ? [] : (await Promise.all((await find()).map(look))).flat();

/** What no fake can show: the counts, windows and limits of the server itself. */
function realCases({ endpoint, id }: Found): void {
  const long = `${"The quick brown fox jumps over the lazy dog. ".repeat(40)}\nSay yes.`;

  it("counts a warm prompt as it counts a cold one", async () => {
    const asked = request(long, { maxTokens: 8 });
    const cold = await collect(endpoint.model(id), asked);
    const warm = await collect(endpoint.model(id), asked);
    assert.equal(warm.error, null);
    assert.ok(cold.end && warm.end);
    assert.equal(warm.end.usage.in, cold.end.usage.in);
    assert.ok(warm.end.usage.in > 200 && warm.end.usage.out <= 8);
  });

  it("answers again after a call that was cut while it read its prompt", async () => {
    const abort = new AbortController();
    const call = collect(endpoint.model(id), request(`7 ${long}`), abort.signal);
    const timer = setTimeout(() => abort.abort(), 300);
    const cut = await call;
    clearTimeout(timer);
    assert.ok(cut.error === null || cut.error.code === "cancelled");
    assert.equal((await collect(endpoint.model(id), request("Say hi.", { maxTokens: 4 }))).error, null);
  });

  it("asks for a window and hears of it, or hears nothing", async () => {
    await collect(endpoint.model(id), request("Say hi.", { maxTokens: 2, contextTokens: 2048 }));
    const allocated = await endpoint.allocated(id, new AbortController().signal);
    assert.ok(allocated === null || allocated >= 2048, String(allocated));
  });

  if (endpoint.flavour === "ollama") {
    it("refuses a prompt that is larger than the window instead of cutting it", async () => {
      const { error } = await collect(endpoint.model(id), request(long.repeat(8), { contextTokens: 2048 }));
      assert.equal(error?.code, "context_overflow", error?.message);
    });

    it("obeys a schema", async () => {
      const schema = {
        type: "object",
        properties: { colour: { type: "string", enum: ["mauve", "teal"] } },
        required: ["colour"],
      };
      const { text, error } = await collect(endpoint.model(id), request("Name a colour.", { schema }));
      assert.equal(error, null);
      assert.match(text, /"colour"\s*:\s*"(mauve|teal)"/);
    });
  }
}

describe("real model servers", function () {
  this.timeout(600_000);
  if (found.length === 0) {
    const why = wanted === "" ? "set PODIUM_TEST_SERVERS to their addresses, or to auto" : "none of them answers";
    it.skip(`the language-model contract on real servers: ${why}`);
  }
  for (const one of found) {
    const { endpoint, info, id } = one;
    const version = info.version === undefined ? "" : ` ${info.version}`;
    languageModelContract({
      name: `${endpoint.name}${version}, ${id}`,
      start: async () => ({ endpoint, id, server: null, close: async () => {} }),
      skipScripted: "a real server follows no script",
      midStreamError: endpoint.flavour === "ollama" ? "engine_dead" : "truncated_stream",
    });
    describe(`${endpoint.name}, ${id}`, () => realCases(one));
  }
  after(() => transport.close());
});
