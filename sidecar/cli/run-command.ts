import { PodiumError } from "../protocol/errors.ts";
import type { JsonObject } from "../protocol/json.ts";
import { JsonObject as JsonObjectSchema } from "../protocol/json.ts";
import type { RunShow } from "../protocol/results.ts";
import type { PartialRunSettings } from "../server/handlers.ts";
import { type CliContext, workspaceRoot } from "./context.ts";
import { exitOfRun } from "./exit.ts";
import { follow } from "./follow.ts";
import { createProgress, type Progress, silentProgress } from "./progress.ts";
import { renderRun } from "./render.ts";
import type { Session } from "./session.ts";

/** What one command line sets for its own run. */
function settingsOf(context: CliContext): PartialRunSettings {
  const { invocation } = context;
  const required = requiresModel(context);
  return {
    ...(Object.keys(invocation.roles).length > 0 ? { roles: { ...invocation.roles } } : {}),
    ...(invocation.values.server ? { servers: invocation.values.server } : {}),
    ...(invocation.network === null ? {} : { network: invocation.network }),
    ...(required ? { requireModel: true } : {}),
    ...(Object.keys(invocation.budget).length > 0 ? { budget: invocation.budget } : {}),
  };
}

/** `--require-model`; the default for a review in CI unless `--allow-degraded`. */
function requiresModel({ invocation, env }: CliContext): boolean {
  if (invocation.values["require-model"]) return true;
  return invocation.words[0] === "review" && env["CI"] === "true" && !invocation.values["allow-degraded"];
}

function progressOf(context: CliContext): Progress {
  if (context.invocation.values.quiet) return silentProgress;
  return createProgress({
    write: context.stderr,
    tty: context.stderrTty,
    columns: context.columns,
    now: Date.now,
    style: context.style,
  });
}

/** Starts a run and follows it; prints the result and resolves with the exit code. */
export async function runWorkflow(context: CliContext, workflow: string, input: JsonObject): Promise<number> {
  const root = workspaceRoot(context.invocation, context.cwd);
  const session = await context.open();
  const { run } = await session.request("run.start", {
    workflow,
    input: JsonObjectSchema.parse(input),
    root,
    settings: settingsOf(context),
  });
  if (context.invocation.values.detach) {
    context.stdout(context.invocation.format === "json" ? `${JSON.stringify({ run })}\n` : `${run}\n`);
    await session.close();
    return 0;
  }
  return await followToEnd(context, session, run);
}

/** Follows a started run to its end, prints it in the asked format, and resolves with the exit code. */
export async function followToEnd(context: CliContext, first: Session, run: string): Promise<number> {
  const { invocation } = context;
  let session = first;
  let interrupted = false;
  let expired = false;
  const cancel = (): void => {
    session.request("run.cancel", { run }).catch(() => undefined);
  };
  const forget = context.onInterrupt(() => {
    interrupted = true;
    cancel();
  });
  const expire = (): void => {
    expired = true;
    cancel();
  };
  const timer = invocation.timeoutMs === null ? null : setTimeout(expire, invocation.timeoutMs);
  try {
    const followed = await follow(session, run, {
      onAsk: invocation.onAsk,
      progress: progressOf(context),
      reconnect: async () => {
        context.stderr("Podium went away; reconnecting…\n");
        session = await context.open();
        return session;
      },
    });
    session = followed.session;
    const { show } = followed;
    await print(context, session, show);
    for (const wait of show.waits) context.stderr(`waits for you: ${wait.title ?? wait.kind}\n  ${wait.answerWith}\n`);
    if (expired) context.stderr(`deadline: the run was cancelled after --timeout ${invocation.values.timeout}\n`);
    else if (show.error)
      context.stderr(`${show.error.code}: ${show.error.message}${show.error.cause ? ` (${show.error.cause})` : ""}\n`);
    if (interrupted) return 130;
    return expired ? 4 : exitOfRun(show, invocation.failOn, requiresModel(context));
  } finally {
    forget();
    if (timer) clearTimeout(timer);
    await session.close();
  }
}

async function print(context: CliContext, session: Session, show: RunShow): Promise<void> {
  const { invocation, style } = context;
  if (show.degraded)
    context.stderr(`No model answered: this result comes from search and rules alone. To have a model: ${modelHint}\n`);
  if (invocation.format === "jsonl") {
    context.stdout((await session.request("run.export", { run: show.run })).jsonl);
    return;
  }
  if (invocation.format === "json") {
    const { steps: _steps, trace: _trace, ...result } = show;
    context.stdout(
      `${JSON.stringify({ ...result, exit: exitOfRun(show, invocation.failOn, requiresModel(context)) })}\n`,
    );
    return;
  }
  context.stdout(`${renderRun(show, style)}\n`);
}

/** The one command that would give a machine without models one. */
const modelHint = "ollama pull qwen2.5-coder:7b";

/** The inputs of `review` from its flags. */
export async function reviewInput(context: CliContext): Promise<JsonObject> {
  const { values, words } = context.invocation;
  const base = words[1];
  const chosen = [
    values.staged,
    values.working,
    values.branch,
    values.range !== undefined,
    values.patch !== undefined,
  ].filter(Boolean).length;
  if (chosen > 1) throw new PodiumError("usage", "Choose one of --staged, --working, --branch, --range and --patch.");
  const depth = values.depth === undefined ? {} : { depth: values.depth };
  if (values.patch !== undefined) {
    if (values.patch !== "-")
      throw new PodiumError("usage", "--patch reads from stdin: podium review --patch - < change.patch");
    return { scope: "patch", patch: await context.stdin(), ...depth };
  }
  if (values.range !== undefined) return { scope: "range", range: values.range, ...depth };
  if (values.branch) return { scope: "branch", ...(base === undefined ? {} : { base }), ...depth };
  return { scope: values.working ? "working" : "staged", ...depth };
}
