import * as vscode from "vscode";
import { confineCitation } from "./confine.ts";

/** Absolute paths of this window's folders on this machine. */
export const folderPaths = (): readonly string[] =>
  (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file").map(({ uri }) => uri.fsPath);

/** Opens a place that a run named in the first editor column; lines are 1-based, inclusive. */
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
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.One, selection, preview: true });
}
