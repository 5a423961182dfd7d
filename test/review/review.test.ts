import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { DiffFile } from "../../sidecar/ports.ts";
import { categories, type Finding } from "../../sidecar/protocol/review.ts";
import { anchorQuote } from "../../sidecar/review/anchor.ts";
import { createReview } from "../../sidecar/review/review.ts";
import { severityOf } from "../../sidecar/review/severity.ts";

const review = createReview();
const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
const fileOf = (text: string, path = "src/cache.ts"): DiffFile => {
  const body = text.split("\n");
  const lines = body.filter((line) => !line.startsWith("-")).length;
  return {
    path,
    status: "modified",
    newSide: "file",
    hunks: [{ oldStart: 10, newStart: 10, lines, text: `@@ -10,9 +10,${lines} @@ get(key) {\n${text}` }],
  };
};
const cache = fileOf(
  " const entry = map.get(key);\n-if (entry.expires < now) return null;\n+if (entry.expires <= now) {\n+  return entry.value;\n+}\n return entry.value;\n }\n",
);
const newText = `${"\n".repeat(9)}const entry = map.get(key);\nif (entry.expires <= now) {\n  return entry.value;\n}\nreturn entry.value;\n}\n`;

describe("review: anchor", () => {
  const table: readonly (readonly [string, string, string | null])[] = [
    ["exact", "if (entry.expires <= now) {", "11-11"],
    ["two lines", "if (entry.expires <= now) {\n  return entry.value;", "11-12"],
    ["white space", "if  (entry.expires<= now) {".replace("expires<=", "expires <="), "11-11"],
    ["plus signs copied", "+if (entry.expires <= now) {\n+  return entry.value;", "11-12"],
    ["part of a line", "entry.expires <= now", "11-11"],
    ["nearly", "if (entry.expires <= now ){", "11-11"],
    ["the removed line", "if (entry.expires < now) return null;", null],
    ["made up", "cache.clear();", null],
    ["empty", "  ", null],
    ["far from the change", "}\n}", null],
  ];
  for (const [name, quote, expected] of table) {
    it(name, () => {
      const found = anchorQuote(cache, quote);
      assert.equal(found === null ? null : `${found.line}-${found.endLine}`, expected);
    });
  }
  it("gives the exact lines without carriage returns", () => {
    assert.equal(anchorQuote(fileOf("+a = 1;\r\n+b = 2;\r"), "b = 2;")?.quote, "b = 2;");
  });
  it("never places a quote outside the changed lines", () => {
    const line = fc.tuple(
      fc.constantFrom("+", "-", " "),
      fc.constantFrom("alpha();", "beta();", "gamma(1);", "return delta;"),
    );
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 12 }),
        fc.constantFrom("alpha();", "beta();", "gamma(1);"),
        (lines, quote) => {
          const file = fileOf(lines.map(([sign, text]) => sign + text).join("\n"));
          const found = anchorQuote(file, quote);
          const side = lines.filter(([sign]) => sign !== "-");
          if (found !== null) assert.equal(side[found.line - 10]?.[1], found.quote);
          if (side.some(([sign, text]) => sign === "+" && text === quote)) assert.notEqual(found, null);
        },
      ),
    );
  });
});

describe("review: items, verdicts, display", () => {
  const draft = {
    quote: "if (entry.expires <= now) {",
    category: "correctness",
    title: "Expired entry returned",
    claim: "An expired entry is returned.",
    trigger: "expired entry → its value",
  };
  const items = (drafts: readonly (typeof draft)[], depth: "quick" | "normal" = "normal") =>
    review.anchor({ file: cache, newText, drafts, rules: [], depth }, digest);

  it("anchors, holds back what is not there, and drops repeats", () => {
    const all = items([draft, { ...draft, quote: "nowhere at all" }, { ...draft, title: "Again" }]);
    assert.deepEqual(
      all.map((item) => ["reason" in item ? item.reason : "shown", item.line, item.verify]),
      [
        ["shown", 11, true],
        ["not_anchored", null, false],
        ["duplicate", 11, false],
      ],
    );
    assert.match(all[0]?.id ?? "", /^[0-9a-f]{16}$/);
    assert.match(all[0]?.slice ?? "", /^src\/cache.ts\n[\s\S]*11: if \(entry.expires <= now\) \{/);
  });
  it("takes severity from the table only", () => {
    for (const category of categories) assert.equal(severityOf(category, "n/a"), "low");
    assert.deepEqual(
      ["security", "resource", "style"].map((word) =>
        severityOf(categories.find((each) => each === word) ?? "test", "an input → a wrong result"),
      ),
      ["high", "medium", "low"],
    );
  });
  it("needs evidence that stands in the file", () => {
    const [item] = items([draft]);
    assert.ok(item);
    const judged = (verdict: string, evidence: string) => {
      const signal = review.judge(item, { verdict, evidence }, newText, "normal");
      return "reason" in signal ? signal.reason : signal.verified;
    };
    assert.equal(judged("real", "12:   return entry.value;"), true);
    assert.equal(judged("real", "return stale;"), "evidence_not_found");
    assert.equal(judged("real", ""), "evidence_not_found");
    assert.equal(judged("not_real", "x"), "not_real");
    assert.equal(judged("unsure", ""), "unsure");
    const missing = review.judge(item, null, newText, "normal");
    assert.equal("reason" in missing && missing.reason, "not_verified");
  });
  it("shows an unverified finding of depth quick as medium at most", () => {
    const [item] = items([draft], "quick");
    assert.ok(item);
    const signal = review.judge(item, null, newText, "quick");
    assert.deepEqual(
      ["reason" in signal, signal.severity, signal.verified, item.verify],
      [false, "medium", false, false],
    );
  });
  it("caps three per file and ten in all, first come, and numbers repeated ids", () => {
    const finding = (path: string, line: number): Finding => ({
      id: "a".repeat(16),
      path,
      line,
      endLine: line,
      quote: "x",
      rule: "r",
      category: "security",
      severity: "high",
      title: "t",
      claim: "c",
      trigger: "t",
      verified: true,
    });
    const signals = ["a", "b", "c", "d"].flatMap((path) => [1, 2, 3, 4].map((line) => finding(path, line)));
    const { findings, heldBack } = review.fold(signals);
    assert.deepEqual(
      findings.map(({ path, line }) => `${path}${line}`),
      ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3", "d1"],
    );
    assert.ok(heldBack.every(({ reason }) => reason === "cap"));
    assert.equal(new Set([...findings, ...heldBack].map(({ id }) => id)).size, 16);
    assert.equal(findings[1]?.id, `${"a".repeat(16)}-2`);
    for (let count = 1; count <= signals.length; count += 1) {
      const earlier = review.fold(signals.slice(0, count)).findings;
      assert.deepEqual(findings.slice(0, earlier.length), earlier);
    }
  });
});

describe("review: rules without a model", () => {
  const secret = ["AKIA", "ABCDEFGHIJKLMNOP"].join("");
  const conflict = "<".repeat(7);
  const table: readonly (readonly [string, string, string | null])[] = [
    [`+${conflict} HEAD`, "a.md", "rule/conflict-marker"],
    [`+const key = "${secret}";`, "a.ts", "rule/secret"],
    [`-const key = "${secret}";`, "a.ts", null],
    [` const key = "${secret}";`, "a.ts", null],
    ['+const password = "correct-horse-battery";', "a.ts", "rule/password"],
    ["+const password = process.env.PASSWORD;", "a.ts", null],
    ['+const password = "correct-horse-battery";', "test/a.ts", null],
    ['+describe.only("x", () => {', "a.test.ts", "rule/focused-test"],
    ["+  debugger;", "a.ts", "rule/debugger"],
    ["+  console.log(x);", "a.ts", "rule/console"],
    ["+// @ts-ignore", "a.ts", "rule/check-disabled"],
    ["+// eslint-disable-next-line no-console", "a.ts", null],
    ["+try { x(); } catch (e) {}", "a.ts", "rule/empty-catch"],
    ["+// TODO: later", "a.ts", "rule/todo"],
    ["+// TODO(#12): later", "a.ts", null],
    ["+const fine = 1;", "a.ts", null],
  ];
  for (const [line, path, rule] of table) {
    it(`${rule ?? "nothing"} for ${line.slice(0, 40)}`, () => {
      const found = review.rules(fileOf(line, path), digest);
      assert.deepEqual(
        found.map((finding) => finding.rule),
        rule === null ? [] : [rule],
      );
      for (const finding of found)
        assert.deepEqual([finding.verified, finding.quote, finding.line], [true, line.slice(1), 10]);
    });
  }
});
