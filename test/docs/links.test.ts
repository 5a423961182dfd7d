import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const roots = ["bin", "docs", "extension", "sidecar", "test", "webview", ".ci"];

/** Paths of this repository that a page names in backticks. */
const pathsIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, word = ""]) => word.replace(/\/$/, ""))
    .filter((word) => roots.some((root) => word.startsWith(`${root}/`)) && !/[*<>{}…]/.test(word));

/** Files of this repository that a page links to. */
const linksIn = (text: string): readonly string[] =>
  [...text.matchAll(/\]\(([^)#\s]+)\)/g)].map(([, target = ""]) => target).filter((target) => !/^\w+:/.test(target));

describe("pages", () => {
  const decisions = readdirSync("docs/decisions").map((name) => `docs/decisions/${name}`);
  for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", ...decisions]) {
    it(`${page} names only files that exist`, () => {
      const text = readFileSync(page, "utf8");
      const gone = [...pathsIn(text), ...linksIn(text)].filter((path) => !existsSync(path));
      assert.deepEqual(gone, []);
    });
  }

  it("ARCHITECTURE.md names at least one test for each invariant", () => {
    const [, invariants = ""] = readFileSync("ARCHITECTURE.md", "utf8").split("## Invariants\n");
    const lines = invariants.split("\n").filter((line) => /^- \*\*/.test(line));
    assert.ok(lines.length >= 12, `only ${lines.length} invariants`);
    for (const line of lines) assert.match(line, /`test\/[^`]+`/, line);
  });
});
