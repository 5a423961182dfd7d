"use strict";
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { modelServer, newest, podium, stateOf, waitFor } = require("./support.cjs");

const exec = vscode.commands.executeCommand;
const [folder] = vscode.workspace.workspaceFolders ?? [];
const ours = (uri) => vscode.languages.getDiagnostics(uri).filter(({ source }) => source === "Podium");
const names = ["one", "two", "three"];
const uriOf = (name) => vscode.Uri.joinPath(folder.uri, "three", `${name}.ts`);

describe("a review of three files at two seconds a call", () => {
  const server = modelServer();
  const git = (...args) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
      cwd: folder.uri.fsPath,
    });
  /** What the server was asked, in order, and which findings the editor showed at that moment. */
  const calls = [];
  /** When a file's finding was verified for the server, and when the editor showed it. */
  const verified = new Map();
  const shown = new Map();

  const answers = ({ prompt, body }) => {
    const text = JSON.stringify(body.messages);
    const name = names.find((candidate) => text.includes(`limitOf_${candidate}`));
    const kind = /Is the claim true/.test(prompt) ? "verify" : "find";
    calls.push({ kind, name, shownBefore: names.filter((candidate) => ours(uriOf(candidate)).length > 0) });
    const found = {
      quote: `  return list.length - 1; // limitOf_${name}`,
      category: "correctness",
      title: `The limit of ${name} is one too small`,
      claim: "The last entry is left out.",
      trigger: "a list of one -> 0",
    };
    const answer =
      kind === "find"
        ? { findings: [found] }
        : { verdict: "real", evidence: `return list.length - 1; // limitOf_${name}` };
    if (kind === "verify") setTimeout(() => verified.set(name, Date.now()), 2000);
    return { text: JSON.stringify(answer), delayMs: 2000, promptTokens: Math.ceil(text.length / 4) };
  };

  before(async () => {
    const api = await podium().activate();
    fs.mkdirSync(path.join(folder.uri.fsPath, "three"));
    for (const name of names)
      fs.writeFileSync(uriOf(name).fsPath, `export function limit(list: string[]) {\n  return list.length;\n}\n`);
    git("add", "three");
    git("commit", "-qm", "three files", "--", "three");
    for (const name of names)
      fs.writeFileSync(
        uriOf(name).fsPath,
        `export function limit(list: string[]) {\n  return list.length - 1; // limitOf_${name}\n}\n`,
      );
    git("stash", "push", "-q", "--staged");
    git("add", "three");
    await exec("podium.models.refresh");
    await server.serve({ answers });
    await stateOf(api, "ready");
  });
  after(async () => {
    await exec("podium.review.clear");
    git("reset", "-q", "--hard");
    git("stash", "pop", "-q", "--index");
    await server.close();
  });

  it("shows the first finding before the second file is asked, and each as soon as it is verified", async () => {
    const listening = vscode.languages.onDidChangeDiagnostics(() => {
      for (const name of names) if (ours(uriOf(name)).length > 0 && !shown.has(name)) shown.set(name, Date.now());
    });
    const api = await podium().activate();
    await exec("podium.review.changes", { scope: "staged" });
    await newest(api, "succeeded", 60_000);
    await waitFor(() => shown.size === 3, "all three findings");
    listening.dispose();
    const order = [...new Set(calls.map(({ name }) => name))];
    assert.deepEqual(
      calls.map(({ kind, name }) => `${kind} ${name}`),
      order.flatMap((name) => [`find ${name}`, `verify ${name}`]),
    );
    const seen = calls.filter(({ kind }) => kind === "find").map(({ shownBefore }) => shownBefore);
    assert.deepEqual(seen, [[], [order[0]], order.slice(0, 2).sort((a, b) => names.indexOf(a) - names.indexOf(b))]);
    for (const name of names) assert.ok(shown.get(name) - verified.get(name) < 1500, `${name} came late`);
  }).timeout(90_000);

  it("underlines the code and not its indentation", async () => {
    const document = await vscode.workspace.openTextDocument(uriOf("one"));
    await vscode.window.showTextDocument(document);
    const underlined = () => document.getText(ours(uriOf("one"))[0]?.range);
    await waitFor(() => underlined() === "return list.length - 1; // limitOf_one", `the code: ${underlined()}`);
  });
});
