import * as vscode from "vscode";
import type { Shell } from "../app.ts";
import type { Model } from "../state.ts";
import { modelsView } from "./models.ts";
import { reviewView } from "./review.ts";
import type { Row, View } from "./row.ts";
import { runsView } from "./runs.ts";
import { workflowsView } from "./workflows.ts";

function toItem(row: Row): vscode.TreeItem {
  const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(row.label, row.children === undefined ? None : row.unfolded ? Expanded : Collapsed);
  item.id = row.id;
  item.description = row.description ?? false;
  item.tooltip = row.tooltip;
  if (row.icon !== undefined) {
    item.iconPath = new vscode.ThemeIcon(
      row.icon,
      row.colour === undefined ? undefined : new vscode.ThemeColor(row.colour),
    );
  }
  if (row.context !== undefined) item.contextValue = row.context;
  if (row.click) item.command = { title: "Open", command: row.click.command, arguments: [row.click.argument] };
  item.accessibilityInformation = { label: [row.label, row.description].filter(Boolean).join(", ") };
  return item;
}

/** Keeps one native tree equal to a view of `parts` of the model; looking at it is a need for the connection. */
function bind(
  shell: Shell,
  id: string,
  parts: (model: Model) => readonly unknown[],
  read: () => View,
): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  let view = read();
  const tree = vscode.window.createTreeView<Row>(id, {
    showCollapseAll: true,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getTreeItem: toItem,
      getChildren: (row) => {
        if (!row) return [...view.rows];
        return typeof row.children === "function"
          ? row.children().then((rows) => [...rows])
          : [...(row.children ?? [])];
      },
    },
  });
  const refresh = (): void => {
    view = read();
    tree.description = view.description ?? "";
    if (view.message === undefined) delete tree.message;
    else tree.message = view.message;
    tree.badge = view.badge ?? { value: 0, tooltip: "" };
    changed.fire();
  };
  refresh();
  let drawn = parts(shell.model());
  const listening = shell.onChange((model) => {
    const now = parts(model);
    if (now.every((part, index) => part === drawn[index])) return;
    drawn = now;
    refresh();
  });
  const seen = tree.onDidChangeVisibility(({ visible }) => {
    if (visible) shell.aside(({ look }) => look());
  });
  return vscode.Disposable.from(tree, changed, seen, listening);
}

export function createTrees(shell: Shell): vscode.Disposable {
  const steps = async (run: string): Promise<readonly Row[]> => {
    try {
      return await (await shell.whole()).steps(run);
    } catch (error) {
      shell.log.info(`The steps of ${run} were not read: ${String(error)}`);
      return [{ id: `${run}/unread`, label: "Not connected", icon: "debug-disconnect" }];
    }
  };
  return vscode.Disposable.from(
    bind(
      shell,
      "podium.review",
      (model) => [model.review],
      () => reviewView(shell.model()),
    ),
    bind(
      shell,
      "podium.runs",
      (model) => [model.runs],
      () => runsView(shell.model(), Date.now(), steps),
    ),
    bind(
      shell,
      "podium.workflows",
      (model) => [model.workflows],
      () => workflowsView(shell.model()),
    ),
    bind(
      shell,
      "podium.models",
      (model) => [model.models],
      () => modelsView(shell.model()),
    ),
  );
}
