import * as vscode from "vscode";
import { PodiumError } from "../sidecar/protocol/errors.ts";
import { Json } from "../sidecar/protocol/json.ts";
import type { App } from "./app.ts";
import { choicesOf } from "./choices.ts";
import { staying } from "./staying.ts";

type Choice = vscode.QuickPickItem & { readonly value: Json | "other" | "open" };

/** Asks the person what a run asks, and sends the answer; the panel shows what it is about. */
export async function answerRun(app: App, run: string): Promise<void> {
  const connection = await app.need();
  const { waits } = await connection.request("run.get", { run });
  const [wait] = waits;
  if (!wait) throw new PodiumError("unknown_ask", "This run does not wait for an answer.");
  const choices: readonly Choice[] = [
    ...choicesOf(wait),
    ...(wait.kind === "question" ? [{ label: "$(edit) Something else…", value: "other" }] : []),
    { label: "$(open-preview) Look at the Run First", value: "open" },
  ];
  const picked = await vscode.window.showQuickPick(choices, {
    title: wait.title ?? "Answer",
    placeHolder: wait.title ?? "",
    ...staying,
  });
  if (!picked) return;
  if (picked.value === "open") return app.show(run);
  const value = picked.value === "other" ? await typed(wait.title ?? "Answer") : picked.value;
  if (value !== undefined) await connection.request("run.answer", { run, ask: wait.ask, value });
}

/** JSON if it parses, else the text itself. */
async function typed(title: string): Promise<Json | undefined> {
  const text = await vscode.window.showInputBox({ title, prompt: "Text, or JSON", ...staying });
  if (text === undefined) return undefined;
  try {
    return Json.parse(JSON.parse(text));
  } catch {
    return text;
  }
}
