import assert from "node:assert/strict";
import { type Choice, pickModel } from "../../sidecar/models/roles.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { endpointInfo, modelInfo } from "./support.ts";

const gib = 1024 ** 3;
const mlx = endpointInfo([modelInfo("mlx_lm/mlx-community/Qwen3-4B-4bit")], {
  url: "http://127.0.0.1:8080",
  flavour: "mlx_lm",
});
const ollama = endpointInfo([
  modelInfo("ollama/small:latest", { sizeBytes: gib }),
  modelInfo("ollama/big:30b", { sizeBytes: 18 * gib }),
  modelInfo("ollama/huge:70b", { sizeBytes: 40 * gib }),
  modelInfo("ollama/nomic-embed-text:latest", { sizeBytes: gib / 4 }),
  modelInfo("ollama/gpt-oss:cloud", { remote: true, sizeBytes: 1 }),
]);

function choice(
  endpoints: Choice["endpoints"],
  roles: Record<string, string> = {},
  network: "local" | "lan" | "cloud" = "local",
): Choice {
  const platform = { os: "linux", arch: "x64", ollamaParallel: null, addresses: [] };
  return { endpoints, settings: { roles, servers: [], network }, memoryBytes: 32 * gib, platform };
}
const pick = (role: string, given: Choice) => pickModel(role, given)?.model.ref ?? null;
const refusal = (role: string, given: Choice): PodiumError => {
  try {
    pickModel(role, given);
  } catch (error) {
    if (error instanceof PodiumError) return error;
  }
  return assert.fail("nothing was refused");
};

describe("roles", () => {
  it("takes the largest model that fits for main and the smallest for fast", () => {
    assert.equal(pick("main", choice([ollama])), "ollama/big:30b");
    assert.equal(pick("fast", choice([ollama])), "ollama/small:latest");
    assert.equal(pick("embed", choice([ollama])), "ollama/nomic-embed-text:latest");
    assert.equal(pick("vision", choice([ollama])), null);
  });

  it("prefers what is loaded, then MLX, then what answers", () => {
    assert.equal(pick("main", choice([ollama, mlx])), "mlx_lm/mlx-community/Qwen3-4B-4bit");
    const loaded = {
      ...ollama,
      models: ollama.models.map((model) => ({ ...model, loaded: model.ref === "ollama/small:latest" })),
    };
    assert.equal(pick("main", choice([loaded, mlx])), "ollama/small:latest");
    assert.equal(pick("main", choice([ollama, { ...mlx, state: "reachable" }])), "ollama/big:30b");
    assert.equal(pick("main", choice([{ ...ollama, state: "down" }])), null);
  });

  it("obeys the roles setting in both forms of a ref", () => {
    for (const ref of ["ollama/huge:70b", "ollama@127.0.0.1:11434/huge:70b"]) {
      assert.equal(pick("main", choice([ollama, mlx], { main: ref })), "ollama/huge:70b");
      assert.equal(pick(ref, choice([ollama, mlx])), "ollama/huge:70b");
    }
    assert.equal(pick("main", choice([ollama], { main: "ollama/small" })), "ollama/small:latest");
  });

  it("never takes a model that no server lists, and names what is there", () => {
    for (const ref of ["ollama/other", "mlx_lm/small:latest", "small:latest", "ollama@10.0.0.1:11434/big:30b"]) {
      const error = refusal("main", choice([ollama], { main: ref }));
      assert.equal(error.code, "model_missing");
      assert.match(error.message, /ollama\/big:30b/);
    }
    assert.equal(pick("main", choice([], { main: "ollama/other" })), null);
  });

  it("lets no prompt go farther than the person allowed", () => {
    const lan = { ...ollama, url: "http://192.168.1.9:11434" };
    assert.equal(pick("main", choice([lan])), null);
    assert.equal(pick("main", choice([lan], {}, "lan")), "ollama/huge:70b");
    assert.equal(refusal("main", choice([ollama], { main: "ollama/gpt-oss:cloud" }, "lan")).code, "forbidden");
    assert.equal(pick("main", choice([ollama], { main: "ollama/gpt-oss:cloud" }, "cloud")), "ollama/gpt-oss:cloud");
  });
});
