import { execFileSync } from "node:child_process";
import { PodiumError } from "../protocol/errors.ts";

const inherited = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  "TEMP",
  "TMP",
  "SHELL",
  "SystemRoot",
  "APPDATA",
  "LOCALAPPDATA",
  "USERPROFILE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "XDG_RUNTIME_DIR",
  "SSH_AUTH_SOCK",
  "OLLAMA_HOST",
  "OLLAMA_NUM_PARALLEL",
  "HF_HOME",
  "PODIUM_SERVERS",
  "PODIUM_NETWORK",
  "PODIUM_LANES",
  "PODIUM_IDLE_MS",
  "PODIUM_PORT",
] as const;

/** The program and the cleaned environment that run the hub: the editor's own Node, else a fitting `node` on PATH. */
export function hubRuntime(env: NodeJS.ProcessEnv): { readonly file: string; readonly env: NodeJS.ProcessEnv } {
  const clean: NodeJS.ProcessEnv = { ELECTRON_RUN_AS_NODE: "1" };
  for (const name of inherited) if (env[name] !== undefined) clean[name] = env[name];
  if (fits(process.versions.node)) return { file: process.execPath, env: clean };
  try {
    const version = execFileSync("node", ["--version"], { encoding: "utf8", env: clean }).trim().slice(1);
    if (fits(version)) return { file: "node", env: clean };
  } catch (cause) {
    throw new PodiumError(
      "node_too_old",
      "Podium needs Node 22.15 or newer and found no node on PATH. Install one, or update the editor.",
      { cause },
    );
  }
  throw new PodiumError(
    "node_too_old",
    `Podium needs Node 22.15 or newer; this is Node ${process.versions.node}. Install a newer node, or update the editor.`,
  );
}

function fits(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 15);
}
