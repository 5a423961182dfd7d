// Builds a release and packs one VSIX per platform, each with only its own SQLite; works in a copy, so dist/ stays as it is.
// usage: node bin/package.mjs [target …] [--out FOLDER]      default: all targets, into packages/
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fail, install, node, root } from "./bootstrap.mjs";

const LIMIT = 6 * 1024 * 1024;
const targets = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64", "win32-arm64"];
const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
const prebuilds = join("dist", "node_modules", "better-sqlite3", "prebuilds");

/** A folder that looks like the clone to the build; what is built lands beside the links, not in the clone. */
function stage() {
  const folder = mkdtempSync(join(tmpdir(), "podium-package-"));
  for (const name of ["sidecar", "webview", "node_modules"])
    symlinkSync(join(root, name), join(folder, name), "junction");
  cpSync(join(root, "extension"), join(folder, "extension"), { recursive: true });
  for (const name of ["package.json", "tsconfig.json", ".vscodeignore", "README.md", "LICENSE"])
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name));
  return folder;
}

/** Packs what was staged for one target; returns the file and its size in bytes. */
function pack(staged, target, out) {
  const kept = join(staged, prebuilds);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept);
  cpSync(join(root, "node_modules", "better-sqlite3", "prebuilds", `${target}.node`), join(kept, `${target}.node`));
  const file = join(out, `podium-${target}.vsix`);
  const flags = ["--no-dependencies", "--skip-license", "--allow-missing-repository", "--no-rewrite-relative-links"];
  execFileSync(node, [vsce, "package", "--target", target, ...flags, "--out", file], { cwd: staged, stdio: "pipe" });
  return { file, bytes: statSync(file).size };
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const wanted = positionals.length > 0 ? positionals : targets;
const unknown = wanted.find((target) => !targets.includes(target));
if (unknown) fail(`There is no target ${unknown}; the targets are ${targets.join(", ")}.`, 2);
install();
const out = resolve(values.out ?? join(root, "packages"));
mkdirSync(out, { recursive: true });
const staged = stage();
let trouble = null;
try {
  execFileSync(node, [join(root, "esbuild.mjs"), "--release"], { cwd: staged, stdio: "inherit" });
  for (const target of wanted) {
    const { file, bytes } = pack(staged, target, out);
    process.stdout.write(`${file}  ${(bytes / 1024 / 1024).toFixed(2)} MB\n`);
    if (bytes > LIMIT) trouble ??= `${file} has ${bytes} bytes; a package may have ${LIMIT}.`;
  }
} catch (error) {
  trouble = `Packing failed: ${error.stderr?.toString().trim() || error.message}`;
}
rmSync(staged, { recursive: true, force: true });
if (trouble) fail(trouble);
