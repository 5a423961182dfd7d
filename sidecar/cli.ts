import { text } from "node:stream/consumers";
import { type Invocation, parseInvocation } from "./cli/arguments.ts";
import { commands } from "./cli/commands.ts";
import { type CliContext, workspaceRoot } from "./cli/context.ts";
import { openEmbedded } from "./cli/embedded.ts";
import { exitOfError } from "./cli/exit.ts";
import { help } from "./cli/help.ts";
import type { Session } from "./cli/session.ts";
import { createStyle } from "./cli/text.ts";
import type { HubClient } from "./client/client.ts";
import { homeDirectory } from "./client/record.ts";
import { reachHub } from "./client/start.ts";
import { build } from "./hub/build.ts";
import { buildPaths } from "./hub/paths.ts";
import { toPodiumError } from "./protocol/errors.ts";
import type { Scope } from "./protocol/hub.ts";

const paths = buildPaths(import.meta.url);
const stdout = (line: string): void => void process.stdout.write(line);
const stderr = (line: string): void => void process.stderr.write(line);
const human = Boolean(process.stdin.isTTY && process.stderr.isTTY);

/** Commands that start or carry on steps; with --embedded the others leave open runs as they are. */
const running = new Set(["run", "ask", "review", "runs resume", "runs answer"]);

async function openSession(invocation: Invocation, home: string): Promise<Session> {
  const root = workspaceRoot(invocation, process.cwd());
  const [noun = "", verb = ""] = invocation.words;
  if (invocation.values.embedded) {
    const adopt = running.has(noun) || running.has(`${noun} ${verb}`);
    const env = withServers(invocation);
    return await openEmbedded({ data: invocation.values.data ?? null, paths, build, env, root, human, adopt });
  }
  const admin = noun === "hub" || noun === "doctor" || Boolean(invocation.values.all);
  const scopes: Scope[] = [
    "read",
    "run",
    ...(human ? (["human"] as const) : []),
    ...(admin ? (["admin"] as const) : []),
  ];
  const client: HubClient = await reachHub({
    home,
    dist: paths.dist,
    env: withServers(invocation),
    mayStart: true,
    introduction: { client: "cli", build, scopes, human, roots: [root], trusted: true },
  });
  return {
    request: (method, params) => client.request(method, params),
    watch: (method, params, onItem) => client.watch(method, params, onItem),
    onClose: (listener) => client.onClose(listener),
    close: async () => client.close(),
  };
}

function withServers(invocation: Invocation): NodeJS.ProcessEnv {
  const servers = invocation.values.server;
  return servers ? { ...process.env, PODIUM_SERVERS: servers.join(",") } : process.env;
}

async function main(): Promise<number> {
  const invocation = parseInvocation(process.argv.slice(2));
  const [noun] = invocation.words;
  if (invocation.values.version) {
    stdout(`${build.version} (${build.channel}, ${build.builtAt})\n`);
    return 0;
  }
  const command = noun === undefined ? undefined : commands[noun];
  if (!command || invocation.values.help) {
    (command ? stdout : invocation.values.help ? stdout : stderr)(
      `${noun !== undefined && !command ? `usage: there is no command ${noun}.\n\n` : ""}${help}`,
    );
    return invocation.values.help ? 0 : 2;
  }
  const home =
    invocation.values.embedded && invocation.values.data !== undefined
      ? invocation.values.data
      : homeDirectory(process.env, build, paths.clone);
  const context: CliContext = {
    invocation,
    cwd: process.cwd(),
    env: process.env,
    home,
    open: () => openSession(invocation, home),
    stdout,
    stderr,
    stdin: () => text(process.stdin),
    human,
    style: createStyle(Boolean(process.stdout.isTTY) && !process.env["NO_COLOR"]),
    columns: () => process.stderr.columns ?? 80,
    stderrTty: Boolean(process.stderr.isTTY),
    onInterrupt: (listener) => {
      process.on("SIGINT", listener);
      return () => process.off("SIGINT", listener);
    },
  };
  return await command(context);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const known = toPodiumError(error);
    if (process.argv.includes("json")) stdout(`${JSON.stringify({ error: known.toShape() })}\n`);
    stderr(`${known.code}: ${known.message}\n`);
    process.exit(exitOfError(known));
  },
);
