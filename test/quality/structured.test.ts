import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../sidecar/protocol/json.ts";
import { extractJson, repairPrompt, structuredPrompt, withoutThinking } from "../../sidecar/quality/structured.ts";

const cite = fc.record({ path: fc.string(), line: fc.nat() }, { noNullPrototype: true });
const answer = fc.record(
  { answer: fc.string(), found: fc.boolean(), cites: fc.array(cite) },
  { noNullPrototype: true },
);

/** What models wrap around an answer; each keeps the value. */
const wrappings: readonly ((json: string) => string)[] = [
  (json) => json,
  (json) => `\`\`\`json\n${json}\n\`\`\``,
  (json) => `Here is the answer [1]:\n\`\`\`\n${json}\n\`\`\`\nI hope it helps.`,
  (json) => `<think>maybe {"answer": 1} or { not</think>\n${json}`,
  (json) => `the user wants {x}.\n</think>\n\n${json}`,
  (json) => `Sure! ${json} Done.`,
  (json) => json.replace(/\}$/, " , }"),
];

describe("structured output", () => {
  it("reads the answer through every wrapping", () => {
    fc.assert(
      fc.property(answer, fc.nat(1), fc.nat(wrappings.length - 1), (value, indent, which) => {
        const wrap = wrappings[which] ?? String;
        assert.deepEqual(extractJson(wrap(JSON.stringify(value, null, indent * 2))), value);
      }),
      { numRuns: 300 },
    );
  });

  it("reads a mutated answer rightly or refuses it", () => {
    const mutation = fc.oneof(
      fc.nat().map((at) => (json: string) => json.slice(0, 1 + (at % Math.max(1, json.length - 1)))),
      fc.nat().map((at) => (json: string) => json.slice(0, at % json.length) + json.slice((at % json.length) + 1)),
      fc
        .tuple(fc.nat(), fc.constantFrom('"', "{", "}", "[", "]", ",", ":", "\\"))
        .map(([at, char]) => (json: string) => {
          const index = at % json.length;
          return json.slice(0, index) + char + json.slice(index);
        }),
    );
    fc.assert(
      fc.property(answer, mutation, fc.nat(wrappings.length - 1), (value, mutate, which) => {
        const wrap = wrappings[which] ?? String;
        const broken = mutate(JSON.stringify(value));
        const got = extractJson(wrap(broken));
        if (got === null) return;
        assert.deepEqual(got, lenient(broken) ?? value, broken);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses what is cut, nested in rubble or no container", () => {
    const refused = [
      "",
      "no json here",
      "42",
      '"text"',
      '{"a": 1',
      '{"a": [broken, {"b": 1}]}',
      '[{"a": 1}, {"b"',
      '{"a": "he said "hi"}", "b": {"c": 1}}',
      '<think>I never end {"a": 1}',
      "{'a': 1}",
      "[,]",
      '{"a":,}',
      `${'{"a":'.repeat(100)}1${"}".repeat(100)}`,
    ];
    for (const text of refused) assert.equal(extractJson(text), null, text);
  });

  it("keeps strings as they are", () => {
    const value = { code: '```json\n{"a": [1,]}\n```', tag: "</think>", text: "a, }" };
    assert.deepEqual(extractJson(`Answer: ${JSON.stringify(value)}`), value);
    assert.deepEqual(extractJson(`{"a": ", ]", "b": [1, 2,],}`), { a: ", ]", b: [1, 2] });
  });

  it("shows no thinking to a person", () => {
    assert.equal(withoutThinking("<think>hm [1]</think>\n\nIt resumes [1]."), "It resumes [1].");
    assert.equal(withoutThinking("<thinking>never ends"), "");
    assert.equal(withoutThinking("hm, the user\n</think>\nIt resumes."), "It resumes.");
    assert.equal(withoutThinking("plain"), "plain");
  });

  it("names the schema and the problems", () => {
    assert.match(structuredPrompt({ type: "object" }), /\{"type":"object"\}$/);
    assert.match(repairPrompt(["answer: expected string"]), /- answer: expected string/);
    assert.match(repairPrompt([]), /no complete JSON/);
  });
});

/** What the mutated text says when read strictly, trailing commas aside; null = the mutation broke it or fell outside. */
function lenient(text: string): Json {
  for (const candidate of [text, text.replace(/,(?=\s*[}\]])/g, "")]) {
    try {
      return JSON.parse(candidate) as Json;
    } catch {}
  }
  return null;
}
