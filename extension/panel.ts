import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import * as z from "zod";
import { toPodiumError } from "../sidecar/protocol/errors.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import { FromPanel, type ToPanel } from "../sidecar/protocol/panel.ts";
import type { App } from "./app.ts";
import { feedRun } from "./feed.ts";
import { panelHtml } from "./panel-html.ts";

/** A run that plays from a file; `play` posts its events over time and returns the function that ends it. */
export interface Recording {
  readonly run: string;
  readonly banner: string;
  readonly play: (post: (message: ToPanel) => void) => () => void;
  readonly blob: (hash: string) => Json | undefined;
}

type Shown =
  | { readonly kind: "run"; readonly run: string }
  | { readonly kind: "recording"; readonly recording: Recording };

const SavedState = z.object({ run: z.string() });

/** The one run panel: shows a run, relays its events, and does what the person asks for in it. */
export class RunPanel {
  readonly #app: App;
  readonly #act: (message: FromPanel, run: string) => Promise<void>;
  #panel: vscode.WebviewPanel | null = null;
  #shown: Shown | null = null;
  #end: () => void = () => undefined;
  #title = "";

  /** `act` does everything but ready, blob and copy, which need nobody else. */
  constructor(app: App, act: (message: FromPanel, run: string) => Promise<void>) {
    this.#app = app;
    this.#act = act;
  }

  show(shown: Shown): void {
    this.#shown = shown;
    if (!this.#panel) {
      const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.#adopt(vscode.window.createWebviewPanel("podium.run", "Podium", column, this.#options()));
    }
    this.#panel?.reveal(undefined, true);
    this.#restart();
  }

  /** A panel that the editor kept over a reload shows its run again. */
  restore(panel: vscode.WebviewPanel, state: unknown): void {
    const saved = SavedState.safeParse(state);
    const known = saved.success ? saved.data.run : this.#app.context.workspaceState.get<string>("podium.panel.run");
    if (known === undefined) {
      panel.dispose();
      return;
    }
    this.#shown = { kind: "run", run: known };
    panel.webview.options = this.#options();
    this.#adopt(panel);
  }

  /** The connection is there again: the shown run is read anew, from its log. */
  attached(): void {
    this.#post({ type: "connection", state: "attached" });
    if (this.#shown?.kind === "run") this.#restart();
  }

  lost(): void {
    if (this.#shown?.kind === "run") this.#post({ type: "connection", state: "lost" });
  }

  /** Rows and models changed. */
  refresh(): void {
    if (!this.#panel || this.#shown?.kind !== "run") return;
    const { run } = this.#shown;
    const { models, runs } = this.#app.model();
    const row = runs.find((candidate) => candidate.run === run);
    if (row) {
      this.#post({ type: "row", row });
      this.#retitle(row.title ?? row.workflow);
    }
    if (models) this.#post({ type: "models", models });
  }

  dispose(): void {
    this.#end();
    this.#panel?.dispose();
  }

  #retitle(title: string): void {
    if (!this.#panel || title === this.#title) return;
    this.#title = title;
    this.#panel.title = title.length > 30 ? `${title.slice(0, 29)}…` : title;
  }

  #options(): vscode.WebviewOptions & vscode.WebviewPanelOptions {
    const root = vscode.Uri.joinPath(this.#app.context.extensionUri, "dist", "webview");
    return { enableScripts: true, enableForms: false, enableCommandUris: false, localResourceRoots: [root] };
  }

  #adopt(panel: vscode.WebviewPanel): void {
    this.#panel = panel;
    this.#title = "";
    const icon = (theme: string): vscode.Uri =>
      vscode.Uri.joinPath(this.#app.context.extensionUri, "extension", "media", `podium-${theme}.svg`);
    panel.iconPath = { light: icon("light"), dark: icon("dark") };
    const folder = join(this.#app.context.extensionPath, "dist", "webview");
    const uri = (file: string): string =>
      panel.webview
        .asWebviewUri(vscode.Uri.joinPath(this.#app.context.extensionUri, "dist", "webview", file))
        .toString();
    const styles = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".css")) : [];
    panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message));
    panel.onDidDispose(() => {
      this.#end();
      this.#panel = null;
      this.#shown = null;
    });
    panel.webview.html = panelHtml({
      cspSource: panel.webview.cspSource,
      nonce: randomBytes(18).toString("base64url"),
      script: uri("main.js"),
      styles: styles.map(uri),
    });
  }

  #post(message: ToPanel): void {
    void this.#panel?.webview.postMessage(message);
  }

  #receive(message: unknown): void {
    const parsed = FromPanel.safeParse(message);
    if (!parsed.success) {
      this.#app.log.warn("A message of the run panel was not understood and was ignored.");
      return;
    }
    this.#handle(parsed.data).catch((error: unknown) => {
      this.#post({ type: "problem", error: toPodiumError(error).toShape() });
    });
  }

  async #handle(message: FromPanel): Promise<void> {
    const shown = this.#shown;
    if (!shown) return;
    if (message.type === "ready") return this.#restart();
    if (message.type === "copy") return vscode.env.clipboard.writeText(message.text);
    if (shown.kind === "recording") {
      if (message.type !== "blob") return;
      const value = shown.recording.blob(message.hash);
      this.#post({ type: "blob", hash: message.hash, ...(value === undefined ? {} : { value }) });
      return;
    }
    if (message.type === "blob") {
      const connection = await this.#app.need();
      const { value } = await connection.request("run.blob", { run: shown.run, hash: message.hash });
      this.#post({ type: "blob", hash: message.hash, value });
      return;
    }
    await this.#act(message, shown.run);
  }

  #restart(): void {
    this.#end();
    const shown = this.#shown;
    if (!this.#panel || !shown) return;
    const post = (message: ToPanel): void => this.#post(message);
    const { trusted, runs } = this.#app.model();
    if (shown.kind === "recording") {
      const { run, banner } = shown.recording;
      post({ type: "init", run, row: null, recording: banner, trusted, now: Date.now() });
      this.#retitle("Recorded run");
      this.#end = shown.recording.play(post);
      return;
    }
    const { run } = shown;
    void this.#app.context.workspaceState.update("podium.panel.run", run);
    const row = runs.find((candidate) => candidate.run === run) ?? null;
    post({ type: "init", run, row, recording: null, trusted, now: Date.now() });
    this.#retitle(row?.title ?? row?.workflow ?? "Run");
    this.refresh();
    let ended = false;
    let endFeed: () => void = () => undefined;
    this.#end = () => {
      ended = true;
      endFeed();
    };
    this.#app.need().then(
      (connection) => {
        if (!ended) endFeed = feedRun(connection, run, post, Date.now);
      },
      (error: unknown) => {
        if (!ended) post({ type: "problem", error: toPodiumError(error).toShape() });
      },
    );
  }
}
