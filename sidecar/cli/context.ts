import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PodiumError } from "../protocol/errors.ts";
import type { Invocation } from "./arguments.ts";
import type { Session } from "./session.ts";
import type { Style } from "./text.ts";

/** Everything a command needs; nothing below reads `process`. */
export interface CliContext {
  readonly invocation: Invocation;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  /** Opens a way to the hub; without `mayStart` only one that already runs, else `no_hub`. */
  readonly open: (mayStart?: boolean) => Promise<Session>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdin: () => Promise<string>;
  /** True when stdin and stderr are terminals: only then a person can give a grant. */
  readonly human: boolean;
  /** Colours of the result on stdout, and of the progress on stderr. */
  readonly style: Style;
  readonly progressStyle: Style;
  /** Characters of a line of the result; null = it does not go to a terminal. */
  readonly width: number | null;
  readonly columns: () => number;
  readonly stderrTty: boolean;
  /** What the first Ctrl+C does while something runs; a second one ends the process. Returns how to forget it. */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** The folder a command works on: `--workspace`, else the git top level above here, else here. A real path. */
export function workspaceRoot(invocation: Invocation, cwd: string): string {
  const named = invocation.values.workspace;
  if (named !== undefined) {
    const path = resolve(cwd, named);
    if (!existsSync(path) || !statSync(path).isDirectory())
      throw new PodiumError("file_missing", `There is no folder ${named}. Name another with --workspace.`);
    return realpathSync(path);
  }
  const here = realpathSync(cwd);
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (dirname(folder) === folder) return here;
  }
}

/** Model servers of this command alone: `--server`, else `PODIUM_SERVERS`; null = those that Podium knows. */
export function serversOf({ invocation, env }: Pick<CliContext, "invocation" | "env">): readonly string[] | null {
  const named = invocation.values.server ?? env["PODIUM_SERVERS"]?.split(",").filter(Boolean);
  return named === undefined || named.length === 0 ? null : named;
}

/** Opens a session for one command and closes it whatever happens. */
export async function withSession(
  context: CliContext,
  work: (session: Session) => Promise<number>,
  mayStart = true,
): Promise<number> {
  const session = await context.open(mayStart);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Prints the object as it is, or for people. */
export function show(context: CliContext, value: object, text: () => string): void {
  context.stdout(context.invocation.format === "text" ? `${text()}\n` : `${JSON.stringify(value)}\n`);
}

/** The word at a place of the command line. Throws `usage` naming what is missing. */
export function word(context: CliContext, index: number, what: string): string {
  const found = context.invocation.words[index];
  if (found === undefined) throw new PodiumError("usage", `${what} is missing.`);
  return found;
}
