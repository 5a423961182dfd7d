import assert from "node:assert/strict";
import fc from "fast-check";
import { deviceOf, reachOf, widthOf } from "../../sidecar/models/device.ts";
import { afterPick, effectiveClass, rank, type Waiting } from "../../sidecar/models/rank.ts";

const none = { model: null, picks: 0, since: 0 };
const call = (extra: Partial<Waiting>): Waiting => ({
  model: "a",
  callClass: "interactive",
  run: "run_1",
  order: "1",
  since: 0,
  ...extra,
});

describe("order of the line", () => {
  it("takes the better class, and ages by one class per 30 s", () => {
    const old = call({ callClass: "background", since: 0 });
    const young = call({ run: "run_2", since: 59_000 });
    assert.equal(rank([old, young], none, 59_999)[0], young);
    assert.equal(rank([old, call({ run: "run_2", since: 60_000 })], none, 60_000)[0], old);
    assert.equal(effectiveClass(old, 90_000), -1);
  });

  it("prefers the loaded model for 8 picks or 60 s, then the run that waits longest", () => {
    const loaded = call({ model: "b", run: "run_2", since: 10 });
    const other = call({});
    assert.equal(rank([other, loaded], { model: "b", picks: 7, since: 0 }, 1000)[0], loaded);
    assert.equal(rank([other, loaded], { model: "b", picks: 8, since: 0 }, 1000)[0], other);
    assert.equal(
      rank([call({ since: 50_000 }), { ...loaded, since: 50_001 }], { model: "b", picks: 1, since: 0 }, 60_000)[0]
        ?.model,
      "a",
    );
    assert.deepEqual(afterPick({ model: "b", picks: 3, since: 5 }, "a", 9), { model: "a", picks: 1, since: 9 });
  });

  it("keeps the order of the graph within a run", () => {
    const orders = ["3", "1", "2"].map((order, since) => call({ order, since }));
    assert.deepEqual(
      rank(orders, none, 10).map(({ order }) => order),
      ["1", "2", "3"],
    );
  });

  it("is a total order that starves nobody", () => {
    const waiting = fc.record({
      model: fc.constantFrom("a", "b"),
      callClass: fc.constantFrom("interactive" as const, "review" as const, "background" as const),
      run: fc.constantFrom("run_1", "run_2"),
      order: fc.constantFrom("1", "2"),
      since: fc.nat(100_000),
    });
    fc.assert(
      fc.property(fc.array(waiting, { minLength: 1, maxLength: 12 }), (list) => {
        const sorted = rank(list, { model: "b", picks: 2, since: 90_000 }, 100_000);
        assert.equal(sorted.length, list.length);
        assert.deepEqual(rank(sorted, { model: "b", picks: 2, since: 90_000 }, 100_000), sorted);
        const oldest = call({ callClass: "background", since: -300_000 });
        assert.equal(rank([...list, oldest], none, 100_000)[0], oldest);
      }),
      { numRuns: 200 },
    );
  });
});

describe("devices", () => {
  const linux = { os: "linux", arch: "x64", ollamaParallel: 3, addresses: ["192.168.1.5"] };
  const mac = { os: "darwin", arch: "arm64", ollamaParallel: 3, addresses: [] };

  it("takes all names of this machine for one device", () => {
    const names = [
      "http://localhost:1",
      "http://127.0.0.1:2",
      "http://[::1]:3",
      "http://192.168.1.5:4",
      "http://0.0.0.0",
    ];
    for (const name of names) assert.equal(deviceOf(name, linux), "this machine", name);
    assert.equal(reachOf("http://192.168.1.6:1", linux), "lan");
    assert.equal(reachOf("http://10.evil.com", linux), "cloud");
    assert.equal(reachOf("https://api.example.com", linux), "cloud");
  });

  it("never raises the width where MLX can run", () => {
    assert.equal(widthOf("this machine", ["ollama", "mlx_lm"], { mlx_lm: 8, ollama: 8 }, linux), 1);
    assert.equal(widthOf("this machine", ["ollama"], { ollama: 8 }, mac), 1);
    assert.equal(widthOf("this machine", ["ollama"], {}, linux), 3);
    assert.equal(widthOf("this machine", ["ollama"], { ollama: 2 }, linux), 2);
    assert.equal(widthOf("this machine", ["ollama", "openai-compatible"], {}, linux), 1);
    assert.equal(widthOf("gpu.lan", ["ollama"], { ollama: 4 }, linux), 1);
  });
});
