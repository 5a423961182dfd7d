// Bundles every entry into dist/. `--watch` rebuilds, `--release` stamps a release build.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build, context } from "esbuild";
import { notices, noticesFile } from "./bin/notices.mjs";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const release = process.argv.includes("--release");
const stamp = { version, builtAt: new Date().toISOString(), channel: release ? "release" : "dev" };
const shared = {
  bundle: true,
  metafile: true,
  sourcemap: release ? false : "linked",
  minify: release,
  logLevel: "warning",
  legalComments: "none",
  define: { __PODIUM_BUILD__: JSON.stringify(stamp) },
};
const node = {
  ...shared,
  platform: "node",
  target: "node22.15",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  external: ["better-sqlite3"],
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};
const editor = {
  ...shared,
  platform: "node",
  target: "node22.15",
  format: "cjs",
  external: ["vscode", "./review.cjs"],
  outExtension: { ".js": ".cjs" },
};

const entries = [
  {
    ...node,
    entryPoints: {
      hub: "sidecar/main.ts",
      cli: "sidecar/cli.ts",
      "index-worker": "sidecar/workspace/search/worker.ts",
    },
    outdir: "dist",
  },
  { ...editor, entryPoints: { extension: "extension/main.ts" }, outdir: "dist" },
  { ...editor, entryPoints: { window: "extension/window.ts", review: "extension/review.ts" }, outdir: "dist" },
  {
    ...shared,
    entryPoints: { main: "webview/main.ts" },
    outdir: "dist/webview",
    platform: "browser",
    target: "es2022",
    format: "iife",
    loader: { ".css": "text", ".ttf": "file" },
  },
].filter(({ entryPoints }) => Object.values(entryPoints).every((file) => existsSync(file)));

/** Built-in workflows and agents stay files that a person can open and copy. */
function copyAssets() {
  for (const [from, to] of [
    ["sidecar/workflows/builtin", "dist/assets/workflows"],
    ["sidecar/agents/builtin", "dist/assets/agents"],
    ["extension/media", "dist/media"],
    ["node_modules/@vscode/codicons/dist/codicon.css", "dist/webview/codicon.css"],
    ["node_modules/@vscode/codicons/dist/codicon.ttf", "dist/webview/codicon.ttf"],
  ]) {
    if (existsSync(from)) cpSync(from, to, { recursive: true });
  }
}

/** The native part lies beside the bundle, where `require("better-sqlite3")` finds it in a package without node_modules. */
function copyNative() {
  const from = "node_modules/better-sqlite3";
  const to = "dist/node_modules/better-sqlite3";
  mkdirSync(to, { recursive: true });
  for (const part of ["lib", "prebuilds", "package.json", "LICENSE"])
    cpSync(`${from}/${part}`, `${to}/${part}`, { recursive: true });
}

if (process.argv.includes("--watch")) {
  for (const entry of entries) await (await context(entry)).watch();
} else {
  rmSync("dist", { recursive: true, force: true });
  const built = await Promise.all(entries.map((entry) => build(entry)));
  copyNative();
  copyAssets();
  writeFileSync(`dist/${noticesFile}`, notices(built.map(({ metafile }) => metafile)));
}
