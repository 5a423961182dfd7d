"use strict";
const assert = require("node:assert/strict");
const vscode = require("vscode");
const {
  asked,
  closeQuestion,
  hands,
  hubPid,
  modelServer,
  newest,
  panelSays,
  podium,
  resumedByHand,
  script,
  waitFor,
  ready,
} = require("./support.cjs");

const exec = vscode.commands.executeCommand;
const openFile = () => vscode.window.activeTextEditor?.document.uri.fsPath ?? "";
const leave = async (title) => {
  await asked(title);
  await closeQuestion();
};

describe("every menu entry and key of the manifest", () => {
  const server = modelServer();
  let api;
  before(async () => {
    api = await ready(server);
    await exec("workbench.action.closeAllEditors");
    await hands.openContainer();
    for (const view of ["Review", "Runs", "Workflows", "Models"]) await hands.unfold(view);
  });
  after(() => server.close());
  const waits = async () => {
    await exec("podium.run", { workflow: "confirm", input: { subject: "menus" } });
    await newest(api, "parked");
  };

  const menus = {
    "commandPalette podium.workflow.open": async () => {
      await hands.press("F1");
      await hands.fill(">Podium: ");
      const { rows } = await waitFor(async () => {
        const quick = await hands.quick();
        return quick.rows.some((row) => row.includes("Podium: Doctor")) && quick;
      }, "the commands in the palette");
      assert.ok(!rows.some((row) => row.includes("Open Workflow File")), rows.join());
      await closeQuestion();
    },
    "view/title podium.review.changes": async () => {
      await hands.head("Review", "Review Changes");
      await asked("Review Changes", 3);
      await hands.pick("Staged");
      await newest(api, "succeeded");
      await waitFor(() => api.model().review?.ended, "the review", 30_000);
    },
    "view/title podium.review.clear": async () => {
      assert.ok(api.model().review.findings.length > 0);
      await hands.head("Review", "Clear Findings");
      await waitFor(() => api.model().review === null, "no findings");
    },
    "view/title podium.run": async () => {
      await hands.head("Runs", "Run Workflow");
      await leave("Run Workflow");
    },
    "view/title podium.ask": async () => {
      await hands.head("Runs", "Ask About");
      await asked("Ask About This Workspace");
      await hands.enter("When does an entry of the cache expire?");
      await newest(api, "succeeded");
    },
    "view/title podium.models.refresh": async () => {
      await server.serve({ look: false, models: [{ name: "late:1b", loaded: true }] });
      await hands.head("Models", "Look for Model Servers");
      await waitFor(async () => (await hands.view("Models")).rows.some((row) => row.includes("late:1b")), "the model");
      await server.serve();
    },
    "view/title podium.doctor": async () => {
      await hands.head("Models", "Doctor");
      await leave("Doctor:");
    },
    "view/item/context podium.run.answer": async () => {
      await waits();
      await hands.inline("Runs", "menus", "Answer");
      await asked("Go on with menus?", 4);
      await hands.pick("No");
      await newest(api, "succeeded");
      await panelSays('"approved": false');
    },
    "view/item/context podium.run.cancel": async () => {
      await waits();
      await hands.inline("Runs", "menus", "Cancel Run");
      await newest(api, "cancelled");
    },
    "view/item/context podium.run.again": async () => {
      const [{ run }] = api.model().runs;
      await hands.inline("Runs", "menus", "Run Again");
      const again = await newest(api, "parked");
      assert.notEqual(again.run, run);
      await exec("podium.run.cancel", again.run);
      await newest(api, "cancelled");
    },
    "view/item/context podium.run.open": async () => {
      const click = () => hands.context("Runs", "When does an entry of the c", "Open Run");
      await click();
      // A list that is drawn anew closes the menu under the pointer; then a person clicks again.
      await panelSays("An expired entry gives undefined", 5000).catch(click);
      await panelSays("An expired entry gives undefined");
    },
    "view/item/context podium.run.resume": async () => {
      await server.serve({ answers: script(20_000) });
      await exec("podium.ask", "When is an entry of the cache too old?");
      await waitFor(() => server.get().inFlight === 1, "a call");
      // In this order: a server that is gone first would end the run without a model.
      process.kill(hubPid(), "SIGKILL");
      await server.close();
      const { run } = await newest(api, "parked");
      await hands.inline("Runs", "When is an entry", "Resume Run");
      await resumedByHand(run);
      await server.serve();
      await newest(api, "succeeded");
    },
    "view/item/context podium.run": async () => {
      await hands.inline("Workflows", "confirm", "Run Workflow");
      await asked("confirm: subject");
      await closeQuestion();
    },
    "view/item/context podium.workflow.open": async () => {
      await hands.context("Workflows", "confirm", "Open Workflow File");
      await waitFor(() => openFile().endsWith("confirm.yaml"), "the file");
    },
    "scm/title podium.review.changes": async () => {
      await exec("workbench.view.scm");
      await hands.click('.action-label[aria-label^="Review Changes"]');
      await leave("Review Changes");
      await hands.openContainer();
    },
  };
  for (const [entry, act] of Object.entries(menus)) it(entry, act);

  const keys = {
    "ctrl+k a podium.actions": async () => {
      await hands.press("Control+K");
      await hands.press("a");
      await leave(api.status().spoken);
    },
    "ctrl+k g podium.review.changes": async () => {
      await hands.press("Control+K");
      await hands.press("g");
      await leave("Review Changes");
    },
    "ctrl+k q podium.ask": async () => {
      await hands.press("Control+K");
      await hands.press("q");
      await leave("Ask About This Workspace");
    },
    "ctrl+k n podium.run.answer": async () => {
      await waits();
      await waitFor(async () => (await hands.status()).includes("1 waiting for you"), "the status on the screen");
      await hands.press("Control+K");
      await hands.press("n");
      await asked("Go on with menus?", 4);
      await hands.pick("Yes");
      await newest(api, "succeeded");
    },
  };
  for (const [key, act] of Object.entries(keys)) it(key, act);

  it("is in these tables", () => {
    const { menus: entries, keybindings } = podium().packageJSON.contributes;
    const known = Object.entries(entries).flatMap(([place, all]) => all.map(({ command }) => `${place} ${command}`));
    assert.deepEqual(Object.keys(menus).sort(), known.sort());
    assert.deepEqual(Object.keys(keys).sort(), keybindings.map(({ key, command }) => `${key} ${command}`).sort());
  });
});
