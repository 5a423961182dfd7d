import * as vscode from "vscode";
import type { Shell } from "./app.ts";
import { type CommandId, commandTexts } from "./command-texts.ts";
import type { Model } from "./state.ts";
import { type Status, statusOf } from "./status.ts";

const repaintMs = 1000;
const colours = { warning: "statusBarItem.warningBackground", error: "statusBarItem.errorBackground" } as const;

export const actionTitle = (action: CommandId | "workbench.trust.manage"): string =>
  action === "workbench.trust.manage" ? "Manage Workspace Trust" : commandTexts[action].title;

/** Draws the one item: at once when the state changes, else at most once a second while something moves. */
export function createStatusBar(shell: Shell): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("podium.status", vscode.StatusBarAlignment.Right, 100);
  item.name = "Podium";
  item.command = "podium.actions";
  let shown: Status | null = null;
  let timer: NodeJS.Timeout | null = null;
  const paint = (): void => {
    const status = statusOf(shell.model(), Date.now());
    if (status.text !== shown?.text || status.detail !== shown.detail) draw(item, status, shell.model());
    shown = status;
  };
  const later = (): void => {
    timer ??= setTimeout(() => {
      timer = null;
      paint();
      if (shown?.state === "starting") later();
    }, repaintMs);
  };
  const listening = shell.onChange(() => {
    if (statusOf(shell.model(), Date.now()).state === shown?.state) later();
    else {
      paint();
      if (shown?.state === "starting") later();
    }
  });
  paint();
  item.show();
  return vscode.Disposable.from(item, listening, { dispose: () => timer && clearTimeout(timer) });
}

function draw(item: vscode.StatusBarItem, status: Status, model: Model): void {
  item.text = status.text;
  item.accessibilityInformation = { label: `${status.spoken}. ${status.detail}`, role: "button" };
  item.backgroundColor = status.colour === null ? undefined : new vscode.ThemeColor(colours[status.colour]);
  item.tooltip = tooltip(status, model);
}

function tooltip(status: Status, model: Model): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  text.isTrusted = { enabledCommands: [...status.actions] };
  text.appendMarkdown("**Podium** \u2014 ").appendText(status.detail).appendMarkdown("\n\n");
  const endpoints = model.models?.endpoints ?? [];
  if (endpoints.length > 0) text.appendMarkdown("| server | state | models |\n|---|---|---|\n");
  for (const endpoint of endpoints) {
    const loaded = endpoint.models.filter((entry) => entry.loaded).length;
    const name = `${endpoint.flavour} ${endpoint.version ?? ""}`.trim();
    text.appendMarkdown(`| ${plain(name)} | ${endpoint.state} | ${endpoint.models.length}, ${loaded} loaded |\n`);
  }
  text.appendMarkdown(`\n${status.actions.map((action) => `[${actionTitle(action)}](command:${action})`).join(" · ")}`);
  return text;
}

/** Names come from servers: nothing of them may become Markdown. */
const plain = (text: string): string => text.replaceAll(/[^\w .:@/-]/g, "");
