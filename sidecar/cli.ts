import { text } from "node:stream/consumers";
import { type Invocation, parseInvocation, wantsJson } from "./cli/arguments.ts";
import { commands } from "./cli/commands.ts";
import { type CliContext, workspaceRoot } from "./cli/context.ts";
import { openEmbedded } from "./cli/embedded.ts";
import { exitOfError } from "./cli/exit.ts";
import { helpOf } from "./cli/help.ts";
import { type Output, toFile, toStream } from "./cli/output.ts";
import { attached, type Session } from "./cli/session.ts";
import { createStyle, visible } from "./cli/text.ts";
import type { Introduction } from "./client/client.ts";
import { watchPulse } from "./client/pulse.ts";
import { homeDirectory } from "./client/record.ts";
import { reachHub } from "./client/start.ts";
import { build } from "./hub/build.ts";
import { buildPaths } from "./hub/paths.ts";
import { PodiumError, toPodiumError } from "./protocol/errors.ts";
import type { Scope } from "./protocol/hub.ts";

const paths = buildPaths(import.meta.url);
const streams = { stdout: toStream(process.stdout), stderr: toStream(process.stderr) };
const human = Boolean(process.stdin.isTTY && process.stderr.isTTY);
const colours = (stream: NodeJS.WriteStream): boolean => Boolean(stream.isTTY) && !process.env["NO_COLOR"];

/** Commands that start or carry on steps; with --embedded the others leave open runs as they are. */
const running = new Set(["run", "ask", "review", "runs resume", "runs answer"]);

async function openSession(invocation: Invocation, home: string, mayStart: boolean): Promise<Session> {
  const root = workspaceRoot(invocation, process.cwd());
  const [noun = "", verb = ""] = invocation.words;
  const admin = noun === "hub" || noun === "doctor" || Boolean(invocation.values.all);
  const scopes: Scope[] = [
    "read",
    "run",
    ...(human ? (["human"] as const) : []),
    ...(admin ? (["admin"] as const) : []),
  ];
  const introduction: Introduction = { client: "cli", build, scopes, human, roots: [root], trusted: true };
  if (invocation.values.embedded) {
    const adopt = running.has(noun) || running.has(`${noun} ${verb}`);
    const data = invocation.values.data ?? null;
    return await openEmbedded({ data, paths, build, env: process.env, introduction, adopt });
  }
  const client = await reachHub({ home, dist: paths.dist, env: process.env, mayStart, introduction });
  watchPulse(client);
  return attached(client);
}

/** The first Ctrl+C does what the command in hand says, else it ends the process; the second always does. */
function createInterrupts(): CliContext["onInterrupt"] {
  let listener: (() => void) | null = null;
  process.on("SIGINT", () => {
    const first = listener;
    listener = null;
    if (!first) process.exit(130);
    streams.stderr.write("\nCancelling; Ctrl+C again leaves at once.\n");
    first();
  });
  return (wanted) => {
    listener = wanted;
    return () => {
      listener = null;
    };
  };
}

async function main(argv: readonly string[], onInterrupt: CliContext["onInterrupt"]): Promise<number> {
  const invocation = parseInvocation(argv);
  const [noun] = invocation.words;
  const { values } = invocation;
  if (values.version) {
    streams.stdout.write(`${build.version} (${build.channel}, ${build.builtAt})\n`);
    return 0;
  }
  if (values.help) {
    streams.stdout.write(helpOf(noun));
    return 0;
  }
  const command = noun === undefined || !Object.hasOwn(commands, noun) ? undefined : commands[noun];
  if (!command)
    throw new PodiumError("usage", noun === undefined ? "A command is missing." : `There is no command ${noun}.`);
  const home = values.data ?? homeDirectory(process.env, build, paths.clone);
  const result: Output = values.output === undefined ? streams.stdout : toFile(process.cwd(), values.output);
  const terminal = values.output === undefined && Boolean(process.stdout.isTTY);
  const code = await command({
    invocation,
    cwd: process.cwd(),
    env: process.env,
    home,
    open: async (mayStart = true) => {
      const session = await openSession(invocation, home, mayStart);
      if (session.notice) streams.stderr.write(`${session.notice.code}: ${visible(session.notice.message)}\n`);
      return session;
    },
    stdout: result.write,
    stderr: streams.stderr.write,
    stdin: () => text(process.stdin),
    human,
    style: createStyle(terminal && colours(process.stdout)),
    progressStyle: createStyle(colours(process.stderr)),
    width: terminal ? (process.stdout.columns ?? 80) : null,
    columns: () => process.stderr.columns ?? 80,
    stderrTty: Boolean(process.stderr.isTTY),
    onInterrupt,
  });
  await result.flush();
  return code;
}

/** `{error}` on stdout with --format json, always one line on stderr, and after a usage error the help of the command. */
function report(error: unknown, argv: readonly string[]): number {
  const known = toPodiumError(error);
  if (wantsJson(argv)) streams.stdout.write(`${JSON.stringify({ error: known.toShape() })}\n`);
  streams.stderr.write(`${known.code}: ${visible(known.message)}\n`);
  if (known.code === "usage") streams.stderr.write(`\n${helpOf(argv.find((each) => Object.hasOwn(commands, each)))}`);
  return exitOfError(known);
}

const argv = process.argv.slice(2);
const code = await main(argv, createInterrupts()).catch((error: unknown) => report(error, argv));
await Promise.all([streams.stdout.flush(), streams.stderr.flush()]);
process.exit(code);
