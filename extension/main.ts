import { createRequire } from "node:module";
import { join } from "node:path";
import * as vscode from "vscode";
import type { AnyCommand, Shell, Whole } from "./app.ts";
import { commandIds } from "./command-texts.ts";
import { contextKeys, firstModel, type Model } from "./state.ts";
import { type Status, statusOf } from "./status.ts";
import { createStatusBar } from "./status-bar.ts";
import { createTrees } from "./trees/tree.ts";

/** What other extensions and the tests may read: the status as it is shown, and what is known. */
export interface PodiumApi {
  readonly status: () => Status;
  readonly model: () => Model;
}

/** Paints the shell of the window; everything that talks to the outside is loaded right after, or on first need. */
export function activate(context: vscode.ExtensionContext): PodiumApi {
  const log = vscode.window.createOutputChannel("Podium", { log: true });
  const listeners = new Set<(model: Model) => void>();
  let model = firstModel(vscode.workspace.isTrusted, Date.now());
  let whole: Promise<Whole> | null = null;
  const shell: Shell = {
    context,
    log,
    model: () => model,
    update: (change) => {
      const before = model;
      model = change(before);
      if (model !== before) for (const listener of listeners) listener(model);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },
    whole: () => {
      whole ??= loadWhole(shell);
      return whole;
    },
    aside: (work) => {
      shell
        .whole()
        .then(work)
        .catch((error: unknown) => log.error(String(error)));
    },
  };
  const ids: readonly AnyCommand[] = [...commandIds, "podium.location"];
  const soon = setImmediate(() => shell.aside(({ wake }) => wake()));
  const paint = paintContext();
  paint(model);
  context.subscriptions.push(
    log,
    { dispose: () => clearImmediate(soon) },
    { dispose: () => whole?.then(({ dispose }) => dispose()).catch(() => undefined) },
    createStatusBar(shell),
    createTrees(shell),
    shell.onChange(paint),
    ...ids.map((id) =>
      vscode.commands.registerCommand(id, async (argument: unknown) => (await shell.whole()).command(id, argument)),
    ),
    vscode.window.registerWebviewPanelSerializer("podium.run", {
      deserializeWebviewPanel: async (panel, state) => (await shell.whole()).restorePanel(panel, state),
    }),
  );
  return { status: () => statusOf(model, Date.now()), model: () => model };
}

async function loadWhole(shell: Shell): Promise<Whole> {
  const load = createRequire(join(shell.context.extensionPath, "dist", "extension.cjs"));
  const loaded: typeof import("./window.ts") = load("./window.cjs");
  return loaded.createWindow(shell);
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
