import * as vscode from "vscode";
import type { App } from "../app.ts";
import type { Model } from "../state.ts";
import { modelsView } from "./models.ts";
import { reviewView } from "./review.ts";
import type { Row, View } from "./row.ts";
import { runsView, stepRows } from "./runs.ts";
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
function bind(app: App, id: string, parts: (model: Model) => readonly unknown[], read: () => View): vscode.Disposable {
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
  let drawn = parts(app.model());
  const listening = app.onChange((model) => {
    const now = parts(model);
    if (now.every((part, index) => part === drawn[index])) return;
    drawn = now;
    refresh();
  });
  const seen = tree.onDidChangeVisibility(({ visible }) => {
    if (visible) app.need().catch((error: unknown) => app.log.info(`Not connected: ${String(error)}`));
  });
  return vscode.Disposable.from(tree, changed, seen, listening);
}

export function createTrees(app: App): vscode.Disposable {
  const steps = async (run: string): Promise<readonly Row[]> => {
    const connection = await app.need();
    return stepRows(run, (await connection.request("run.get", { run })).steps);
  };
  return vscode.Disposable.from(
    bind(
      app,
      "podium.review",
      (model) => [model.review],
      () => reviewView(app.model()),
    ),
    bind(
      app,
      "podium.runs",
      (model) => [model.runs],
      () => runsView(app.model(), Date.now(), steps),
    ),
    bind(
      app,
      "podium.workflows",
      (model) => [model.workflows],
      () => workflowsView(app.model()),
    ),
    bind(
      app,
      "podium.models",
      (model) => [model.models],
      () => modelsView(app.model()),
    ),
  );
}
