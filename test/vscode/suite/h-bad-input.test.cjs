"use strict";
const assert = require("node:assert/strict");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const vscode = require("vscode");
const { closeQuestion, hands, home, isAlive, logOf, modelServer, newest, waitFor, ready } = require("./support.cjs");

const { badInputs } = require("../../support/bad-input.ts");
const exec = vscode.commands.executeCommand;
const load = (file) => import(pathToFileURL(path.join(__dirname, "../../..", file)).href);

/** Sets variables for every process that starts from now on; returns how to set them back. */
function withEnvironment(env) {
  const before = Object.keys(env).map((key) => [key, process.env[key]]);
  Object.assign(process.env, env);
  return () => {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  };
}

/** Makes this process, which starts Podium, claim to be another Node; returns how to take it back. */
function withNode(version) {
  const { node } = process.versions;
  if (version) Object.defineProperty(process.versions, "node", { value: version });
  return () => Object.defineProperty(process.versions, "node", { value: node });
}

describe("bad input: code, one sentence, what to do, and nothing is lost", () => {
  const world = { home, root: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath };
  const server = modelServer();
  let api;
  let kept;

  /** Ends the process in good order, so that the window does not bring it back by itself. */
  const end = async () => {
    const { readRecord } = await load("sidecar/client/record.ts");
    const { HubClient } = await load("sidecar/client/client.ts");
    const record = readRecord(home);
    if (record?.pid === undefined || !isAlive(record.pid)) return;
    const { build } = record;
    const said = { client: "test", build, scopes: ["admin"], human: false, roots: [], trusted: true };
    const admin = await HubClient.connect(record, said);
    await admin.request("hub.stop", { now: true });
    admin.close();
    await waitFor(() => !isAlive(record.pid), "the end of the process");
    await waitFor(() => api.model().link === "cold" || api.model().link === "stopped", "a window that knows it");
  };
  const said = async () => {
    await exec("notifications.showList");
    return hands.texts(".notifications-center .notification-list-item-message");
  };

  before(async () => {
    api = await ready(server);
    await exec("podium.ask", "When does an entry of the cache expire?");
    kept = (await newest(api, "succeeded")).run;
  });
  after(() => server.close());

  async function attempt(row) {
    await exec("notifications.clearAll");
    const before = new Set(api.model().runs.map(({ run }) => run));
    await end();
    const { env, node, start, undo } = await row.arrange(world);
    const backs = [withEnvironment(env), withNode(node)];
    try {
      void exec("podium.run", start);
      if (row.shows === "start" || row.shows === "request") {
        const message = await waitFor(
          async () => (await said()).find((text) => text.includes(`(${row.code})`)),
          `a message with ${row.code}`,
          30_000,
        ).catch(async (error) => assert.fail(`${error.message}; there is ${await said()}, ${api.status().detail}`));
        assert.match(message, row.cause);
        assert.match(message, row.wayOut);
        if (row.shows === "start") {
          assert.equal(api.status().state, "stopped");
          assert.match(api.status().detail, row.wayOut);
        }
      } else {
        const { run } = await waitFor(() => api.model().runs.find((known) => !before.has(known.run)), "a run", 30_000);
        const status = await waitFor(
          () => {
            const found = api.model().runs.find((known) => known.run === run)?.status;
            return found !== "running" && found !== "queued" && found;
          },
          "its end",
          30_000,
        );
        assert.equal(status, row.shows === "run" ? "failed" : "succeeded");
        if (row.shows === "run") await panelExplains(row);
        if (row.shows === "notice") await doctorExplains(row);
      }
    } finally {
      for (const back of backs) back();
      await undo();
      await end();
    }
    // Whatever it was: the next start works, and what was done before is there.
    await exec("podium.hub.restart");
    await waitFor(() => api.model().link === "attached", "a start in order", 30_000);
    if (row.code !== "data_corrupt") assert.equal((await logOf(kept))[0].kind, "run-start");
  }

  async function panelExplains(row) {
    const said = await waitFor(async () => {
      const text = await hands.panelText();
      return text.includes(row.code) && row.cause.test(text) && text;
    }, `the panel with ${row.code}`).catch(async (error) =>
      assert.fail(`${error.message}: ${await hands.panelText()}`),
    );
    assert.match(said, row.wayOut);
  }

  async function doctorExplains(row) {
    const done = exec("podium.doctor");
    const { rows } = await waitFor(async () => {
      const quick = await hands.quick();
      return quick?.rows.length >= 3 && quick;
    }, "the doctor");
    await closeQuestion();
    await done;
    assert.match(rows.join("\n"), row.cause);
  }

  for (const row of badInputs) it(row.name, () => attempt(row)).timeout(120_000);
});
