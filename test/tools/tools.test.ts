import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { checkValue } from "../../sidecar/graph/types.ts";
import type { Tool } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { Json, JsonObject } from "../../sidecar/protocol/json.ts";
import { FindingSignal, ReviewResult } from "../../sidecar/protocol/review.ts";
import { createReview } from "../../sidecar/review/review.ts";
import { createTools } from "../../sidecar/tools/tools.ts";
import { checkWorkflow } from "../../sidecar/workflows/check.ts";
import { type Folder, folder } from "../workspace/support.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
type Plain = { [key: string]: Plain } & Plain[];

describe("tools", () => {
  let place: Folder;
  let tools: ReadonlyMap<string, Tool>;
  beforeEach(() => {
    place = folder();
    tools = createTools({ workspace: place.workspace, review: createReview(), digest });
  });
  afterEach(() => place.close());

  /** Runs a tool as a workflow does: input and output go through its own types. */
  const use = async (name: string, input: unknown): Promise<Plain> => {
    const tool = tools.get(name);
    assert.ok(tool, name);
    const checked = checkValue(tool.input, input, "input") as JsonObject;
    const output = await tool.run(checked, { ...place.context, opKey: "k" });
    return checkValue(tool.output, output, "output") as Json as Plain;
  };

  it("review_changes is a valid workflow over these tools", () => {
    const text = readFileSync(new URL("../../sidecar/workflows/builtin/review_changes.yaml", import.meta.url), "utf8");
    const known = {
      steps: new Set(["ask@1", "use@1", "set@1", "approve@1"]),
      tools,
      agents: new Set(["reviewer", "verifier"]),
      roles: new Set(["main"]),
    };
    assert.deepEqual(checkWorkflow(text, "review_changes.yaml", known).problems, []);
  });

  it("a staged change goes through diff, rules, anchor, judge and merge to a ReviewResult", async () => {
    place.git("init", "-q");
    place.write("src/a.ts", "export function add(a: number, b: number) {\n  return a + b;\n}\n");
    place.git("add", "-A");
    place.git("commit", "-q", "-m", "x");
    place.write("src/a.ts", "export function add(a: number, b: number) {\n  debugger;\n  return a - b;\n}\n");
    place.git("add", "-A");
    place.write("src/a.ts", "something else\n");
    const change = await use("git.diff", { scope: "staged" });
    const file = change["files"]?.[0];
    const ruled = await use("review.rules", { file });
    const findings = [
      {
        quote: "return a - b;",
        category: "correctness",
        title: "Subtracts",
        claim: "add subtracts.",
        trigger: "add(1, 2) → -1 instead of 3",
        fix: { old: "a - b", new: "a + b" },
      },
      {
        quote: "return a * b;",
        category: "correctness",
        title: "Multiplies",
        claim: "add multiplies.",
        trigger: "add(2, 3) → 6",
      },
    ];
    const anchored = await use("review.anchor", { file, findings, rules: ruled["findings"], depth: "normal" });
    const judged: Plain[] = [];
    for (const item of anchored["items"] ?? []) {
      const verdict = { verdict: "real", evidence: "return a - b;" };
      const { finding } = await use("review.judge", {
        item,
        file,
        depth: "normal",
        ...(item["verify"] ? { verdict } : {}),
      });
      FindingSignal.parse(finding);
      assert.ok(finding && !("slice" in finding));
      judged.push(finding);
    }
    const result = ReviewResult.parse(
      await use("review.merge", {
        scope: "staged",
        change,
        findings: [judged],
        failed: [{ index: 0, code: "stalled", message: "late" }],
      }),
    );
    assert.deepEqual(
      result.findings.map(({ rule, line, verified, severity }) => [rule, line, verified, severity]),
      [
        ["model/correctness", 3, true, "high"],
        ["rule/debugger", 2, true, "medium"],
      ],
    );
    assert.deepEqual(result.findings[0]?.fix, { old: "a - b", new: "a + b" });
    assert.deepEqual(
      result.heldBack.map(({ reason, line }) => [reason, line]),
      [["not_anchored", null]],
    );
    assert.deepEqual(
      [result.files, result.hunks, result.omitted],
      [1, 1, [{ path: "src/a.ts", why: "not reviewed: stalled: late" }]],
    );
  });

  it("anchors in a whole file when only its path is given", async () => {
    place.write("a.ts", "one\ntwo words\n");
    const { findings } = await use("review.anchor", {
      file: "a.ts",
      findings: [{ quote: "two words", claim: "c", trigger: "x → y" }],
    });
    assert.equal(findings?.[0]?.["line"], 2);
  });

  it("lists, reads and searches", async () => {
    place.write("docs/walrus.md", "# Walrus\nTusks.\n");
    assert.deepEqual(await use("workspace.list", { path: "docs" }), {
      files: [{ path: "docs/walrus.md", bytes: 16 }],
      truncated: false,
    });
    assert.equal((await use("workspace.read", { path: "docs/walrus.md", from: 2 }))["text"], "Tusks.");
    assert.equal(
      (await use("workspace.search", { query: "walrus tusks", top: 3 }))["hits"]?.[0]?.["path"],
      "docs/walrus.md",
    );
  });

  const failures: readonly (readonly [string, JsonObject, string])[] = [
    ["workspace.read", { path: "../x" }, "outside_workspace"],
    ["workspace.read", { path: "none" }, "file_missing"],
    ["workspace.read", { path: 3 }, "invalid_input"],
    ["git.diff", { scope: "staged" }, "not_a_repository"],
    ["git.diff", { scope: "moon" }, "invalid_input"],
    ["review.merge", { findings: [{ id: 1 }] }, "invalid_input"],
  ];
  for (const [name, input, code] of failures) {
    it(`${name} ${JSON.stringify(input)} fails with ${code}`, async () => {
      await assert.rejects(
        tools.get(name)?.run(input, { ...place.context, opKey: "k" }) ?? Promise.resolve(),
        (error) => error instanceof PodiumError && error.code === code,
      );
    });
  }
});
