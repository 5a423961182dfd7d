"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { fakeOllama, podium, stateOf, waitFor } = require("./support.cjs");

const home = process.env.PODIUM_HOME;
const pid = () => JSON.parse(fs.readFileSync(path.join(home, "hub.json"), "utf8")).pid;
const finding = {
  findings: [
    {
      quote: "    if (!entry) return undefined;",
      category: "correctness",
      title: "Expired entry is returned",
      claim: "The check of the deadline was removed.",
      trigger: "get(k) after the deadline -> old value",
    },
  ],
};

/** Answers a find with the planted bug, a check with yes, anything else with a cited sentence. */
const script =
  (delayMs) =>
  ({ prompt, body }) => {
    const promptTokens = Math.ceil(JSON.stringify(body.messages).length / 4);
    const text = JSON.stringify(prompt);
    if (/verdict/i.test(text))
      return { text: JSON.stringify({ verdict: "real", evidence: "this.#entries.set(key" }), delayMs, promptTokens };
    if (/finding/i.test(text)) return { text: JSON.stringify(finding), delayMs, promptTokens };
    return { text: "An expired entry gives undefined [1].", delayMs, pieceMs: 50, promptTokens };
  };

describe("status bar, by changing the world", () => {
  let api;
  let server = null;
  const serve = async (options) => {
    await server?.close();
    server = options === null ? null : await fakeOllama(options);
    await vscode.commands.executeCommand("podium.models.refresh");
  };
  before(async () => {
    api = await podium().activate();
  });
  after(() => server?.close());

  it("starting, then no model server: the first need starts the process", async () => {
    const seen = new Set();
    const poll = setInterval(() => seen.add(api.status().state), 5);
    await vscode.commands.executeCommand("podium.models.refresh");
    await stateOf(api, "no_server", 20_000);
    clearInterval(poll);
    assert.ok(seen.has("starting"), [...seen].join());
    assert.ok(pid() > 0);
  });

  it("ready: the server of the tests is started", async () => {
    await serve({ models: [{ name: "fake:1b", loaded: true }], answers: script(0) });
    await stateOf(api, "ready");
    assert.match(api.status().text, /fake:1b/);
  });

  it("no fitting model: the server has only an embedding model", async () => {
    await serve({ models: [{ name: "embed:1b", capabilities: ["embedding"] }] });
    await stateOf(api, "unfit");
  });

  it("working, then ready: a question is asked", async () => {
    await serve({ models: [{ name: "fake:1b", loaded: true }], answers: script(1500) });
    await stateOf(api, "ready");
    await vscode.commands.executeCommand("podium.ask", "When does an entry expire?");
    await stateOf(api, "working");
    await waitFor(() => api.model().runs[0]?.status === "succeeded", "the end of the run", 30_000);
    await stateOf(api, "ready");
  });

  it("waiting for you: a workflow asks, and is answered by its end", async () => {
    const connectionRun = vscode.commands.executeCommand("podium.run", "confirm");
    await waitFor(
      async () => {
        await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
        return api.status().state === "waiting";
      },
      "a run that waits",
      15_000,
    );
    await connectionRun;
    const [row] = api.model().runs;
    assert.equal(row.workflow, "confirm");
    await vscode.commands.executeCommand("podium.run.cancel", row.run);
    await stateOf(api, "ready");
  });

  it("findings become diagnostics as soon as they are verified", async () => {
    await serve({ models: [{ name: "fake:1b", loaded: true }], answers: script(0) });
    await vscode.commands.executeCommand("podium.review.changes", { scope: "staged" });
    const [file] = await vscode.workspace.findFiles("src/cache.ts");
    await vscode.window.showTextDocument(file);
    const shown = await waitFor(
      () => vscode.languages.getDiagnostics(file).find(({ source }) => source === "Podium"),
      "a diagnostic",
      30_000,
    );
    assert.equal(shown.severity, vscode.DiagnosticSeverity.Warning);
    assert.match(shown.message, /Expired entry/);
    await waitFor(() => api.model().review?.ended, "the end of the review", 30_000);
    await vscode.commands.executeCommand("podium.review.clear");
    await waitFor(
      () => vscode.languages.getDiagnostics(file).every(({ source }) => source !== "Podium"),
      "no diagnostic",
    );
  });

  it("reconnecting: the process is killed in the middle of a run, and the run goes on", async () => {
    await serve({ models: [{ name: "fake:1b", loaded: true }], answers: script(3000) });
    await vscode.commands.executeCommand("podium.ask", "How many connections does the pool keep?");
    await stateOf(api, "working");
    const { run } = api.model().runs[0];
    const before = pid();
    process.kill(before, "SIGKILL");
    await stateOf(api, "starting");
    await waitFor(() => pid() !== before && api.model().link === "attached", "the new process", 20_000);
    const row = await waitFor(
      () => api.model().runs.find((candidate) => candidate.run === run && candidate.status === "succeeded"),
      "the end of the run",
      30_000,
    );
    assert.equal(row.attempts, 2);
  });

  it("bytes leave: the chosen main model runs elsewhere", async () => {
    const main = `ollama@127.0.0.1:${process.env.PODIUM_TEST_PORT}/big:cloud`;
    const file = path.join(home, "settings.json");
    fs.writeFileSync(file, JSON.stringify({ network: "cloud", roles: { main } }));
    await serve({ models: [{ name: "big:cloud", remoteHost: "https://ollama.com", loaded: true }] });
    await stateOf(api, "leaving").finally(() => fs.rmSync(file));
  });

  it("stopped: the data cannot be opened", async () => {
    await vscode.commands.executeCommand("podium.hub.restart");
    await waitFor(() => api.model().link === "attached", "the restarted process");
    const before = pid();
    for (const name of fs.readdirSync(home))
      if (name.startsWith("podium.db")) fs.rmSync(path.join(home, name), { force: true });
    fs.mkdirSync(path.join(home, "podium.db"));
    process.kill(before, "SIGKILL");
    await stateOf(api, "stopped", 25_000);
    fs.rmdirSync(path.join(home, "podium.db"));
  });
});
