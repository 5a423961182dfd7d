// Sets a clone up with nothing but Node >= 20 and npm: installs from the lockfile, fetches Node 24, builds. Plain Node, no dependency.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const windows = process.platform === "win32";

/** Prints one clear sentence and ends. */
export function fail(sentence, code = 1) {
  process.stderr.write(`${sentence}\n`);
  process.exit(code);
}

const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/;

function step(title, command, args, env = {}) {
  process.stderr.write(`${title}…\n`);
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    shell: windows,
    env: { ...process.env, ...env },
  });
  if (result.error) fail(`${title} failed: ${command} could not be started (${result.error.message}).`);
  if (result.status === 0) return;
  const said = `${result.stdout}\n${result.stderr}`.trim();
  if (offline.test(said))
    fail(
      `${title} failed: npm does not reach its registry; connect this machine or correct npm's proxy, then run it again.`,
    );
  fail(`${title} failed. ${command} said:\n${said.split("\n").slice(-15).join("\n")}`);
}

const newest = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs), 0);

/** Installs when the lockfile is not the one that was installed. */
export function install() {
  if (Number(process.versions.node.split(".")[0]) < 20)
    fail(`Podium needs Node 20 or newer to set itself up; this is ${process.version}.`, 5);
  const stamp = join(root, "node_modules", ".podium-lock");
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  if (existsSync(stamp) && existsSync(node) && readFileSync(stamp, "utf8") === lock) return;
  step("Installing packages", "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  step("Fetching Node 24", "npm", ["rebuild", "node"]);
  if (!existsSync(node)) fail("Fetching Node 24 failed: the package node has no binary for this platform.", 5);
  writeFileSync(stamp, lock);
}

/** Builds when a source is newer than the bundle. */
export function build() {
  const bundle = join(root, "dist", "cli.mjs");
  const built = existsSync(bundle) ? statSync(bundle).mtimeMs : 0;
  const sources = Math.max(
    ...["sidecar", "extension", "webview"].map((folder) => newest(join(root, folder))),
    statSync(join(root, "esbuild.mjs")).mtimeMs,
  );
  if (built < sources) step("Building", node, ["esbuild.mjs"]);
}
