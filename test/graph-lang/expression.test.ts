import assert from "node:assert/strict";
import fc from "fast-check";
import { evaluate, evaluateCondition, type Scope } from "../../sidecar/graph/evaluate.ts";
import { cachedParser, parseExpression, pathsOf } from "../../sidecar/graph/expression.ts";
import { evaluateWith, textOf } from "../../sidecar/graph/template.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { Json } from "../../sidecar/protocol/json.ts";

const state: { readonly [name: string]: Json } = {
  input: { goal: "Fix It", n: 3 },
  docs: {
    hits: [
      { path: "a.ts", text: "one" },
      { path: "b.ts", text: "two" },
    ],
  },
  kind: { intent: "question" },
  none: null,
};
const scope: Scope = (name) => (Object.hasOwn(state, name) ? state[name] : undefined);
const parse = cachedParser();

describe("expressions", () => {
  for (const [text, value] of [
    ['kind.intent == "question" and len(docs.hits) > 0', true],
    ["docs.hits[1].path", "b.ts"],
    ["docs.hits[9].path", null],
    ["missing.a.b", null],
    ["missing == null", true],
    ['1 == "1"', false],
    ["len(none)", 0],
    ["lower(none)", null],
    ["lower(input.goal)", "fix it"],
    ['contains(none, "x")', false],
    ['startsWith(none, "x")', false],
    ["default(missing, 2) + 1", 3],
    ["exists(docs.hits[0]) and not exists(missing)", true],
    ["1 + 2 - -3", 6],
    ["\"a\" + 'b\\n'", "ab\n"],
    ['"question" in [kind.intent, "x"]', true],
    ["true or missing", true],
    ["false and missing", false],
    ["input.__proto__ == null and input.constructor == null", true],
    ["not (1 < 2) or 2 >= 2", true],
  ] as const) {
    it(`${text} is ${JSON.stringify(value)}`, () => assert.deepEqual(evaluate(parse(text), scope), value));
  }

  for (const text of [
    "none < 1",
    '1 < "a"',
    '1 + "a"',
    "not none",
    "none and true",
    "len(1)",
    "lower(1)",
    "1 in 2",
    "1e308 + 1e308",
  ]) {
    it(`${text} is a type error`, () => assert.throws(() => evaluate(parse(text), scope), { code: "expr_type" }));
  }
  it("refuses a condition that is neither true nor false", () => {
    assert.throws(() => evaluateCondition("missing.ok", scope, parse), {
      code: "expr_type",
      message: /missing\.ok is nothing/,
    });
  });

  for (const [text, column] of [
    ["a = b", 3],
    ["a && b", 3],
    ["foo(1)", 1],
    ["a < b < c", 7],
    ["'open", 1],
    ["a.", 3],
    ["", 1],
    ["len()", 1],
    ["1e999", 1],
    ["a[-1]", 3],
    ["(".repeat(200), 102],
  ] as const) {
    it(`${text.slice(0, 20) || "nothing"} is refused at column ${column}`, () => {
      assert.throws(() => parseExpression(text), { code: "expr_syntax", reason: `column ${column}` });
    });
  }
  it("allows 1,000 parts and no more", () => {
    assert.equal(evaluate(parseExpression(Array(500).fill("1").join(" + ")), scope), 500);
    assert.throws(() => parseExpression(Array(501).fill("1").join(" + ")), { code: "expr_syntax" });
  });

  it("throws nothing but PodiumError, whatever the text", () => {
    const pieces = [
      "a",
      "len(",
      "(",
      ")",
      "[",
      "]",
      "and",
      "or",
      "not",
      "in",
      "==",
      "<",
      "+",
      "-",
      '"x"',
      "1",
      ".b",
      ",",
      "default(",
      " ",
      "$",
      "é",
      "'",
    ];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(text, (source) => {
        try {
          evaluate(parseExpression(source), scope);
        } catch (error) {
          assert.ok(
            error instanceof PodiumError && (error.code === "expr_syntax" || error.code === "expr_type"),
            String(error),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("takes exactly one arm: the first condition that is true, else the last", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), (flags) => {
        const conditions = flags.map((_, at) => `flags[${at}] == true`);
        const chosen = conditions.findIndex((text) => evaluateCondition(text, () => flags, parse));
        assert.equal(chosen, flags.indexOf(true));
      }),
      { numRuns: 100 },
    );
  });

  it("names its paths, and which of them may be missing", () => {
    assert.deepEqual(pathsOf(parse("default(a.b, c) == d[0].e")), [
      { path: ["a", "b"], guarded: true },
      { path: ["c"], guarded: true },
      { path: ["d", "0", "e"], guarded: false },
    ]);
  });
});

describe("inputs", () => {
  it("keeps the type of =, joins ${…}, leaves null keys out, reads nothing twice", () => {
    const given = {
      n: "=input.n",
      gone: "=missing",
      literal: "==x",
      text: "${docs.hits} $${a} ${'}'} ${none}.",
      deep: [{ k: "=none" }],
      s: "${evil}",
    };
    const evil = (name: string): Json | undefined => (name === "evil" ? "${input.n} =input.n" : scope(name));
    assert.deepEqual(evaluateWith(given, evil, parse), {
      n: 3,
      literal: "=x",
      text: "one\n\ntwo ${a} } .",
      deep: [{ k: null }],
      s: "${input.n} =input.n",
    });
  });
  it("refuses ${ without }", () =>
    assert.throws(() => evaluateWith({ a: "x ${b" }, scope, parse), { code: "expr_syntax" }));
  for (const [value, text] of [
    [null, ""],
    [1, "1"],
    [true, "true"],
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ text: "t", x: 1 }, "t"],
    [[], "[]"],
  ] as const) {
    it(`${JSON.stringify(value)} reads as ${JSON.stringify(text)}`, () => assert.equal(textOf(value), text));
  }
});
