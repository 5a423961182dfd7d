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
    // Unlike the setting protocol.allow, this cannot be widened by the repository.
    GIT_ALLOW_PROTOCOL: "none",
  };
}

/** Settings that go before those of every file, as pairs of key and value. */
type Overrides = readonly (readonly [string, string])[];

/** Keys may hold any character, which the option -c cannot write. */
function overriding(overrides: Overrides): Record<string, string> {
  const pairs = overrides.flatMap(([key, value], index): readonly (readonly [string, string])[] => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return overrides.length === 0 ? {} : { GIT_CONFIG_COUNT: String(overrides.length), ...Object.fromEntries(pairs) };
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

/** Runs git in the root without a shell, a pager, hooks or helpers. Resolves to its raw output; its stdin is empty. */
export function git(argv: readonly string[], call: GitCall, overrides: Overrides = []): Promise<Buffer> {
  return new Promise((settle, reject) => {
    const child = execFile(
      "git",
      [...hardening, ...argv],
      {
        cwd: call.root,
        env: { ...environment(call.env), ...overriding(overrides) },
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
    child.stdin?.end();
  });
}

/** The first line of git's output. */
export const gitLine = async (argv: readonly string[], call: GitCall): Promise<string> =>
  (await git(argv, call)).toString("utf8").split("\n")[0] ?? "";

/**
 * What switches off the clean filters that the repository itself configures: reading a changed file of the work tree would
 * start them. Those of the person's own configuration (git-lfs, say) stay.
 */
export async function withoutFilters(call: GitCall): Promise<Overrides> {
  const fields = (await git(["config", "--list", "--show-scope", "-z"], call)).toString("utf8").split("\0");
  const names = new Set<string>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const own = fields[at] === "local" || fields[at] === "worktree";
    const name = /^filter\.(.*)\.[^.]*$/s.exec(fields[at + 1]?.split("\n")[0] ?? "")?.[1];
    if (own && name !== undefined) names.add(name);
  }
  return [...names].flatMap(
    (name): Overrides => [
      [`filter.${name}.clean`, ""],
      [`filter.${name}.smudge`, ""],
      [`filter.${name}.process`, ""],
      [`filter.${name}.required`, "false"],
    ],
  );
}
