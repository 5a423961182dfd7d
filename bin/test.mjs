#!/usr/bin/env node
// `npm test`: sets the clone up, then runs every check and test and ends with one line `N passed, N failed`.
// What a missing system package makes impossible is named in one line each; in CI such a skip is a failure.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install, node, root } from "./bootstrap.mjs";

process.stderr.write("Podium sets itself up, then runs its checks and every test.\n");
install();
build();

const ci = process.env.CI === "true";
const counts = { passed: 0, failed: 0 };
const skipped = [];
/** Tests that skipped themselves; each says why in its title or beside it. */
const notes = [];
const scratch = mkdtempSync(join(tmpdir(), "podium-test-"));

function run(title, command, args, env = {}, cwd = root) {
  process.stdout.write(`\n== ${title}\n`);
  const started = Date.now();
  const result = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  process.stdout.write(`== ${title}: ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
  return result.status ?? 1;
}

/** A check counts as one test. */
function check(title, command, args, cwd) {
  if (run(title, command, args, {}, cwd) === 0) counts.passed += 1;
  else {
    counts.failed += 1;
    process.stdout.write(`FAILED: ${title}\n`);
  }
}

/** Adds the numbers that a Mocha run left in `file`; a run without numbers is one failure. */
function count(title, file, status) {
  const stats = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null;
  counts.passed += stats?.passes ?? 0;
  counts.failed += stats?.failures ?? 0;
  if (status !== 0 && (stats?.failures ?? 0) === 0) counts.failed += 1;
  for (const [suite, titles] of stats?.skipped ?? [])
    notes.push(`${suite}: ${titles[0]}${titles.length > 1 ? ` and ${titles.length - 1} more` : ""}`);
  if (!stats || stats.passes + stats.failures === 0) process.stdout.write(`FAILED: ${title} ran no test\n`);
}

function skip(reason) {
  skipped.push(reason);
  if (ci) counts.failed += 1;
}

const bin = (name) => join(root, "node_modules", name);
check("format and lint", bin("@biomejs/biome/bin/biome"), ["check", ".", "--diagnostic-level=error"]);
check("types", node, [bin("typescript/bin/tsc"), "-p", "."]);
check("types of the panel", node, [bin("typescript/bin/tsc"), "-p", "webview"]);
check("unused code", node, [bin("knip/bin/knip.js")]);

const linux = process.platform === "linux" && process.arch === "x64";
if (linux) check("real inference, set-up", "npm", ["run", "--silent", "setup"], join(root, "test/local-inference"));

const unit = join(scratch, "unit.json");
count(
  "unit",
  unit,
  run(
    "unit, property, contract, fault and protocol tests, with coverage",
    node,
    [
      bin("c8/bin/c8.js"),
      "--reporter",
      "text-summary",
      "--check-coverage",
      "--lines",
      "85",
      "--include",
      "sidecar/**",
      "--exclude",
      "**/*.test.ts",
      node,
      bin("mocha/bin/mocha.js"),
      "--reporter",
      join(root, "test/support/reporter.cjs"),
      "test/**/*.test.ts",
    ],
    { PODIUM_TEST_STATS: unit },
  ),
);

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!linux) skip("the real editor and the run panel in a browser: their test set-up is for Linux x64 only");
else if (!existsSync(chromium))
  skip("the real editor and the run panel in a browser: Chromium is not installed (Debian package chromium)");
else if (run("the real editor, set-up", "bash", ["test/vscode/setup.sh"]) !== 0)
  skip("the real editor: its set-up failed (needs python3, make and g++)");
else {
  for (const [title, args] of [
    ["the real editor", ["test/vscode/run.mjs"]],
    ["the real editor, Restricted Mode", ["test/vscode/run.mjs", "--restricted"]],
    ["the packed extension as a person uses it", ["test/vscode/drive.mjs"]],
  ]) {
    const stats = join(scratch, `${title}.json`);
    count(title, stats, run(title, node, args, { PODIUM_TEST_STATS: stats }));
  }
}

rmSync(scratch, { recursive: true, force: true });
for (const reason of [...notes, ...skipped]) process.stdout.write(`skipped: ${reason}\n`);
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed === 0 ? 0 : 1);
