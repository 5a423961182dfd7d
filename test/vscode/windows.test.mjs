// What needs more than one window or more than one life of a window; windows.mjs runs it, outside of the editor.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { HubClient } from "../../sidecar/client/client.ts";
import { readRecord } from "../../sidecar/client/record.ts";
import { reachHub } from "../../sidecar/client/start.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createHands } from "./hands.mjs";
import { openWorkbench, repository, startServer } from "./vscode.mjs";
import { gitWorkspace } from "./workspace.mjs";
import { makeWorld, podiumPid } from "./world.mjs";

const extension = process.env.VSCODE_TEST_EXTENSION ?? repository;
const words = Array.from({ length: 40 }, (_, index) => `word${index}`);
const answer = `An entry of the cache expires ${words.join(" ")} [1].`;

async function until(what, probe, ms = 45_000) {
  for (const end = Date.now() + ms; ; ) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`no ${what} within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A VS Code server on a world of its own. `ends` run last to first. */
async function setUp(ends, options) {
  const world = await makeWorld();
  ends.push(world.end);
  // It must outlive the time that a window needs to come back.
  const env = { ...world.env, PODIUM_IDLE_MS: "60000" };
  const server = await startServer({ dev: true, env, ...options });
  ends.push(server.stop);
  const model = await fakeOllama({
    port: world.port,
    models: [{ name: "fake:1b", loaded: true }],
    answers: ({ body }) => ({
      text: answer,
      pieceMs: 150,
      promptTokens: Math.ceil(JSON.stringify(body.messages).length / 4),
    }),
  });
  ends.push(() => model.close());
  const open = async (place) => {
    const workbench = await openWorkbench(server, { ...place, height: 1200, extensionDevelopmentPath: extension });
    ends.push(workbench.close);
    return workbench;
  };
  return { world, model, open };
}
const tearDown = async (ends) => {
  for (const end of ends.splice(0).reverse()) await end();
};
const says = (hands, text) => until(`panel with ${text}`, async () => (await hands.panelText()).includes(text));
const status = (hands, text) =>
  until(`status ${text}`, async () => text.test(await hands.status())).catch(async (error) =>
    assert.fail(`${error.message}; it is ${await hands.status()}`),
  );
const ask = async (hands, question) => {
  await hands.palette("Podium: Ask About This Workspace…");
  await until("question", async () => (await hands.quick())?.title.includes("Ask About"));
  await hands.enter(question);
};

describe("windows of one person", () => {
  const ends = [];
  const folder = gitWorkspace();
  let it1;
  let window;
  let hands;
  before(async () => {
    it1 = await setUp(ends, { trusted: true });
    window = await it1.open({ folder });
    hands = createHands(window.page);
    await hands.openContainer();
    await status(hands, /fake:1b/);
  });
  after(() => tearDown(ends));

  it("a window that was closed in the middle of a run shows the same run without a gap when it is back", async () => {
    await ask(hands, "When does an entry of the cache expire?");
    await says(hands, "word3");
    const pid = podiumPid(it1.world.home);
    await window.page.close({ runBeforeUnload: true });
    const seen = it1.model.inFlight;
    const page = await window.again();
    hands = createHands(page);
    assert.equal(seen, 1);
    // The editor brings its tabs back if it had the time to note them; else a person opens the run from the list.
    const isBack = until("panel", async () => (await hands.panelText()).includes("word3"), 10_000);
    await isBack.catch(() => hands.clickRow("Runs", "When does an entry"));
    await says(hands, words.at(-1));
    const text = await hands.panelText();
    assert.ok(text.includes(words.join(" ")), text);
    assert.equal(it1.model.generations.length, 1);
    assert.equal(podiumPid(it1.world.home), pid);
  });

  it("a second window sees the runs of the first, and one new process serves both when it is killed", async () => {
    const second = createHands(await window.again());
    await second.openContainer();
    await status(second, /fake:1b|tok|load|prompt|generating/);
    await ask(hands, "Where does the cache keep an entry?");
    await second.front();
    await until("row in the second window", async () =>
      (await second.view("Runs")).rows.some((row) => row.includes("Where does the cache keep")),
    ).catch(async (error) =>
      assert.fail(`${error.message}; there is ${JSON.stringify(await second.view("Runs"))}, ${await second.status()}`),
    );
    await until("call", () => it1.model.inFlight === 1);
    const before = podiumPid(it1.world.home);
    process.kill(before, "SIGKILL");
    await until("new process", () => podiumPid(it1.world.home) !== before && readRecord(it1.world.home)?.port);
    for (const each of [hands, second]) {
      await each.front();
      await status(each, /fake:1b 8k/);
    }
    await hands.front();
    await says(hands, words.join(" "));
    await second.front();
    await until("end in the second window", async () =>
      (await second.view("Runs")).rows.some((row) => /Where does the cache keep.* s$/.test(row)),
    );
  });

  it("a window with two folders asks which one a run works on", async () => {
    const other = gitWorkspace();
    const file = path.join(path.dirname(folder), "two.code-workspace");
    writeFileSync(
      file,
      JSON.stringify({
        folders: [
          { path: folder, name: "first" },
          { path: other, name: "second" },
        ],
      }),
    );
    const workbench = await it1.open({ workspace: file });
    const many = createHands(workbench.page);
    await many.openContainer();
    await status(many, /fake:1b/);
    await many.palette("Podium: Ask About This Workspace…");
    await until("folders", async () => (await many.quick())?.rows.some((row) => row.includes("second")));
    await many.pick("second");
    await until("question", async () => (await many.quick())?.title.includes("Ask About"));
    await many.enter("When does an entry of the cache expire?");
    await says(many, words.at(-1));
    const { runs } = await listRuns(it1.world.home, [other]);
    assert.deepEqual(
      runs.map(({ title, root }) => [title, root]),
      [["When does an entry of the cache expire?", other]],
    );
  });
});

async function admin(home, roots) {
  const record = readRecord(home);
  const said = { client: "test", build: record.build, scopes: ["read", "run"], human: false, roots, trusted: true };
  return HubClient.connect(record, said);
}
async function listRuns(home, roots) {
  const client = await admin(home, roots);
  const listed = await client.request("run.list", {});
  client.close();
  return listed;
}

describe("a window in Restricted Mode", () => {
  const ends = [];
  const folder = gitWorkspace();
  let place;
  let hands;
  before(async () => {
    place = await setUp(ends, { trusted: false });
  });
  after(() => tearDown(ends));

  it("attaches to a process that runs already, shows this folder's runs and reads nothing of the folder", async () => {
    const { home } = place.world;
    const client = await reachHub({
      home,
      dist: path.join(extension, "dist"),
      env: { ...process.env, ...place.world.env },
      mayStart: true,
      introduction: {
        client: "test",
        build: { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" },
        scopes: ["read", "run"],
        human: false,
        roots: [folder],
        trusted: true,
      },
    });
    const question = "When does an entry of the cache expire?";
    const { run } = await client.request("run.start", { workflow: "ask_workspace", input: { question }, root: folder });
    await until("end of the run", async () => (await client.request("run.get", { run })).status === "succeeded");
    const pid = podiumPid(home);
    const generations = place.model.generations.length;
    const workbench = await place.open({ folder });
    hands = createHands(workbench.page);
    await status(hands, /View only/);
    await hands.openContainer();
    await hands.unfold("Workflows");
    await until("run of this folder", async () =>
      (await hands.view("Runs")).rows.some((row) => row.includes("When does")),
    );
    const { rows } = await until("workflows", async () => {
      const shown = await hands.view("Workflows");
      return shown.rows.some((row) => row.includes("ask_workspace")) && shown;
    });
    client.close();
    assert.ok(!rows.some((row) => row.includes("confirm")), rows.join());
    await hands.clickRow("Runs", "When does");
    await says(hands, words.join(" "));
    assert.equal(podiumPid(home), pid);
    assert.equal(place.model.generations.length, generations);
    await hands.clickStatus();
    const { rows: offered } = await until("menu", async () => {
      const quick = await hands.quick();
      return quick?.rows.length > 0 && quick;
    });
    await hands.press("Escape");
    assert.deepEqual(offered, ["Manage Workspace Trust", "Play the Recording", "Show Log"]);
  });

  it("works as soon as the folder is trusted, without a reload", async () => {
    await hands.palette("Workspaces: Manage Workspace Trust");
    await hands.click(".workspace-trust-editor .monaco-button", "Trust");
    await status(hands, /fake:1b/);
    await until("workflow of the folder", async () =>
      (await hands.view("Workflows")).rows.some((row) => row.includes("confirm")),
    );
    await ask(hands, "Where does the cache keep an entry?");
    await until("second call", () => place.model.generations.length === 2);
  });
});

describe("a window in Restricted Mode, nothing running", () => {
  const ends = [];
  after(() => tearDown(ends));

  it("starts nothing, offers Trust and the recording in every view, and starts once it is trusted", async () => {
    const { world, open } = await setUp(ends, { trusted: false });
    const folder = gitWorkspace();
    mkdirSync(path.join(folder, ".podium/workflows"), { recursive: true });
    const hands = createHands((await open({ folder })).page);
    await status(hands, /View only/);
    await hands.openContainer();
    for (const view of ["Review", "Runs", "Workflows", "Models"]) {
      await hands.unfold(view);
      const { buttons } = await until(`welcome of ${view}`, async () => {
        const shown = await hands.view(view);
        return shown.buttons.length > 0 && shown;
      });
      assert.deepEqual(buttons, ["Manage Workspace Trust", "Play the Recording"]);
    }
    assert.equal(existsSync(path.join(world.home, "hub.json")), false);
    assert.equal(existsSync(path.join(world.home, "logs")), false);
    await hands.welcomeButton("Runs", "Manage Workspace Trust");
    await hands.click(".workspace-trust-editor .monaco-button", "Trust");
    await status(hands, /fake:1b/);
    assert.ok(podiumPid(world.home) > 0);
  });
});
