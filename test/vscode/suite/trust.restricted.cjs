"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { podium, waitFor } = require("./support.cjs");

describe("Restricted Mode", () => {
  it("activates, says view only and starts no process", async () => {
    const api = await podium().activate();
    assert.equal(vscode.workspace.isTrusted, false);
    assert.equal(api.status().state, "restricted");
    await vscode.commands.executeCommand("podium.review.focus");
    await vscode.commands.executeCommand("podium.runs.focus");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(fs.existsSync(path.join(process.env.PODIUM_HOME, "hub.json")), false);
    assert.equal(fs.existsSync(path.join(process.env.PODIUM_HOME, "logs")), false);
    assert.equal(api.model().link, "cold");
  });

  it("plays the recording", async () => {
    await vscode.commands.executeCommand("podium.recording.play");
    const labels = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).map((tab) => tab.label);
    await waitFor(() => labels().some((label) => label.startsWith("Recorded run")), "the run panel");
  });
});
