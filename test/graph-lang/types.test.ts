import assert from "node:assert/strict";
import { parseTypeText } from "../../sidecar/graph/type-text.ts";
import { checkValue, toJsonSchema, typeText } from "../../sidecar/graph/types.ts";

describe("types", () => {
  for (const [text, read] of [
    ["staged | working = staged", "staged | working"],
    ["string? = x", "string?"],
    ["[{ a: int, b?: [x | y] }]? = []", "[{ a: int, b: [x | y]? }]?"],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(typeText(parseTypeText(text)), read));
  }
  for (const text of ["strin", "a |", "int = x", "a | b = c", "[string", "string | x", "", "a b", "string ="]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseTypeText(text), { code: "invalid_workflow" }));
  }
  const spec = parseTypeText("{ a: int, b?: string, c: [on | off] }");
  it("leaves optional fields out and keeps unknown ones", () => {
    assert.deepEqual(checkValue(spec, { a: 1, b: null, c: ["on"], d: 2 }, "input"), { a: 1, c: ["on"], d: 2 });
    assert.equal(checkValue(parseTypeText("int = 5"), undefined, "top"), 5);
  });
  for (const [value, message] of [
    [{ c: [] }, "input.a is missing; it must be int."],
    [{ a: 1.5, c: [] }, "input.a must be int, not a number."],
    [{ a: 1, c: ["on", "dim"] }, 'input.c[1] must be on | off, not "dim".'],
    [[], "input must be { a: int, b: string?, c: [on | off] }, not a list."],
  ] as const) {
    it(`says ${message}`, () =>
      assert.throws(() => checkValue(spec, value, "input"), { code: "invalid_input", message }));
  }
  it("bounds every text and list of a schema", () => {
    assert.deepEqual(toJsonSchema(spec), {
      type: "object",
      properties: {
        a: { type: "integer" },
        b: { type: "string", maxLength: 2000 },
        c: { type: "array", items: { type: "string", enum: ["on", "off"] }, maxItems: 50 },
      },
      required: ["a", "c"],
      additionalProperties: false,
    });
  });
});
