import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCodes, errorTable } from "../../sidecar/protocol/errors.ts";

const entry = /^\| `(\w+)` \| (.+) \| (.+) \|$/gm;

describe("docs/errors.md", () => {
  const written = [...readFileSync("docs/errors.md", "utf8").matchAll(entry)].map(([, code, meaning, wayOut]) => ({
    code,
    meaning,
    wayOut,
  }));

  it("says what the table says, code by code (npx node bin/errors.mjs)", () => {
    assert.deepEqual(
      written,
      errorCodes.map((code) => ({ code, ...errorTable[code] })),
    );
  });

  it("gives each code one sentence of meaning and one of advice", () => {
    for (const code of errorCodes) {
      const { meaning, wayOut } = errorTable[code];
      for (const sentence of [meaning, wayOut]) assert.match(sentence, /^[A-Za-z][^|\n]*\.$/, code);
    }
  });

  it("names no code that nobody can see", () => {
    const sources = ["sidecar", "extension", "webview"].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts") && !file.endsWith("errors.ts"))
        .map((file) => readFileSync(join(root, file), "utf8")),
    );
    const unused = errorCodes.filter((code) => !sources.some((text) => text.includes(`"${code}"`)));
    assert.deepEqual(unused, []);
  });
});
