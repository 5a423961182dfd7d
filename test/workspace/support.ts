import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { WorkspaceContext, WorkspacePort } from "../../sidecar/ports.ts";
import { createWorkspace } from "../../sidecar/workspace/workspace.ts";

const environment: Record<string, string> = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };

export interface Folder {
  readonly root: string;
  readonly data: string;
  readonly workspace: WorkspacePort;
  readonly context: WorkspaceContext;
  write(path: string, content: string | Buffer): void;
  git(...argv: readonly string[]): string;
  close(): Promise<void>;
}

const never = {
  sleep: (_: number, signal?: AbortSignal) =>
    new Promise<void>((_settle, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
};

/** A temporary workspace with real files and, after `git("init")`, a real repository. */
export function folder(options: { readonly indexEnabled?: () => boolean } = {}): Folder {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "podium-workspace-")));
  const [root, data] = [join(base, "root"), join(base, "data")];
  mkdirSync(root);
  mkdirSync(data);
  const workerUrl = new URL("../../sidecar/workspace/search/worker.ts", import.meta.url);
  const workspace = createWorkspace({
    dataDirectory: data,
    workerUrl,
    indexEnabled: options.indexEnabled ?? (() => true),
    clock: never,
  });
  const identity = [
    "-c",
    "user.name=T",
    "-c",
    "user.email=t@example.org",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "core.autocrlf=false",
  ];
  return {
    root,
    data,
    workspace,
    context: { root, env: environment, signal: new AbortController().signal },
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    },
    git: (...argv) =>
      execFileSync("git", [...identity, ...argv], {
        cwd: root,
        env: environment,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    async close() {
      await workspace.close();
      rmSync(base, { recursive: true, force: true });
    },
  };
}
