"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { podium, waitFor } = require("./support.cjs");

describe("a fresh window", () => {
  it("activates without starting anything", async () => {
    const extension = podium();
    const api = await extension.activate();
    assert.equal(api.status().state, "cold");
    assert.equal(api.status().text, "$(circle-outline) Podium");
    assert.equal(fs.existsSync(path.join(process.env.PODIUM_HOME, "hub.json")), false);
  });

  it("offers every command of its manifest", async () => {
    const known = await vscode.commands.getCommands(true);
    for (const { command } of podium().packageJSON.contributes.commands) assert.ok(known.includes(command), command);
  });

  it("plays the recording without any process", async () => {
    await vscode.commands.executeCommand("podium.recording.play");
    const labels = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).map((tab) => tab.label);
    await waitFor(() => labels().some((label) => label.startsWith("Recorded run")), "the run panel");
    assert.equal(fs.existsSync(path.join(process.env.PODIUM_HOME, "hub.json")), false);
  });
});
