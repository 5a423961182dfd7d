import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { HubClient, type Introduction } from "../sidecar/client/client.ts";
import { homeDirectory, readRecord } from "../sidecar/client/record.ts";
import { reachHub } from "../sidecar/client/start.ts";
import { PodiumError } from "../sidecar/protocol/errors.ts";
import { Build } from "../sidecar/protocol/hub.ts";
import type { FromPanel } from "../sidecar/protocol/panel.ts";
import { AskResult } from "../sidecar/protocol/review.ts";
import type { App } from "./app.ts";
import { registerCommands, runAgain, showProblem } from "./commands.ts";
import { type Connection, HubLink } from "./hub.ts";
import { folderPaths, openPlace } from "./open.ts";
import { type Recording, RunPanel } from "./panel.ts";
import { parseRecording, playRecording } from "./recording.ts";
import { readReview } from "./session.ts";
import { chosenSettings } from "./settings.ts";
import { contextKeys, firstModel, type Model, withItem, withLink } from "./state.ts";
import { statusOf } from "./status.ts";
import { createStatusBar } from "./status-bar.ts";
import { createTrees } from "./trees/tree.ts";

declare const __PODIUM_BUILD__: unknown;

/** What other extensions and the tests may read: the status as it is shown, and what is known. */
export interface PodiumApi {
  readonly status: () => ReturnType<typeof statusOf>;
  readonly model: () => Model;
}

export function activate(context: vscode.ExtensionContext): PodiumApi {
  const log = vscode.window.createOutputChannel("Podium", { log: true });
  const build = Build.parse(__PODIUM_BUILD__);
  const home = homeDirectory(process.env, build, context.extensionPath);
  const listeners = new Set<(model: Model) => void>();
  let model = firstModel(vscode.workspace.isTrusted, Date.now());
  const update = (change: (model: Model) => Model): void => {
    const before = model;
    model = change(before);
    if (model !== before) for (const listener of listeners) listener(model);
  };

  const introduction = (scopes: Introduction["scopes"]): Introduction => ({
    human: model.trusted,
    scopes: model.trusted ? scopes : ["read"],
    client: "extension",
    build,
    roots: [...folderPaths()],
    trusted: model.trusted,
    settings: chosenSettings((problem) => log.warn(problem)),
  });
  const reach = (mayStart: boolean): Promise<Connection> =>
    reachHub({
      home,
      dist: join(context.extensionPath, "dist"),
      env: process.env,
      introduction: introduction(["read", "run", "human"]),
      mayStart,
    });

  const reviews = new Map<string, Promise<void>>();
  const loadReview = (connection: Connection, run: string): void => {
    const before = reviews.get(run) ?? Promise.resolve();
    const next = before.then(async () => {
      const review = await readReview(connection, run);
      if (review && review.run !== context.workspaceState.get("podium.review.cleared"))
        update((known) => ({ ...known, review }));
    });
    reviews.set(
      run,
      next.catch((error: unknown) => log.info(`The review was not read: ${String(error)}`)),
    );
  };

  const link = new HubLink({
    reach,
    readRecord: () => readRecord(home),
    mayStart: () => model.trusted,
    onLink: (state, error) => {
      update((known) => withLink(known, state, Date.now(), error));
      if (state !== "attached") panel.lost();
    },
    onItem: (item) => {
      const before = model;
      update((known) => withItem(known, item));
      const { connection } = link;
      if (!connection) return;
      if ("findings" in item && item.findings.run) loadReview(connection, item.findings.run);
      if ("runs" in item) followReview(connection, before, model);
    },
    onAttach: async (connection) => {
      const { runs } = await connection.request("run.list", { limit: 100 });
      update((known) => withItem(known, { runs }));
      const { workflows } = await connection.request("workflow.list", {});
      update((known) => ({ ...known, workflows }));
      const [review] = runs.filter((row) => row.workflow === "review_changes");
      if (review) {
        loadReview(connection, review.run);
        if (model.trusted) await wantReview();
      }
      panel.attached();
    },
    kill: (pid) => process.kill(pid, "SIGKILL"),
    random: Math.random,
  });

  /** A newer review replaces the one that is shown; its end brings what was held back. */
  const followReview = (connection: Connection, before: Model, now: Model): void => {
    const [newest] = now.runs.filter((row) => row.workflow === "review_changes");
    if (!newest) return;
    const known = before.runs.find((row) => row.run === newest.run);
    if (known?.status !== newest.status || now.review?.run !== newest.run) loadReview(connection, newest.run);
  };

  let client: Promise<LanguageClient> | null = null;
  const attached = (): Promise<Connection> =>
    new Promise((resolve) => {
      if (link.connection) return resolve(link.connection);
      const look = (): void => {
        if (!link.connection) return;
        listeners.delete(look);
        resolve(link.connection);
      };
      listeners.add(look);
    });
  const startReview = async (): Promise<LanguageClient> => {
    const load = createRequire(join(context.extensionPath, "dist", "extension.cjs"));
    const loaded: typeof import("./review.ts") = load("./review.cjs");
    const started = loaded.createReview(async () => {
      const { record } = await attached();
      return { url: `ws://127.0.0.1:${record.port}/lsp`, token: record.token ?? "" };
    }, log);
    await started.start();
    context.subscriptions.push({ dispose: () => void started.dispose().catch(() => undefined) });
    return started;
  };
  const wantReview = async (): Promise<void> => {
    client ??= startReview();
    await client;
  };

  const app: App = {
    context,
    log,
    home,
    link,
    model: () => model,
    update,
    onChange: (listener) => {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },
    need: () => link.need(),
    needAdmin: async () => {
      const record = readRecord(home);
      if (!record) throw new PodiumError("no_hub", "Podium is not running.");
      return HubClient.connect(record, introduction(["admin"]));
    },
    start: async (workflow, input) => {
      const connection = await link.need();
      const [root] = folderPaths();
      if (root === undefined) throw new PodiumError("usage", "Open a folder first: a run works on one.");
      const { run } = await connection.request("run.start", { workflow, input, root, idem: randomUUID() });
      panel.show({ kind: "run", run });
      return run;
    },
    show: async (run) => panel.show({ kind: "run", run }),
    playRecording: async () => panel.show({ kind: "recording", recording: readRecording(context) }),
    wantReview,
    clearReview: () => {
      void context.workspaceState.update("podium.review.cleared", model.review?.run);
      update((known) => ({ ...known, review: null }));
      void client?.then((started) => started.diagnostics?.clear());
    },
  };

  const lastAnswer = async (run: string): Promise<{ readonly previous?: string }> => {
    const answer = AskResult.safeParse((await (await link.need()).request("run.get", { run })).result);
    return answer.success ? { previous: answer.data.text } : {};
  };
  const act = async (message: FromPanel, run: string): Promise<void> => {
    switch (message.type) {
      case "ready":
      case "blob":
      case "copy":
        return;
      case "open": {
        const root = model.runs.find((row) => row.run === run)?.root ?? folderPaths()[0];
        if (root === undefined)
          throw new PodiumError("outside_workspace", "This run belongs to no folder of this window.");
        return openPlace(root, message.path, message.line ?? null, message.endLine ?? null);
      }
      case "cancel":
        await (await link.need()).request("run.cancel", { run });
        return;
      case "resume":
        await (await link.need()).request("run.resume", { run });
        return;
      case "answer":
        await (await link.need()).request("run.answer", { run, ask: message.ask, value: message.value });
        return;
      case "followUp":
        await app.start("ask_workspace", { question: message.question, ...(await lastAnswer(run)) });
        return;
      case "runAgain":
        return runAgain(app, run);
    }
  };
  const panel = new RunPanel(app, act);

  context.subscriptions.push(
    log,
    { dispose: () => link.dispose() },
    { dispose: () => panel.dispose() },
    createStatusBar(app),
    createTrees(app),
    registerCommands(app),
    app.onChange(() => panel.refresh()),
    app.onChange(paintContext()),
    vscode.window.registerWebviewPanelSerializer("podium.run", {
      deserializeWebviewPanel: async (kept, state) => panel.restore(kept, state),
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      update((known) => ({ ...known, trusted: true }));
      link.drop();
      link.need().catch((error: unknown) => showProblem(app, error));
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("podium")) tellSettings();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(() => tellSettings()),
  );
  const tellSettings = (): void => {
    const { settings = {}, roots, trusted } = introduction([]);
    link.connection
      ?.request("settings.set", { settings, roots, trusted })
      .catch((error: unknown) => log.warn(String(error)));
  };

  wake(home, link, update).catch((error: unknown) => log.info(`Not connected: ${String(error)}`));
  return { status: () => statusOf(model, Date.now()), model: () => model };
}

/** Shows the last known line; starts only what is due, attaches to what already answers. */
async function wake(home: string, link: HubLink, update: App["update"]): Promise<void> {
  const record = readRecord(home);
  if (!record) return;
  update((known) => ({ ...known, attention: record.attention }));
  const { attention, nextDue, pid } = record;
  const due = (attention !== null && attention.open > attention.waiting) || (nextDue !== null && nextDue <= Date.now());
  if (vscode.workspace.isTrusted && (due || pid !== undefined)) await link.need();
  else await link.attachIfRunning();
}

/** Sets only the keys that changed. */
function paintContext(): (model: Model) => void {
  const shown = new Map<string, string | number>();
  return (model) => {
    for (const [key, value] of Object.entries(contextKeys(model))) {
      if (shown.get(key) === value) continue;
      shown.set(key, value);
      void vscode.commands.executeCommand("setContext", key, value);
    }
  };
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
