import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../sidecar/protocol/json.ts";
import { canonicalJson, checkDepth, freezeDeep, toJson } from "../../sidecar/state/codec.ts";

const json = fc.jsonValue({ maxDepth: 5 }).map((value) => toJson(value));

function shuffled(value: Json): Json {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  );
}
const deep = (levels: number): unknown =>
  Array.from({ length: levels }).reduce<unknown>((inner) => ({ in: [inner] }), 1);

describe("state codec", () => {
  it("R060 gives back what it was given", () => {
    fc.assert(
      fc.property(json, (value) => assert.deepEqual(JSON.parse(canonicalJson(value)), value)),
      { numRuns: 300 },
    );
  });

  it("R011 gives the same text whatever the order of keys", () => {
    fc.assert(
      fc.property(json, (value) => assert.equal(canonicalJson(shuffled(value)), canonicalJson(value))),
      { numRuns: 300 },
    );
  });

  it("R061 keeps nesting up to 64 levels", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32 }), (pairs) => {
        const value = deep(pairs);
        assert.deepEqual(JSON.parse(canonicalJson(toJson(value))), value);
        checkDepth(value, 64);
      }),
      { numRuns: 100 },
    );
    assert.throws(() => toJson(deep(33)), { code: "too_deep" });
    assert.throws(() => checkDepth(deep(33), 64), { code: "too_deep", message: /^\$\.in\[0\]/ });
  });

  it("finds a cycle and a very deep value without overflowing", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    assert.throws(() => checkDepth(cycle, 64), { code: "too_deep" });
    assert.throws(() => toJson(cycle), { code: "too_deep" });
    assert.throws(() => checkDepth(deep(100_000), 64), { code: "too_deep" });
  });

  for (const [name, value, message] of [
    ["bytes", { a: [new Uint8Array(2)] }, "$.a[0] is bytes"],
    ["undefined in a list", [undefined], "$[0] is undefined"],
    ["NaN", { "a b": Number.NaN }, '$["a b"] is NaN'],
    ["bigint", 1n, "$ is a bigint"],
    ["map", { m: new Map() }, "$.m is a Map"],
  ] as const) {
    it(`refuses ${name}, naming the path`, () => {
      assert.throws(
        () => toJson(value),
        (error: Error) => error.message.startsWith(message),
      );
    });
  }

  it("turns dates into text, leaves undefined fields out, freezes deeply", () => {
    assert.deepEqual(toJson({ at: new Date(0), gone: undefined, zero: -0 }), {
      at: "1970-01-01T00:00:00.000Z",
      zero: 0,
    });
    const frozen = freezeDeep({ a: [{ b: 1 }] });
    assert.ok(Object.isFrozen(frozen.a[0]));
  });
});
