import { existsSync } from "node:fs";
import * as vscode from "vscode";
import * as z from "zod";
import { forgetStarts } from "../sidecar/client/launch.ts";
import { logFile } from "../sidecar/client/start.ts";
import { PodiumError, toPodiumError } from "../sidecar/protocol/errors.ts";
import { JsonObject } from "../sidecar/protocol/json.ts";
import type { RunRow, WorkflowInfo } from "../sidecar/protocol/results.ts";
import { answerRun } from "./answer.ts";
import type { AnyCommand, App } from "./app.ts";
import { type CommandId, commandTexts } from "./command-texts.ts";
import type { Connection } from "./hub.ts";
import { inputOf, problemOf, questionsOf } from "./inputs.ts";
import { openPlace, pickFolder } from "./open.ts";
import { isEnded, type Model, waitingRuns } from "./state.ts";
import { statusOf } from "./status.ts";
import { actionTitle } from "./status-bar.ts";
import { staying } from "./staying.ts";
import { duration } from "./trees/runs.ts";

type Run = (app: App, argument: unknown) => Promise<void>;

/** A command of a view gets the row, one of a link or of a test the id itself. */
const RunArgument = z.union([z.string(), z.object({ run: z.string() }).transform(({ run }) => run)]);
const WorkflowArgument = z.union([
  z.string(),
  z.object({ workflow: z.string() }).transform(({ workflow }) => workflow),
]);
/** With an input nothing is asked, for a keybinding's `args`. */
const InputArgument = z.object({ input: JsonObject });
const FileArgument = z.object({ file: z.string() });
const PlaceArgument = z.object({
  root: z.string(),
  path: z.string(),
  line: z.int().nullable(),
  endLine: z.int().nullable(),
});

function named(schema: z.ZodType<string>, argument: unknown): string | null {
  const parsed = schema.safeParse(argument);
  return parsed.success ? parsed.data : null;
}

async function pickRun(
  app: App,
  placeHolder: string,
  fits: (row: RunRow, model: Model) => boolean,
): Promise<string | null> {
  const model = app.model();
  const rows = model.runs.filter((row) => fits(row, model));
  const [only] = rows;
  if (only === undefined) {
    void vscode.window.showInformationMessage("There is no such run in this window.");
    return null;
  }
  if (rows.length === 1) return only.run;
  const items = rows.map((row) => ({
    label: row.title ?? row.workflow,
    description: `${row.workflow} · ${row.status}`,
    run: row.run,
  }));
  return (await vscode.window.showQuickPick(items, { placeHolder, ...staying }))?.run ?? null;
}

async function ask(app: App, argument: unknown): Promise<void> {
  const given = z.string().safeParse(argument);
  const root = await pickFolder();
  if (root === null) return;
  const question = given.success
    ? given.data
    : await vscode.window.showInputBox({
        title: "Ask About This Workspace",
        prompt: "The answer names the lines it comes from.",
        placeHolder: "How does … work? Where is … decided?",
        ...staying,
      });
  if (question?.trim()) await app.start(root, "ask_workspace", { question: question.trim() });
}

const ScopeArgument = z.object({ scope: z.enum(["staged", "working", "branch"]) });

async function reviewChanges(app: App, argument: unknown): Promise<void> {
  const given = ScopeArgument.safeParse(argument);
  const root = await pickFolder();
  if (root === null) return;
  const scope = given.success ? given.data.scope : await pickScope(await app.need(), root);
  if (scope === null) return;
  await startReview(app, root, { scope, depth: depthOf(root) });
}

/** The depth of the folder's settings. */
const depthOf = (root: string): string =>
  vscode.workspace.getConfiguration("podium", vscode.Uri.file(root)).get<string>("review.depth", "normal");

/** The language client needs a connection and listens before the first finding is there. */
async function startReview(app: App, root: string, input: JsonObject): Promise<void> {
  await app.need();
  await app.wantReview();
  await app.start(root, "review_changes", input);
}

async function pickScope(connection: Connection, root: string): Promise<string | null> {
  const { scopes } = await connection.request("review.scopes", { root });
  const items = scopes.map(({ scope, label, files, hunks, etaMs }) => ({
    label,
    description:
      files === 0 ? "no change" : `${files} file${files === 1 ? "" : "s"} · ${hunks} hunk${hunks === 1 ? "" : "s"}`,
    detail: etaMs === null || files === 0 ? "" : `about ${duration(etaMs)}`,
    scope,
  }));
  return (
    (await vscode.window.showQuickPick(items, { title: "Review Changes", placeHolder: "Which changes?", ...staying }))
      ?.scope ?? null
  );
}

async function runWorkflow(app: App, argument: unknown): Promise<void> {
  const connection = await app.need();
  const { workflows } = await connection.request("workflow.list", {});
  const name = named(WorkflowArgument, argument);
  const sound = workflows.filter((info) => info.problems.length === 0);
  const items = sound.map((info) => ({ label: info.name, description: info.source, detail: info.about ?? "", info }));
  const info =
    name === null
      ? (
          await vscode.window.showQuickPick(items, {
            title: "Run Workflow",
            placeHolder: "Which workflow?",
            ...staying,
          })
        )?.info
      : workflows.find((candidate) => candidate.name === name);
  if (!info) {
    const names = workflows.map((known) => known.name).join(", ");
    if (name !== null) throw new PodiumError("unknown_workflow", `There is no workflow ${name}. There are: ${names}.`);
    return;
  }
  const root = await pickFolder();
  if (root === null) return;
  const given = InputArgument.safeParse(argument);
  const input = given.success ? given.data.input : await askInput(info);
  if (input === null) return;
  if (info.name === "review_changes") await startReview(app, root, input);
  else await app.start(root, info.name, input);
}

/** Asks for the inputs one after the other; null when the person left. */
async function askInput(info: WorkflowInfo): Promise<JsonObject | null> {
  const answers: (readonly [ReturnType<typeof questionsOf>[number], string])[] = [];
  for (const question of questionsOf(info)) {
    const title = `${info.name}: ${question.name}`;
    const answer =
      question.choices.length > 0
        ? await vscode.window.showQuickPick([...question.choices], {
            title,
            placeHolder: question.value ?? "",
            ...staying,
          })
        : await vscode.window.showInputBox({
            title,
            value: question.value ?? "",
            ...staying,
            validateInput: (typed) => problemOf(question, typed),
          });
    if (answer === undefined) return null;
    answers.push([question, answer]);
  }
  return inputOf(answers);
}

async function firstEvent(connection: Connection, run: string) {
  const { events } = await connection.request("run.events", { run, after: 0, limit: 1 });
  const [first] = events;
  if (first?.kind !== "run-start") throw new PodiumError("unknown_run", `The log of ${run} has no beginning.`);
  return first;
}

/** The folder a run works on. */
export const rootOf = async (connection: Connection, run: string): Promise<string> =>
  (await firstEvent(connection, run)).root;

/** Starts a run again with the input of its log, in the same folder. */
export async function runAgain(app: App, run: string): Promise<void> {
  const { workflow, input, root } = await firstEvent(await app.need(), run);
  if (workflow === "review_changes") await startReview(app, root, input);
  else await app.start(root, workflow, input);
}

async function doctor(app: App): Promise<void> {
  const connection = await app.need();
  const { checks, ok } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: "Doctor" },
    () => connection.request("doctor.run", {}),
  );
  for (const check of checks)
    app.log.info(`${check.ok ? "ok" : "problem"} ${check.id}: ${check.message}${check.fix ? ` ${check.fix}` : ""}`);
  const items = checks.map((check) => ({
    label: `$(${check.ok ? "pass" : "warning"}) ${check.id}`,
    description: check.message,
    detail: check.ok ? "" : (check.fix ?? ""),
  }));
  const title = ok ? "Doctor: everything is in order" : "Doctor: something needs you";
  await vscode.window.showQuickPick(items, { title, placeHolder: "Enter closes; the log keeps this list", ...staying });
}

/** Ends the process in order and starts it anew; runs go on where they were. */
async function restart(app: App): Promise<void> {
  if (app.link.connection) {
    const admin = await app.needAdmin();
    app.link.drop();
    await admin.request("hub.stop", {});
    await new Promise<void>((resolve) => admin.onClose(resolve));
  }
  // Who restarts by hand has perhaps removed what ended the last five starts.
  forgetStarts(app.home);
  await app.need();
}

async function showLog(app: App): Promise<void> {
  app.log.show(true);
  const file = logFile(app.home);
  if (existsSync(file)) await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: true });
}

const always: readonly CommandId[] = [
  "podium.ask",
  "podium.review.changes",
  "podium.run",
  "podium.recording.play",
  "podium.doctor",
  "podium.log",
];

async function actions(app: App): Promise<void> {
  const status = statusOf(app.model(), Date.now());
  const allowed = (id: CommandId): boolean => app.model().trusted || !commandTexts[id].needsTrust;
  const rest = always.filter((id) => allowed(id) && !status.actions.includes(id));
  const offered = status.actions.filter((id) => id === "workbench.trust.manage" || allowed(id));
  const items = [...offered, ...rest].map((id) => ({ label: actionTitle(id), id }));
  const picked = await vscode.window.showQuickPick(items, { title: status.spoken, placeHolder: status.detail });
  if (picked) await vscode.commands.executeCommand(picked.id);
}

const withRun = async (
  app: App,
  argument: unknown,
  title: string,
  fits: (row: RunRow, model: Model) => boolean,
  then: (run: string) => Promise<void>,
): Promise<void> => {
  const run = named(RunArgument, argument) ?? (await pickRun(app, title, fits));
  if (run !== null) await then(run);
};

const open = (row: RunRow): boolean => !isEnded(row);

const table: { readonly [C in AnyCommand]: Run } = {
  "podium.ask": ask,
  "podium.review.changes": reviewChanges,
  "podium.review.clear": async (app) => app.clearReview(),
  "podium.run": runWorkflow,
  "podium.run.open": (app, argument) => withRun(app, argument, "Which run?", () => true, app.show),
  "podium.run.answer": (app, argument) =>
    withRun(
      app,
      argument,
      "Which run?",
      (row, model) => waitingRuns(model).includes(row),
      (run) => answerRun(app, run),
    ),
  "podium.run.cancel": (app, argument) =>
    withRun(app, argument, "Cancel which run?", open, async (run) => {
      await (await app.need()).request("run.cancel", { run });
    }),
  "podium.run.resume": (app, argument) =>
    withRun(
      app,
      argument,
      "Resume which run?",
      (row) => row.status === "parked",
      async (run) => {
        await (await app.need()).request("run.resume", { run });
      },
    ),
  "podium.run.again": (app, argument) =>
    withRun(app, argument, "Run which one again?", isEnded, (run) => runAgain(app, run)),
  "podium.workflow.open": async (_app, argument) => {
    await vscode.window.showTextDocument(vscode.Uri.file(FileArgument.parse(argument).file));
  },
  "podium.models.refresh": async (app) => {
    const models = await (await app.need()).request("model.list", { refresh: true });
    app.update((model) => ({ ...model, models }));
  },
  "podium.recording.play": (app) => app.playRecording(),
  "podium.actions": actions,
  "podium.doctor": doctor,
  "podium.hub.restart": restart,
  "podium.log": showLog,
  "podium.location": async (_app, argument) => {
    const { root, path, line, endLine } = PlaceArgument.parse(argument);
    await openPlace(root, path, line, endLine);
  },
};

/** One sentence, its code, and a button that helps. */
export async function showProblem(app: App, error: unknown): Promise<void> {
  const problem = toPodiumError(error);
  app.log.error(`${problem.code}: ${problem.message}`);
  if (problem.code === "cancelled") return;
  const picked = await vscode.window.showErrorMessage(`${problem.message} (${problem.code})`, "Doctor", "Show Log");
  if (picked) await vscode.commands.executeCommand(picked === "Doctor" ? "podium.doctor" : "podium.log");
}

/** Runs one command; a failure is shown, never thrown. */
export async function runCommand(app: App, id: AnyCommand, argument: unknown): Promise<void> {
  try {
    await table[id](app, argument);
  } catch (error) {
    void showProblem(app, error);
  }
}
