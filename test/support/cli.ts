import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What one command line did. */
export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ran: Promise<Ran>;
  /** What stderr says so far. */
  readonly progress: () => string;
}

interface How {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What stdin says; null = it stays open and silent. */
  readonly stdin?: string | null;
  /** The Node version that the process claims to be. */
  readonly node?: string;
}

/** The command line as it is built for people, in a folder of its own. */
export interface Program {
  readonly dist: string;
  /** Starts one command as a child process; nothing of it is a terminal. */
  start(words: readonly string[], how: How): Running;
  /** Runs one command to its end. */
  run(words: readonly string[], how: How): Promise<Ran>;
  remove(): void;
}

const claim = (version: string): string =>
  `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"${version}"})`;

function start(entry: string, words: readonly string[], how: How): Running {
  const before = how.node === undefined ? [] : ["--import", claim(how.node)];
  const child = spawn(process.execPath, [...before, entry, ...words], { cwd: how.cwd, env: how.env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A command that reads no stdin may end before it is written.
  child.stdin.on("error", () => undefined);
  if (how.stdin !== null) child.stdin.end(how.stdin ?? "");
  const ran = new Promise<Ran>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ran, progress: () => stderr };
}

/** Bundles the command line and the hub; a bundle starts three times as fast as the sources. */
export async function bundlePodium(): Promise<Program> {
  const dist = mkdtempSync(join(tmpdir(), "podium-bundle-"));
  const stamp = { version: "0.0.0-test", builtAt: "2026-01-01T00:00:00.000Z", channel: "dev" };
  await build({
    bundle: true,
    platform: "node",
    target: "node22.15",
    format: "esm",
    logLevel: "warning",
    external: ["better-sqlite3"],
    outExtension: { ".js": ".mjs" },
    define: { __PODIUM_BUILD__: JSON.stringify(stamp) },
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    entryPoints: {
      cli: at("../../sidecar/cli.ts"),
      hub: at("../../sidecar/main.ts"),
      "index-worker": at("../../sidecar/workspace/search/worker.ts"),
    },
    outdir: dist,
  });
  symlinkSync(at("../../node_modules"), join(dist, "node_modules"));
  cpSync(at("../../sidecar/workflows/builtin"), join(dist, "assets", "workflows"), { recursive: true });
  cpSync(at("../../sidecar/agents/builtin"), join(dist, "assets", "agents"), { recursive: true });
  const entry = join(dist, "cli.mjs");
  return {
    dist,
    start: (words, how) => start(entry, words, how),
    run: (words, how) => start(entry, words, how).ran,
    remove: () => rmSync(dist, { recursive: true, force: true }),
  };
}
