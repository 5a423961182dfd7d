import { realpath } from "node:fs/promises";
import * as vscode from "vscode";
import { PodiumError } from "../sidecar/protocol/errors.ts";
import { confineCitation } from "./confine.ts";
import { staying } from "./staying.ts";

/** Absolute paths of this window's folders on this machine. */
export const folderPaths = (): readonly string[] =>
  (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file").map(({ uri }) => uri.fsPath);

/**
 * The folder a run works on: the only one, else the one the person picks; null when none was picked.
 * Throws `usage` when no folder of this machine is open.
 */
export async function pickFolder(): Promise<string | null> {
  const [only, ...others] = folderPaths();
  if (only === undefined) throw new PodiumError("usage", "Open a folder of this machine first: a run works on one.");
  // A connection knows its folders by their real paths.
  if (others.length === 0) return realpath(only);
  const picked = await vscode.window.showWorkspaceFolderPick({ placeHolder: "Which folder?", ...staying });
  return picked?.uri.scheme === "file" ? realpath(picked.uri.fsPath) : null;
}

const isRunPanel = ({ input }: vscode.Tab): boolean =>
  input instanceof vscode.TabInputWebview && input.viewType.endsWith("podium.run");

/** The first column that does not show the run panel, so that the code stands beside it and not over it. */
function codeColumn(): vscode.ViewColumn {
  const free = vscode.window.tabGroups.all.find(({ activeTab }) => !activeTab || !isRunPanel(activeTab));
  return free?.viewColumn ?? vscode.ViewColumn.Beside;
}

/** Opens a place that a run named, beside the run panel; lines are 1-based, inclusive. */
export async function openPlace(
  root: string,
  path: string,
  line: number | null,
  endLine: number | null,
): Promise<void> {
  const file = await confineCitation(folderPaths(), root, path);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  const first = Math.min((line ?? 1) - 1, document.lineCount - 1);
  const last = document.lineAt(Math.min((endLine ?? line ?? 1) - 1, document.lineCount - 1));
  const selection = new vscode.Range(first, 0, last.lineNumber, line === null ? 0 : last.range.end.character);
  await vscode.window.showTextDocument(document, { viewColumn: codeColumn(), selection, preview: true });
}
