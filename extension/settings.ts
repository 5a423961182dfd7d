import * as vscode from "vscode";
import { settings } from "../sidecar/protocol/settings.ts";
import { settingKeys } from "./manifest.ts";

/** The settings this person or folder set, defaults left out; a value that does not parse is left out and reported. */
export function chosenSettings(report: (problem: string) => void): { readonly [key: string]: unknown } {
  const configuration = vscode.workspace.getConfiguration("podium");
  const chosen: { [key: string]: unknown } = {};
  for (const key of settingKeys) {
    const inspected = configuration.inspect(key);
    const values = [inspected?.globalValue, inspected?.workspaceValue, inspected?.workspaceFolderValue];
    if (values.every((value) => value === undefined)) continue;
    const parsed = settings[key].safeParse(configuration.get(key));
    if (parsed.success) chosen[key] = parsed.data;
    else report(`The setting podium.${key} is ignored: ${parsed.error.issues[0]?.message ?? "not valid"}`);
  }
  return chosen;
}
