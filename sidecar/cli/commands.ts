import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { PodiumError } from "../protocol/errors.ts";
import { Json, JsonObject } from "../protocol/json.ts";
import { type SettingKey, settings } from "../protocol/settings.ts";
import { inputsOf, jsonOrText } from "./arguments.ts";
import { configCommand } from "./config.ts";
import { type CliContext, workspaceRoot } from "./context.ts";
import { renderCheck, renderDoctor, renderModels, renderRuns, renderShow } from "./render.ts";
import { followToEnd, reviewInput, runWorkflow } from "./run-command.ts";
import type { Session } from "./session.ts";

type Command = (context: CliContext) => Promise<number>;

/** Opens a session for one command and closes it whatever happens. */
async function withSession(context: CliContext, work: (session: Session) => Promise<number>): Promise<number> {
  const session = await context.open();
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Prints the object as it is, or for people. */
function show(context: CliContext, value: object, text: () => string): void {
  context.stdout(context.invocation.format === "text" ? `${text()}\n` : `${JSON.stringify(value)}\n`);
}

function word(context: CliContext, index: number, what: string): string {
  const found = context.invocation.words[index];
  if (found === undefined) throw new PodiumError("usage", `${what} is missing. See: podium --help`);
  return found;
}

async function runInput(context: CliContext): Promise<JsonObject> {
  const file = context.invocation.values["input-file"];
  const base =
    file === undefined
      ? {}
      : JSON.parse(file === "-" ? await context.stdin() : readFileSync(resolve(context.cwd, file), "utf8"));
  return JsonObject.parse({ ...base, ...inputsOf(context.invocation) });
}

/** What `--grant`, `--deny`, `--value` and the unknown-outcome flags mean as an answer. */
function answerValue(context: CliContext): Json {
  const { values } = context.invocation;
  if (values.grant) {
    if (!context.human)
      throw new PodiumError("usage", "A grant needs a person at a terminal: run this command in one.");
    return { approved: true };
  }
  if (values.deny) return { approved: false };
  if (values.retry) return { choice: "retry" };
  if (values.skip) return { choice: "skip" };
  if (values.done !== undefined) return { choice: "done", value: Json.parse(jsonOrText(values.done)) };
  if (values.value === undefined) throw new PodiumError("usage", "Answer with --value JSON, --grant or --deny.");
  return Json.parse(jsonOrText(values.value));
}

const runs: Readonly<Record<string, Command>> = {
  ls: (context) =>
    withSession(context, async (session) => {
      const limit = context.invocation.values.limit;
      const page = await session.request("run.list", {
        ...(limit === undefined ? {} : { limit: Number(limit) }),
        ...(context.invocation.values.all ? { all: true } : {}),
      });
      show(context, page, () => renderRuns(page.runs));
      return 0;
    }),
  show: (context) =>
    withSession(context, async (session) => {
      const found = await session.request("run.get", { run: word(context, 2, "The run id") });
      show(context, found, () => renderShow(found, context.style));
      return 0;
    }),
  tail: async (context) => await followToEnd(context, await context.open(), word(context, 2, "The run id")),
  answer: (context) =>
    withSession(context, async (session) => {
      const run = word(context, 2, "The run id");
      const ask = context.invocation.words[3];
      const answered = await session.request("run.answer", {
        run,
        value: answerValue(context),
        ...(ask === undefined ? {} : { ask }),
      });
      if (context.invocation.values.embedded) return await followToEnd(context, session, run);
      show(context, answered, () => `answered ${answered.ask}`);
      return 0;
    }),
  resume: async (context) => {
    const session = await context.open();
    const run = word(context, 2, "The run id");
    const { status } = await session.request("run.resume", { run });
    if (["succeeded", "failed", "cancelled"].includes(status)) {
      context.stderr(`The run has ended: ${status}.\n`);
      await session.close();
      return 0;
    }
    return await followToEnd(context, session, run);
  },
  cancel: (context) =>
    withSession(context, async (session) => {
      await session.request("run.cancel", { run: word(context, 2, "The run id") });
      show(context, {}, () => "cancelled");
      return 0;
    }),
  export: (context) =>
    withSession(context, async (session) => {
      context.stdout((await session.request("run.export", { run: word(context, 2, "The run id") })).jsonl);
      return 0;
    }),
  import: (context) =>
    withSession(context, async (session) => {
      const file = word(context, 2, "The file, or -,");
      const jsonl = file === "-" ? await context.stdin() : readFileSync(resolve(context.cwd, file), "utf8");
      const imported = await session.request("run.import", { jsonl });
      show(context, imported, () => imported.run);
      return 0;
    }),
};

const hub: Readonly<Record<string, Command>> = {
  status: (context) =>
    withSession(context, async (session) => {
      const status = await session.request("hub.status", {});
      show(
        context,
        status,
        () =>
          `pid ${status.pid} · ${status.clients} clients · ${status.openRuns} runs open · ${status.home} · ${status.version}`,
      );
      return 0;
    }),
  stop: (context) =>
    withSession(context, async (session) => {
      await session.request("hub.stop", { now: context.invocation.values.now ?? false });
      return 0;
    }),
};

/** Every command: noun or verb → what it does. */
export const commands: Readonly<Record<string, Command>> = {
  ask: (context) => runWorkflow(context, "ask_workspace", { question: word(context, 1, "The question") }),
  review: async (context) => await runWorkflow(context, "review_changes", await reviewInput(context)),
  run: async (context) => await runWorkflow(context, word(context, 1, "The workflow"), await runInput(context)),
  check: (context) =>
    withSession(context, async (session) => {
      const root = workspaceRoot(context.invocation, context.cwd);
      const files = context.invocation.words.slice(1).map((file) => resolve(context.cwd, file));
      const checked = await session.request("workflow.check", files.length > 0 ? { files } : {});
      show(context, checked, () => renderCheck(checked) || `No workflow files under ${root}.`);
      return checked.ok ? 0 : 1;
    }),
  runs: (context) => nested(context, runs, "runs"),
  models: (context) =>
    withSession(context, async (session) => {
      if (word(context, 1, "ls") !== "ls") throw new PodiumError("usage", "There is: podium models ls");
      const models = await session.request("model.list", { refresh: true });
      show(context, models, () => renderModels(models));
      return 0;
    }),
  doctor: (context) =>
    withSession(context, async (session) => {
      const result = await session.request("doctor.run", { rebuild: context.invocation.values.rebuild ?? false });
      show(context, result, () => renderDoctor(result, context.style));
      return result.ok ? 0 : 4;
    }),
  hub: (context) => nested(context, hub, "hub"),
  config: (context) =>
    configCommand(
      context,
      Object.keys(settings).filter((key): key is SettingKey => key in settings),
    ),
};

function nested(context: CliContext, table: Readonly<Record<string, Command>>, noun: string): Promise<number> {
  const verb = context.invocation.words[1] ?? "";
  const command = table[verb];
  if (!command) throw new PodiumError("usage", `podium ${noun} takes: ${Object.keys(table).join(", ")}.`);
  return command(context);
}
