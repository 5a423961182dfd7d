"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const {
  asked,
  closeQuestion,
  hands,
  home,
  hubPid,
  isAlive,
  modelServer,
  newest,
  panelSays,
  podium,
  resumedByHand,
  script,
  stateOf,
  waitFor,
  ready,
} = require("./support.cjs");

const exec = vscode.commands.executeCommand;
const tabs = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).map((tab) => tab.label);
const podiumOf = (uri) => vscode.languages.getDiagnostics(uri).filter(({ source }) => source === "Podium");

describe("every command of the manifest", () => {
  const server = modelServer();
  let api;
  before(async () => {
    api = await ready(server);
    await hands.openContainer();
  });
  after(() => server.close());

  /** What each command does, as a person sees it; asked things are answered in the editor's own inputs. */
  const table = {
    "podium.ask": async () => {
      const done = exec("podium.ask");
      await asked("Ask About This Workspace");
      await hands.enter("When does an entry expire?");
      await done;
      const run = await newest(api, "succeeded");
      assert.equal(run.title, "When does an entry expire?");
      await panelSays("An expired entry gives undefined");
    },
    "podium.review.changes": async () => {
      const done = exec("podium.review.changes");
      const { rows } = await asked("Review Changes", 3);
      assert.match(rows.find((row) => row.includes("Staged")) ?? rows.join(), /1 file · 1 hunk/);
      await hands.pick("Staged");
      await done;
      const [file] = await vscode.workspace.findFiles("src/cache.ts");
      await waitFor(() => podiumOf(file).length === 1, "a diagnostic", 30_000);
      await newest(api, "succeeded");
      await waitFor(async () => (await hands.view("Review")).rows.some((row) => row.includes("cache.ts")), "the row");
    },
    "podium.review.clear": async () => {
      await exec("podium.review.clear");
      const [file] = await vscode.workspace.findFiles("src/cache.ts");
      await waitFor(() => podiumOf(file).length === 0, "no diagnostic");
      await waitFor(async () => (await hands.view("Review")).welcome.includes("Review a change"), "the empty view");
      assert.equal(api.model().runs[0].workflow, "review_changes");
    },
    "podium.run": async () => {
      const done = exec("podium.run");
      const { rows } = await asked("Run Workflow", 3);
      for (const name of ["ask_workspace", "review_changes", "confirm"])
        assert.ok(
          rows.some((row) => row.startsWith(name)),
          `${name} in ${rows}`,
        );
      await hands.pick("confirm");
      await asked("confirm: subject");
      await hands.enter("the second try");
      await done;
      await newest(api, "parked");
      await panelSays("Go on with the second try?");
    },
    "podium.run.answer": async () => {
      const [{ run }] = api.model().runs;
      const looked = exec("podium.run.answer");
      assert.equal((await asked("Go on with", 4)).rows.length, 4);
      await hands.pick("Look at the Run First");
      await looked;
      assert.equal(api.status().state, "waiting");
      const done = exec("podium.run.answer");
      await asked("Go on with the second try?");
      await hands.pick("Yes");
      await done;
      await newest(api, "succeeded");
      assert.equal(api.model().runs[0].run, run);
      await panelSays('"approved": true');
      await stateOf(api, "ready");
    },
    "podium.run.open": async () => {
      const done = exec("podium.run.open");
      await waitFor(() => hands.quick(), "the list of runs");
      await hands.pick("When does an entry expire?");
      await done;
      await panelSays("An expired entry gives undefined");
    },
    "podium.run.cancel": async () => {
      await server.serve({ answers: script(20_000) });
      await exec("podium.ask", "Where does the cache keep an entry?");
      await waitFor(() => server.get().inFlight === 1, "a call");
      await exec("podium.run.cancel");
      await newest(api, "cancelled");
      await waitFor(() => server.get().generations[0].aborted, "the end of the call");
      await stateOf(api, "ready");
    },
    "podium.run.again": async () => {
      await server.serve();
      const before = api.model().runs.length;
      const done = exec("podium.run.again");
      await waitFor(() => hands.quick(), "the list of runs");
      await hands.pick("Where does the cache keep an entry?");
      await done;
      const run = await newest(api, "succeeded");
      assert.equal(api.model().runs.length, before + 1);
      assert.equal(run.title, "Where does the cache keep an entry?");
    },
    "podium.run.resume": async () => {
      await server.serve({ answers: script(20_000) });
      await exec("podium.ask", "What does the cache do with an old entry?");
      await waitFor(() => server.get().inFlight === 1, "a call");
      // In this order: a server that is gone first would end the run without a model.
      process.kill(hubPid(), "SIGKILL");
      await server.close();
      const parked = await newest(api, "parked");
      assert.equal(parked.reason, "provider");
      await exec("podium.run.resume");
      await resumedByHand(parked.run);
      await server.serve();
      const { run } = await newest(api, "succeeded");
      assert.equal(run, parked.run);
    },
    "podium.workflow.open": async () => {
      const [{ fsPath }] = await vscode.workspace.findFiles(".podium/workflows/confirm.yaml");
      await exec("podium.workflow.open", { file: fsPath });
      assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, fsPath);
    },
    "podium.models.refresh": async () => {
      await server.close();
      await exec("podium.models.refresh");
      await stateOf(api, "no_server");
      await server.serve({ models: [{ name: "other:1b", loaded: true }] });
      await stateOf(api, "ready");
      await waitFor(async () => (await hands.status()).includes("other:1b"), "the name of the new model");
      await server.serve();
    },
    "podium.recording.play": async () => {
      await exec("podium.recording.play");
      await waitFor(() => tabs().some((label) => label.startsWith("Recorded run")), "the tab");
      await panelSays("not on this machine");
    },
    "podium.actions": async () => {
      const done = exec("podium.actions");
      const { rows } = await asked(api.status().spoken, 3);
      assert.deepEqual(rows.slice(0, 3), ["Ask About This Workspace…", "Review Changes…", "Run Workflow…"]);
      await hands.pick("Doctor");
      await asked("Doctor:");
      await closeQuestion();
      await done;
    },
    "podium.doctor": async () => {
      const done = exec("podium.doctor");
      const { rows } = await asked("Doctor:", 3);
      assert.ok(rows.length >= 3, rows.join());
      await closeQuestion();
      await done;
    },
    "podium.hub.restart": async () => {
      const before = hubPid();
      const runs = api.model().runs.length;
      await exec("podium.hub.restart");
      assert.notEqual(hubPid(), before);
      assert.equal(isAlive(before), false);
      await stateOf(api, "ready");
      assert.equal(api.model().runs.length, runs);
    },
    "podium.log": async () => {
      await exec("podium.log");
      const { fsPath } = vscode.window.activeTextEditor.document.uri;
      assert.equal(fsPath, path.join(home, "logs", "hub.log"));
      assert.match(fs.readFileSync(fsPath, "utf8"), /listening on 127/);
    },
  };

  for (const [id, act] of Object.entries(table)) it(id, act);

  it("is in this table", () => {
    const ids = podium().packageJSON.contributes.commands.map(({ command }) => command);
    assert.deepEqual(Object.keys(table).sort(), ids.sort());
  });
});
