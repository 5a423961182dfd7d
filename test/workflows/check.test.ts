import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Ir } from "../../sidecar/protocol/ir.ts";
import { checkWorkflow } from "../../sidecar/workflows/check.ts";
import { createRegistry, hashIr } from "../../sidecar/workflows/registry.ts";
import { known } from "./known.ts";

const wrap = (steps: string, output = "a") =>
  `podium: 1\nname: t\ninput: { goal: string }\nsteps:\n${steps}\noutput: ${output}\n`;
const check = (text: string) => checkWorkflow(text, "t.yaml", known);
const search = (rest: string) => wrap(`  - { id: a, use: workspace.search, with: { ${rest} } }`);
const recipe = (name: string) => readFileSync(new URL(`recipes/${name}.yaml`, import.meta.url), "utf8");
const digest = (text: string) => createHash("sha256").update(text).digest("hex");

describe("workflow files", () => {
  for (const name of ["triage", "review_all"]) {
    it(`${name} has no problem and is a graph`, () => {
      const { ir, problems } = check(recipe(name));
      assert.deepEqual(problems, []);
      assert.deepEqual(Ir.parse(ir), ir);
    });
  }

  /** What is written, where its only problem starts, its code, and part of the message. */
  const traps: readonly (readonly [string, string, string, RegExp])[] = [
    [search("query: ${input.goal}"), "5:53", "yaml", /=path/],
    [wrap("  - id: a\n    ask: Fix # 3 things"), "6:10", "comment_cuts_text", /quote/],
    [wrap("  - id: a\n    ask: Note: this"), "6:10", "yaml", /colon/],
    [search("query: =default(input.goal, 1)"), "5:52", "expression", /quote/],
    [search("qery: x"), "5:45", "unknown_input", /query/],
    [search("query: x, top: many"), "5:60", "type", /int/],
    [search("query: '=1 +'"), "5:52", "expr_syntax", /too early/],
    [wrap("  - { id: a, use: workspace.serch, with: { query: x } }"), "5:19", "unknown_tool", /workspace\.search/],
    [wrap("  - { id: a, use: workspace.search }"), "5:5", "missing_input", /query/],
    [wrap("  - { id: a, ask: x, contxt: a }"), "5:22", "unknown_key", /context/],
    [wrap("  - { id: a, ask: x, context: =input.goal }"), "5:31", "expression", /bare/],
    [wrap("  - { id: a, ask: 'x ${input.gaol}' }"), "5:19", "unknown_field", /goal/],
    [wrap("  - { id: a, ask: 'x ${bb}' }\n  - { id: bb, ask: y }"), "5:19", "unknown_key_read", /not ready/],
    [wrap("  - { id: item, ask: y }", "item"), "5:11", "reserved_id", /reserved/],
    [wrap("  - { id: a, ask: y }\n  - { id: a, ask: y }"), "6:11", "duplicate_id", /twice/],
    [wrap("  - { id: a, ask: y, needs: [b] }\n  - { id: b, ask: y }"), "5:29", "cycle", /a → b → a/],
    [wrap("  - { id: a, ask: y, needs: [zzz] }"), "5:29", "unknown_need", /zzz/],
    [wrap("  - if: true\n    then:\n      - { id: a, ask: y }"), "8:9", "maybe_missing", /default/],
    [
      wrap("  - { id: a, loop: { max: 3 }, steps: [] }\n  - { id: b, ask: '${a}' }"),
      "5:14",
      "verb",
      /not available yet/,
    ],
    [wrap("  - { id: a, ask: x, use: y }"), "5:22", "verb", /one verb/],
    [wrap("  - { id: a, ask: x, model: qwen3 }"), "5:29", "unknown_role", /main, fast/],
    [wrap("  - { id: a, ask: x, agent: revewer }"), "5:29", "unknown_agent", /reviewer/],
    [wrap("  - id: a\n    each: input.goal\n    steps:\n      - { id: d, ask: x }"), "6:11", "type", /list/],
    [
      wrap("  - id: a\n    each: '[1]'\n    steps:\n      - { id: d, ask: x }\n  - { id: b, ask: '${d}' }"),
      "9:19",
      "unknown_key_read",
      /yield/,
    ],
    [wrap("  - id: a\n    ask: x\n    returns: { v: strin }"), "7:19", "type", /string/],
    [wrap("  - { ask: x }", "input.goal"), "5:7", "missing_key", /id/],
    [wrap("  - { id: a, ask: x }", "a.txt"), "6:9", "unknown_field", /text/],
    ["a: 1\na: 2\n", "2:1", "yaml", /twice/],
    ["a: !!js/function x\n", "1:4", "yaml", /quote/i],
    [`a: &x 1\nb: [${"*x,".repeat(21)}]`, "1:1", "yaml", /20 aliases/],
    [`x: ${"a".repeat(263_000)}`, "1:1", "too_large", /256 KiB/],
  ];
  for (const [text, place, code, message] of traps) {
    it(`${text.slice(0, 160).split("\n").slice(4).join(" ⏎ ") || text.slice(0, 20)} → ${code} at ${place}`, () => {
      const { ir, problems } = check(text);
      assert.equal(ir, null);
      assert.deepEqual(
        problems.map((problem) => [`${problem.line}:${problem.column}`, problem.code]),
        [[place, code]],
        JSON.stringify(problems),
      );
      assert.match(problems[0]?.message ?? "", message);
    });
  }
  it("refuses very deep files", () => {
    assert.deepEqual(
      check("[".repeat(20_000)).problems.map(({ code }) => code),
      ["too_deep"],
    );
    assert.deepEqual(
      check(`a: ${"[".repeat(70)}${"]".repeat(70)}`).problems.map(({ code }) => code),
      ["too_deep"],
    );
  });
  it("reports everything at once", () => {
    const { problems } = check(wrap("  - { id: a, ask: x, contxt: 1 }\n  - { id: b, use: nope.nope }", "c"));
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["unknown_key", "unknown_tool", "unknown_key_read"],
    );
  });
  it("lets output, and nothing else, read below a top-level approve", () => {
    assert.deepEqual(check(wrap("  - { id: ok, approve: Sure? }\n  - { id: a, ask: y }")).problems, []);
  });
  it("waits for the ends of the list, or for what needs says", () => {
    const { ir } = check(
      wrap(
        "  - { id: a, ask: x }\n  - { id: b, ask: x, needs: [] }\n  - { id: c, ask: x, needs: [a] }\n  - { id: d, ask: x }",
      ),
    );
    assert.deepEqual(
      ir?.nodes.map((node) => node.needs),
      [[], [], ["a"], ["b", "c"]],
    );
  });
});

describe("registry", () => {
  const file = (source: "builtin" | "mine" | "workspace", about: string) => ({
    source,
    file: `/${source}/t.yaml`,
    text: wrap("  - { id: a, ask: x }").replace("name: t", `name: t\nabout: ${about}`),
  });
  it("prefers the workspace to mine to built in", () => {
    const registry = createRegistry([file("workspace", "w"), file("builtin", "b"), file("mine", "m")], known, digest);
    assert.deepEqual(
      registry.list().map(({ name, source, about }) => ({ name, source, about })),
      [{ name: "t", source: "workspace", about: "w" }],
    );
    assert.equal(registry.find("nope"), null);
    assert.ok(registry.find("t")?.irHash);
  });
  it("R011 hashes the graph, not the order of keys, comments or space", () => {
    const one = check(search("query: x, top: 3")).ir;
    const two = check(search("top:   3,  query: 'x'").replace("steps:", "# a comment\nsteps:")).ir;
    assert.ok(one && two);
    assert.equal(hashIr(one, digest), hashIr(two, digest));
  });
  it("lists a broken file with its problems", () => {
    const registry = createRegistry([{ source: "mine", file: "/x/broken.yaml", text: "a: [" }], known, digest);
    assert.equal(registry.find("broken")?.ir, null);
    assert.equal(registry.list()[0]?.problems.length, 1);
  });
});
