"use strict";
const assert = require("node:assert/strict");
const vscode = require("vscode");
const { hands, logOf, modelServer, newest, panelSays, script, waitFor, ready } = require("./support.cjs");

const exec = vscode.commands.executeCommand;

describe("the run panel", () => {
  const server = modelServer();
  let api;
  before(async () => {
    api = await ready(server);
    await exec("workbench.action.closeAllEditors");
  });
  after(() => server.close());

  it("opens the line of a citation", async () => {
    await exec("podium.ask", "When does an entry of the cache expire?");
    await newest(api, "succeeded");
    await panelSays("An expired entry gives undefined");
    const { citations } = await waitFor(async () => resultOf(api.model().runs[0].run), "the stored answer");
    await hands.panelClick("button.link", "[1]");
    const editor = await waitFor(() => vscode.window.activeTextEditor, "an editor");
    assert.ok(editor.document.uri.fsPath.endsWith(citations[0].path), editor.document.uri.fsPath);
    assert.equal(editor.selection.start.line, citations[0].line - 1);
    assert.equal(editor.selection.end.line, citations[0].endLine - 1);
  });

  it("asks a follow-up as a new run that knows the last answer", async () => {
    const { run: first } = api.model().runs[0];
    await hands.panelFill("#follow-up", "And where is the entry of the cache kept?");
    await hands.panelClick(".follow button");
    const next = await waitFor(
      () => api.model().runs[0].run !== first && api.model().runs[0].status === "succeeded" && api.model().runs[0],
      "the second run",
    );
    const [start] = await logOf(next.run);
    assert.equal(start.input.question, "And where is the entry of the cache kept?");
    assert.match(start.input.previous, /^When does an entry[^\n]*\n.*An expired entry gives undefined/);
    assert.match(JSON.stringify(server.get().generations.at(-1).body.messages), /An expired entry gives undefined/);
  });

  it("answers a question, cancels and runs again", async () => {
    await exec("podium.run", { workflow: "confirm", input: { subject: "panels" } });
    await newest(api, "parked");
    await panelSays("Go on with panels?");
    await hands.panelClick("button", "Yes");
    await newest(api, "succeeded");
    await panelSays('"approved": true');
    await server.serve({ answers: script(20_000) });
    await exec("podium.ask", "When does an entry expire at all?");
    const { run } = await newest(api, "running");
    await waitFor(() => server.get().inFlight === 1, "a call");
    await hands.panelClick("button", "Cancel");
    await newest(api, "cancelled");
    await server.serve();
    await hands.panelClick("button", "Run Again");
    assert.notEqual((await newest(api, "succeeded")).run, run);
  });
});

/** The value of `output` of an ended run, from its log. */
async function resultOf(run) {
  const end = (await logOf(run)).find(({ kind }) => kind === "run-end");
  return end?.output?.inline;
}
