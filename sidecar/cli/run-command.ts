import { resolve } from "node:path";
import { previousOf } from "../client/follow-up.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { RunShow } from "../protocol/results.ts";
import type { PartialRunSettings } from "../server/handlers.ts";
import { type CliContext, serversOf, workspaceRoot } from "./context.ts";
import { exitOfRun } from "./exit.ts";
import { follow } from "./follow.ts";
import { createProgress, type Progress, silentProgress } from "./progress.ts";
import { renderRun, wayToModel } from "./render.ts";
import type { Session } from "./session.ts";
import { visible } from "./text.ts";

/** What one command line sets for its own run. */
function settingsOf(context: CliContext): PartialRunSettings {
  const { invocation } = context;
  const servers = serversOf(context);
  return {
    ...(Object.keys(invocation.roles).length > 0 ? { roles: { ...invocation.roles } } : {}),
    ...(servers === null ? {} : { servers: [...servers] }),
    ...(invocation.network === null ? {} : { network: invocation.network }),
    ...(requiresModel(context) ? { requireModel: true } : {}),
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
    style: context.progressStyle,
  });
}

/** A workflow's name as it is, a file as its absolute path. */
export const workflowName = ({ cwd }: CliContext, written: string): string =>
  /[\\/]|\.ya?ml$/.test(written) ? resolve(cwd, written) : written;

/** The inputs of `ask`: the question, and with `--follow` the question and answer of an earlier run. */
export async function askInput(context: CliContext, session: Session): Promise<JsonObject> {
  const question = context.invocation.words.slice(1).join(" ");
  const { follow: earlier } = context.invocation.values;
  if (earlier === undefined) return { question };
  const previous = await previousOf((method, params) => session.request(method, params), earlier);
  if (previous === null)
    throw new PodiumError("invalid_input", `${earlier} has no answer to follow up; ask without it.`);
  return { question, previous };
}

/** Starts a run and follows it; prints the result and resolves with the exit code. */
export async function runWorkflow(
  context: CliContext,
  workflow: string,
  inputOf: (session: Session) => Promise<JsonObject>,
): Promise<number> {
  const root = workspaceRoot(context.invocation, context.cwd);
  const session = await context.open();
  try {
    const input = await inputOf(session);
    const { run } = await session.request("run.start", { workflow, input, root, settings: settingsOf(context) });
    if (!context.invocation.values.detach) return await followToEnd(context, session, run);
    context.stdout(context.invocation.format === "text" ? `${run}\n` : `${JSON.stringify({ run })}\n`);
    return 0;
  } finally {
    await session.close();
  }
}

/** Follows a started run to its end, prints it in the asked format, and resolves with the exit code. */
export async function followToEnd(context: CliContext, first: Session, run: string): Promise<number> {
  const { invocation } = context;
  let session = first;
  let cause: "interrupt" | "timeout" | null = null;
  const cancel = (why: "interrupt" | "timeout"): void => {
    cause ??= why;
    session.request("run.cancel", { run }).catch(() => undefined);
  };
  const forget = context.onInterrupt(() => cancel("interrupt"));
  const timer = invocation.timeoutMs === null ? null : setTimeout(() => cancel("timeout"), invocation.timeoutMs);
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
    const show = ended(context, followed.show, cause);
    await print(context, session, show);
    return show.exit;
  } finally {
    forget();
    if (timer) clearTimeout(timer);
    await session.close();
  }
}

/** The result with the exit code of this command line, and its timeout as the cause. */
function ended(context: CliContext, show: RunShow, cause: "interrupt" | "timeout" | null): RunShow {
  const { invocation } = context;
  if (show.status === "cancelled" && cause === "timeout") {
    const message = `The run did not end within --timeout ${invocation.values.timeout} and was cancelled; allow it more time.`;
    return { ...show, exit: 4, error: { code: "deadline", message, retryable: false } };
  }
  return { ...show, exit: exitOfRun(show, invocation.failOn, requiresModel(context)) };
}

/** Says that a run is over and prints it. */
export async function printEnded(context: CliContext, session: Session, run: string): Promise<number> {
  const show = await session.request("run.get", { run });
  await print(context, session, show);
  context.stderr(`The run has ended: ${show.status}.\n`);
  return 0;
}

async function print(context: CliContext, session: Session, found: RunShow): Promise<void> {
  const { format } = context.invocation;
  const waits = found.waits.map((wait) => ({ ...wait, answerWith: `${wait.answerWith}${session.where}` }));
  const show = { ...found, waits };
  if (format === "jsonl") context.stdout((await session.request("run.export", { run: show.run })).jsonl);
  else if (format === "json") {
    const { steps: _steps, trace: _trace, ...result } = show;
    context.stdout(`${JSON.stringify(result)}\n`);
  } else context.stdout(`${renderRun(show, context.style)}\n`);
  await explain(context, session, show);
}

/** What a person should know beside the result, on stderr. */
async function explain(context: CliContext, session: Session, show: RunShow): Promise<void> {
  const say = (line: string): void => context.stderr(`${visible(line)}\n`);
  if (show.degraded) say(await whyDegraded(context, session));
  for (const wait of show.waits) say(`waits for you: ${wait.title ?? wait.kind}\n  ${wait.answerWith}`);
  if (show.status === "parked" && show.waits.length === 0)
    say(`${show.run} waits (${show.reason ?? "paused"}); go on with: podium runs resume ${show.run}${session.where}`);
  if (show.error) say(`${show.error.code}: ${show.error.message}${show.error.cause ? ` (${show.error.cause})` : ""}`);
}

/** One line: why no model answered, and the one command that would give this machine one. */
async function whyDegraded(context: CliContext, session: Session): Promise<string> {
  const servers = serversOf(context);
  const models = await session.request("model.list", servers === null ? {} : { servers: [...servers] });
  const silent = models.endpoints.filter(({ state }) => state !== "answers").flatMap(({ detail }) => detail ?? []);
  const why = silent.length === 0 ? "" : ` (${silent.map((text) => text.replace(/\.$/, "")).join("; ")})`;
  return `No model answered${why}: this result comes from search and rules alone. To have a model: ${wayToModel(models)}`;
}
