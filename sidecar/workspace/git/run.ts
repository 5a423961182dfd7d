import { execFile } from "node:child_process";
import { PodiumError } from "../../protocol/errors.ts";

export interface GitCall {
  readonly root: string;
  readonly env: { readonly [name: string]: string };
  readonly signal: AbortSignal;
}

const outputLimit = 64 * 1024 * 1024;
// The repository's own configuration must not start programs while a person only looks at a change.
const hardening = [
  "--no-pager",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "core.quotePath=false",
  "-c",
  "core.pager=cat",
  "-c",
  "diff.external=",
  "-c",
  "diff.submodule=short",
  "-c",
  "diff.mnemonicPrefix=false",
  "-c",
  "diff.noprefix=false",
  "-c",
  "protocol.allow=never",
];

const kept = (name: string): boolean => !/^GIT_/i.test(name) && !/^(LC_|LANG)/.test(name);

function environment(env: GitCall["env"]): Record<string, string> {
  const given = Object.fromEntries(Object.entries(env).filter(([name]) => kept(name)));
  return {
    ...given,
    LC_ALL: "C",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_PAGER: "cat",
    GIT_NO_LAZY_FETCH: "1",
  };
}

function failure(error: Error, argv: readonly string[], stderr: string): PodiumError {
  const code = "code" in error ? error.code : undefined;
  if (error.name === "AbortError")
    return new PodiumError("cancelled", "Reading the change from git was cancelled.", { cause: error });
  if (code === "ENOENT") {
    return new PodiumError("git_missing", "git was not found on PATH; install it, or review a patch file instead.", {
      cause: error,
    });
  }
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
    return new PodiumError("too_large", "This change is larger than 64 MB; review a smaller range.", { cause: error });
  }
  if (/not a git repository|must be run in a work tree/i.test(stderr)) {
    return new PodiumError(
      "not_a_repository",
      "This folder is not in a git repository; run `git init`, or review a file or a patch.",
    );
  }
  const line = stderr.split("\n").find((text) => text.trim() !== "") ?? error.message;
  return new PodiumError("git_failed", `git ${argv[0] ?? ""} failed: ${line.trim()}`);
}

/** Runs git in the root without a shell, a pager, hooks or helpers. Resolves to its raw output; `input` goes to its stdin. */
export function git(argv: readonly string[], call: GitCall, input = ""): Promise<Buffer> {
  return new Promise((settle, reject) => {
    const child = execFile(
      "git",
      [...hardening, ...argv],
      {
        cwd: call.root,
        env: environment(call.env),
        encoding: "buffer",
        maxBuffer: outputLimit,
        signal: call.signal,
        windowsHide: true,
        shell: false,
      },
      (error, stdout, stderr) =>
        error === null ? settle(stdout) : reject(failure(error, argv, stderr.toString("utf8"))),
    );
    // git may end before it has read its input.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** The first line of git's output. */
export const gitLine = async (argv: readonly string[], call: GitCall): Promise<string> =>
  (await git(argv, call)).toString("utf8").split("\n")[0] ?? "";
