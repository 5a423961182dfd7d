import { existsSync, realpathSync } from "node:fs";
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
  readonly open: () => Promise<Session>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdin: () => Promise<string>;
  /** True when stdin and stderr are terminals: only then a person can give a grant. */
  readonly human: boolean;
  readonly style: Style;
  readonly columns: () => number;
  readonly stderrTty: boolean;
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** The folder a command works on: `--workspace`, else the git top level above here, else here. A real path. */
export function workspaceRoot(invocation: Invocation, cwd: string): string {
  const named = invocation.values.workspace;
  if (named !== undefined) {
    const path = resolve(cwd, named);
    if (!existsSync(path))
      throw new PodiumError("file_missing", `There is no folder ${named}. Name another with --workspace.`);
    return realpathSync(path);
  }
  const here = realpathSync(cwd);
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (dirname(folder) === folder) return here;
  }
}
