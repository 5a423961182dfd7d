// Writes what extension/manifest.ts says into package.json; with --check it only compares and exits 1 when they differ.
import { readFileSync, writeFileSync } from "node:fs";
import { manifest } from "../extension/manifest.ts";

const file = new URL("../package.json", import.meta.url);
const before = readFileSync(file, "utf8");
const after = `${JSON.stringify({ ...JSON.parse(before), ...manifest() }, null, 2)}\n`;
if (process.argv.includes("--check")) {
  if (JSON.stringify(JSON.parse(before)) !== JSON.stringify(JSON.parse(after))) {
    console.error("package.json differs from extension/manifest.ts: run node bin/manifest.mjs");
    process.exitCode = 1;
  }
} else if (before !== after) {
  writeFileSync(file, after);
}
