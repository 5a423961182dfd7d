import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { HubClient, Introduction } from "../../sidecar/client/client.ts";
import { isAlive, readRecord } from "../../sidecar/client/record.ts";
import { type Reach, reachHub } from "../../sidecar/client/start.ts";

const sidecar = fileURLToPath(new URL("../../sidecar", import.meta.url));

/** Polls until `look` gives something; fails with `what` after `ms`. */
export async function until<T>(
  what: string,
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  ms = 15_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${ms} ms`);
    await delay(5);
  }
}

/** A data directory, a git workspace and whatever hubs were started on them. */
export interface Place {
  readonly home: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  reach(changes?: Partial<Reach>): Promise<HubClient>;
  /** Kills the hub with SIGKILL and resolves when its process is gone. */
  kill(): Promise<void>;
  /** Starts sidecar/main.ts by hand; resolves with its exit code. */
  hub(): { readonly child: ChildProcess; readonly exit: Promise<number | null> };
  git(...words: readonly string[]): string;
  write(path: string, text: string): void;
  remove(): Promise<void>;
}

export const introduction = (root: string): Introduction => ({
  client: "test",
  build: { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" },
  scopes: ["read", "run", "admin"],
  human: false,
  roots: [root],
  trusted: true,
});

const notes = `# The gadget store

The gadget store keeps every gadget in a drawer.
A drawer opens with the brass key.
The brass key hangs behind the clock.
`;

/** A fresh place with one committed file, `notes.md`; `env` is added to what the hub inherits. */
export function createPlace(env: Record<string, string> = {}): Place {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "podium-test-")));
  const home = join(base, "home");
  const root = join(base, "workspace");
  mkdirSync(home, { mode: 0o700 });
  mkdirSync(root);
  const all: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: base,
    PODIUM_HOME: home,
    PODIUM_LANES: home,
    PODIUM_IDLE_MS: "20000",
    PODIUM_SERVERS: "http://127.0.0.1:9",
    ...env,
  };
  const git = (...words: readonly string[]): string =>
    execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@example.org", ...words], {
      cwd: root,
      encoding: "utf8",
      env: all,
    });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  git("init", "-q", "-b", "main");
  write("notes.md", notes);
  git("add", ".");
  git("commit", "-q", "-m", "Start");
  const kill = async (): Promise<void> => {
    const pid = readRecord(home)?.pid;
    if (pid === undefined || !isAlive(pid)) return;
    process.kill(pid, "SIGKILL");
    await until("end of the killed hub", () => !isAlive(pid));
  };
  return {
    home,
    root,
    env: all,
    git,
    write,
    kill,
    reach: (changes = {}) =>
      reachHub({ home, dist: sidecar, env: all, mayStart: true, introduction: introduction(root), ...changes }),
    hub() {
      const child = spawn(process.execPath, [join(sidecar, "main.ts")], { env: all, stdio: "ignore" });
      return { child, exit: new Promise((resolve) => child.once("exit", resolve)) };
    },
    async remove() {
      await kill();
      rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
