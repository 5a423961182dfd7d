"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const {
  asked,
  fakeOllama,
  forget,
  hands,
  home,
  logOf,
  modelServer,
  newest,
  podium,
  script,
  stateOf,
  waitFor,
  ready,
} = require("./support.cjs");

const exec = vscode.commands.executeCommand;
const configuration = () => vscode.workspace.getConfiguration("podium");
const set = (key, value) => configuration().update(key, value, vscode.ConfigurationTarget.Global);
/** Holds a setting for the time of a piece of work. */
async function having(key, value, work) {
  await set(key, value);
  await work().finally(() => set(key, undefined));
}
const files = (folder) =>
  fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }).filter((name) => /\.db$/.test(name)) : [];

describe("every setting, changed in the editor", () => {
  const server = modelServer();
  let api;
  before(async () => {
    api = await ready(server);
  });
  after(() => server.close());
  const ask = async () => {
    await exec("podium.ask", "When does an entry of the cache expire?");
    return newest(api, "succeeded");
  };
  const urls = () => api.model().models?.endpoints.map(({ url }) => url) ?? [];
  const lastCall = () => server.get().generations.at(-1).body;

  const table = {
    "podium.servers": async () => {
      const other = await fakeOllama({ models: ["second:1b"], port: 0 });
      await having("servers", [other.url], () => waitFor(() => urls().includes(other.url), "the second server"));
      await waitFor(() => !urls().includes(other.url), "its absence");
      await other.close();
    },
    "podium.detectServers": async () => {
      const { PODIUM_SERVERS } = process.env;
      delete process.env.PODIUM_SERVERS;
      process.env.OLLAMA_HOST = server.get().url;
      await exec("podium.hub.restart");
      await waitFor(() => urls().includes(server.get().url), "the detected server");
      await having("detectServers", false, () => waitFor(() => urls().length === 0, "no server"));
      await waitFor(() => urls().includes(server.get().url), "the detected server again");
      delete process.env.OLLAMA_HOST;
      process.env.PODIUM_SERVERS = PODIUM_SERVERS;
      await exec("podium.hub.restart");
      await stateOf(api, "ready");
    },
    "podium.gpu.parallel": async () => {
      const both = async () => {
        await server.serve({ answers: script(700) });
        const before = api.model().runs.length;
        await Promise.all([
          exec("podium.ask", "When does an entry expire?"),
          exec("podium.ask", "Where is an entry kept?"),
        ]);
        await waitFor(
          () =>
            api.model().runs.length === before + 2 &&
            api.model().runs.every(({ status }) => status !== "running" && status !== "queued"),
          "the end of both",
          30_000,
        );
        forget();
        return server.get().maxInFlight;
      };
      assert.equal(await both(), 1);
      await having("gpu.parallel", { ollama: 2 }, async () => assert.equal(await both(), 2));
    },
    "podium.gpu.maxContext": () =>
      having("gpu.maxContext", 4096, async () => {
        await ask();
        assert.equal(lastCall().options.num_ctx, 4096);
      }),
    "podium.gpu.keepLoaded": () =>
      having("gpu.keepLoaded", "9m", async () => {
        await ask();
        assert.equal(lastCall().keep_alive, "9m");
      }),
    "podium.network": async () => {
      await server.serve({ models: [{ name: "big:cloud", remoteHost: "https://ollama.com", loaded: true }] });
      await stateOf(api, "unfit");
      const main = api.model().models.endpoints[0].models[0].ref;
      await having("roles", { main }, async () => {
        await stateOf(api, "unfit");
        await having("network", "cloud", () => stateOf(api, "leaving"));
        await stateOf(api, "unfit");
      });
    },
    "podium.roles": async () => {
      const names = ["one:1b", "two:1b"];
      await server.serve({ models: names.map((name) => ({ name, loaded: true })) });
      await stateOf(api, "ready");
      const { main } = api.model().models.roles;
      const other = api.model().models.endpoints[0].models.find(({ ref }) => ref !== main).ref;
      await having("roles", { main: other }, async () => {
        await waitFor(() => api.model().models.roles.main === other, "the other model");
        await ask();
        assert.ok(other.endsWith(lastCall().model), lastCall().model);
      });
      await server.serve();
    },
    "podium.budget": () =>
      having("budget", { tokens: 200, minutes: 20 }, async () => {
        await exec("podium.review.changes", { scope: "staged" });
        const { run } = await newest(api, "parked");
        await stateOf(api, "waiting");
        const [start] = await logOf(run);
        assert.equal(start.settings.budget.tokens, 200);
        // Each permission gives one more share, and the first call used several.
        const next = async (answered) => {
          const kinds = (await logOf(run)).map(({ kind }) => kind);
          if (kinds.includes("run-end")) return "the end";
          return kinds.filter((kind) => kind === "ask").length > answered && "a question";
        };
        for (
          let answered = 0;
          (await waitFor(() => next(answered), "the next question")) !== "the end";
          answered += 1
        ) {
          const done = exec("podium.run.answer", run);
          await asked("tokens", 3);
          await hands.pick("Allow");
          await done;
        }
        await newest(api, "succeeded");
      }),
    "podium.review.depth": async () => {
      const checks = () => server.get().generations.filter(({ prompt }) => /Is the claim true/.test(prompt)).length;
      await server.serve();
      await exec("podium.review.changes", { scope: "staged" });
      await newest(api, "succeeded");
      assert.equal(checks(), 1);
      await having("review.depth", "quick", async () => {
        await server.serve();
        await exec("podium.review.changes", { scope: "staged" });
        await newest(api, "succeeded");
        assert.equal(server.get().generations.length, 1);
        assert.equal(checks(), 0);
      });
      await exec("podium.review.clear");
    },
    "podium.index.enabled": async () => {
      const folder = path.join(home, "index");
      await ask();
      await waitFor(() => files(folder).length === 1, "an index file");
      await having("index.enabled", false, async () => {
        await ask();
        await waitFor(() => files(folder).length === 0, `no index file: ${files(folder)}`);
      });
    },
  };
  for (const [key, act] of Object.entries(table)) it(key, act);

  it("is in this table", () =>
    assert.deepEqual(
      Object.keys(table).sort(),
      Object.keys(podium().packageJSON.contributes.configuration.properties).sort(),
    ));
});
