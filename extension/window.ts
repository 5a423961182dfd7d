import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { HubClient, type Introduction } from "../sidecar/client/client.ts";
import { previousOf } from "../sidecar/client/follow-up.ts";
import { endBlocked } from "../sidecar/client/process.ts";
import { homeDirectory, readRecord } from "../sidecar/client/record.ts";
import { reachHub } from "../sidecar/client/start.ts";
import { PodiumError } from "../sidecar/protocol/errors.ts";
import { Build } from "../sidecar/protocol/hub.ts";
import type { FromPanel } from "../sidecar/protocol/panel.ts";
import type { App, Shell, Whole } from "./app.ts";
import { rootOf, runAgain, runCommand, showProblem } from "./commands.ts";
import { Findings } from "./findings.ts";
import { HubLink } from "./hub.ts";
import { folderPaths, openPlace } from "./open.ts";
import { type Recording, RunPanel } from "./panel.ts";
import { parseRecording, playRecording } from "./recording.ts";
import { chosenSettings } from "./settings.ts";
import { withItem, withLink } from "./state.ts";
import { stepRows } from "./trees/runs.ts";

declare const __PODIUM_BUILD__: unknown;

/** Wires the connected part of a window by hand: connection, run panel, reviews and commands. */
export function createWindow(shell: Shell): Whole {
  const { context, log, model, update } = shell;
  const build = Build.parse(__PODIUM_BUILD__);
  const home = homeDirectory(process.env, build, context.extensionPath);
  const introduce = (scopes: Introduction["scopes"]): Introduction => ({
    human: model().trusted,
    scopes: model().trusted ? scopes : ["read"],
    client: "extension",
    build,
    roots: [...folderPaths()],
    trusted: model().trusted,
    settings: chosenSettings((problem) => log.warn(problem)),
  });
  const link = new HubLink({
    reach: (mayStart) =>
      reachHub({
        home,
        dist: join(context.extensionPath, "dist"),
        env: process.env,
        introduction: introduce(["read", "run", "human"]),
        mayStart,
      }),
    readRecord: () => readRecord(home),
    mayStart: () => model().trusted,
    onLink: (state, error) => {
      update((known) => withLink(known, state, Date.now(), error));
      if (state !== "attached") panel.lost();
    },
    onItem: (item) => {
      const before = model();
      update((known) => withItem(known, item));
      const { connection } = link;
      if (!connection) return;
      if ("findings" in item) findings.read(connection, item.findings.run);
      if ("runs" in item) findings.follow(connection, before, model());
    },
    onAttach: async (connection) => {
      const { runs } = await connection.request("run.list", { limit: 100 });
      const { workflows } = await connection.request("workflow.list", {});
      update((known) => ({ ...withItem(known, { runs }), workflows }));
      const review = runs.find((row) => row.workflow === "review_changes");
      if (review) findings.read(connection, review.run);
      if (review && model().trusted) findings.want().catch((error: unknown) => log.warn(String(error)));
      panel.attached();
    },
    kill: (pid) => {
      const record = readRecord(home);
      if (record?.pid === pid) endBlocked(record);
    },
    random: Math.random,
  });
  const findings = new Findings(shell, link);
  const app: App = {
    ...shell,
    home,
    link,
    need: () => link.need(),
    needAdmin: async () => {
      const record = readRecord(home);
      if (!record) throw new PodiumError("no_hub", "Podium is not running.");
      return HubClient.connect(record, introduce(["admin"]));
    },
    start: async (root, workflow, input) => {
      const connection = await link.need();
      const { run } = await connection.request("run.start", { workflow, input, root, idem: randomUUID() });
      panel.show({ kind: "run", run });
      return run;
    },
    show: async (run) => panel.show({ kind: "run", run }),
    playRecording: async () => panel.show({ kind: "recording", recording: readRecording(context) }),
    wantReview: () => findings.want(),
    clearReview: () => findings.clear(),
  };
  const panel = new RunPanel(app, (message, run) => actOn(app, message, run));
  const listening = vscode.Disposable.from(
    shell.onChange(() => panel.refresh()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      update((known) => ({ ...known, trusted: true }));
      attachAnew();
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("podium")) tell();
    }),
    // A connection is bound to its folders, so other folders need another one.
    vscode.workspace.onDidChangeWorkspaceFolders(() => {
      if (link.connection) attachAnew();
    }),
  );
  const attachAnew = (): void => {
    link.drop();
    update((known) => ({ ...known, runs: [], workflows: [], review: null }));
    link.need().catch((error: unknown) => showProblem(app, error));
  };
  const tell = (): void => {
    const { settings = {}, roots, trusted } = introduce([]);
    link.connection
      ?.request("settings.set", { settings, roots, trusted })
      .catch((error: unknown) => log.warn(String(error)));
  };
  const quietly = (work: Promise<unknown>): Promise<void> =>
    work.then(
      () => undefined,
      (error: unknown) => log.info(`Not connected: ${String(error)}`),
    );

  return {
    wake: () => quietly(wake(home, app)),
    look: () => quietly(link.need()),
    steps: async (run) => stepRows(run, (await (await link.need()).request("run.get", { run })).steps),
    command: (id, argument) => runCommand(app, id, argument),
    restorePanel: (kept, state) => panel.restore(kept, state),
    dispose: () => {
      listening.dispose();
      findings.dispose();
      panel.dispose();
      link.dispose();
    },
  };
}

async function wake(home: string, app: App): Promise<void> {
  const record = readRecord(home);
  if (!record) return;
  app.update((known) => ({ ...known, attention: record.attention }));
  const { attention, nextDue, pid } = record;
  const due = (attention !== null && attention.open > attention.waiting) || (nextDue !== null && nextDue <= Date.now());
  if (app.model().trusted && (due || pid !== undefined)) await app.need();
  else await app.link.attachIfRunning();
}

/** What the person does in the panel of a run. */
async function actOn(app: App, message: FromPanel, run: string): Promise<void> {
  switch (message.type) {
    case "ready":
    case "blob":
    case "copy":
      return;
    case "open": {
      const root = app.model().runs.find((row) => row.run === run)?.root ?? folderPaths()[0];
      if (root === undefined)
        throw new PodiumError("outside_workspace", "This run belongs to no folder of this window.");
      return openPlace(root, message.path, message.line ?? null, message.endLine ?? null);
    }
    case "cancel":
      await (await app.need()).request("run.cancel", { run });
      return;
    case "resume":
      await (await app.need()).request("run.resume", { run });
      return;
    case "answer":
      await (await app.need()).request("run.answer", { run, ask: message.ask, value: message.value });
      return;
    case "followUp": {
      const connection = await app.need();
      const previous = await previousOf((method, params) => connection.request(method, params), run);
      const input = { question: message.question, ...(previous === null ? {} : { previous }) };
      await app.start(await rootOf(connection, run), "ask_workspace", input);
      return;
    }
    case "runAgain":
      return runAgain(app, run);
  }
}

function readRecording(context: vscode.ExtensionContext): Recording {
  const file = vscode.Uri.joinPath(context.extensionUri, "extension", "media", "recording.jsonl").fsPath;
  const recorded = parseRecording(readFileSync(file, "utf8"));
  return {
    run: recorded.run,
    banner: `Recorded ${recorded.recordedWith}, not on this machine`,
    play: (post) => playRecording(recorded, post, Date.now),
    blob: (hash) => recorded.blobs.get(hash),
  };
}
