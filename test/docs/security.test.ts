import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { visible } from "../../sidecar/cli/text.ts";

const page = readFileSync("SECURITY.md", "utf8");
const rows = page.split("\n").filter((line) => /^\| S\d+ \|/.test(line));

describe("SECURITY.md", () => {
  it("says of each of the 28 threats how it is met, or that it is not", () => {
    const [, absent = ""] = page.split("## Not here yet");
    const met = rows.map((row) => row.split("|")[1]?.trim() ?? "");
    const unmet = [...(absent.split("\n## ")[0] ?? "").matchAll(/\bS\d+\b/g)].map(([id]) => id);
    const all = Array.from({ length: 28 }, (_, index) => `S${index + 1}`);
    assert.deepEqual([...met, ...unmet].sort(), all.sort());
  });

  it("names for each defence a source and a test that there are", () => {
    for (const row of rows) {
      const [, id, , , where = "", tests = ""] = row.split("|");
      const named = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
      assert.ok(named(where).length > 0 && named(tests).length > 0, id);
      for (const path of [...named(where), ...named(tests)]) assert.ok(existsSync(path), `${id}: ${path}`);
      for (const path of named(tests)) assert.match(path, /^test\/.+\.test\.ts$/, id);
    }
  });

  it("is right that no tool writes or starts anything (S7)", () => {
    const effects = readdirSync("sidecar/tools").flatMap((name) =>
      [...readFileSync(`sidecar/tools/${name}`, "utf8").matchAll(/^ {2}effect: "(\w+)"/gm)].map(([, effect]) => effect),
    );
    assert.ok(effects.length >= 8);
    assert.deepEqual(new Set(effects), new Set(["pure"]));
    for (const name of readdirSync("sidecar/tools"))
      assert.doesNotMatch(readFileSync(`sidecar/tools/${name}`, "utf8"), /node:(fs|child_process|net|http)/, name);
  });

  it("is right that the terminal shows no control or format character (S18)", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.doesNotMatch(visible(text), /(?![\n\t])[\p{Cc}\p{Cf}]/u);
      }),
    );
    assert.equal(visible("a\u001b[2Jb\u202ec\u200bd\re\u{e0041}"), "a\\u{1b}[2Jb\\u{202e}c\\u{200b}d\\u{d}e\\u{e0041}");
    assert.equal(visible("é漢🙂\n\tx"), "é漢🙂\n\tx");
  });
});
