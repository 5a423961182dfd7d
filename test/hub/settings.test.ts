import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSettings } from "../../sidecar/hub/settings.ts";
import type { Scope } from "../../sidecar/protocol/hub.ts";

describe("settings of several clients", () => {
  const home = mkdtempSync(join(tmpdir(), "podium-settings-"));
  writeFileSync(join(home, "settings.json"), JSON.stringify({ servers: ["http://a"], "gpu.keepLoaded": "1m" }));
  after(() => rmSync(home, { recursive: true }));
  const [first, second] = [{}, {}];

  it("lay what a person set over the file, and take it back with the client", () => {
    const board = createSettings(home, {});
    board.attach(first, {
      servers: ["http://b"],
      detectServers: false,
      "gpu.keepLoaded": "9m",
      "index.enabled": false,
      roles: { main: "ollama/x" },
    });
    const during = board.machine();
    assert.deepEqual(during.servers, ["http://a", "http://b"]);
    assert.deepEqual(
      [during.detectServers, during["gpu.keepLoaded"], during["index.enabled"], during.roles],
      [false, "9m", false, { main: "ollama/x" }],
    );
    board.attach(first, null);
    const later = board.machine();
    assert.deepEqual(
      [later.servers, later.detectServers, later["gpu.keepLoaded"], later["index.enabled"], later.roles],
      [["http://a"], true, "1m", true, {}],
    );
  });

  it("combine the safety keys to the strictest that somebody set", () => {
    const board = createSettings(home, {});
    board.attach(first, { network: "cloud", "gpu.maxContext": 16_384, "gpu.parallel": { ollama: 4, vllm: 2 } });
    assert.equal(board.machine().network, "cloud");
    board.attach(second, { network: "lan", "gpu.maxContext": 65_536, "gpu.parallel": { ollama: 2 } });
    const { network, "gpu.maxContext": window, "gpu.parallel": parallel } = board.machine();
    assert.deepEqual([network, window, parallel], ["lan", 16_384, { ollama: 2, vllm: 2 }]);
  });

  it("keep the servers that a command names apart from those of the hub", () => {
    const caller = {
      door: "ws",
      client: "cli",
      scopes: new Set<Scope>(),
      roots: [],
      trusted: true,
      settings: {},
    } as const;
    const onlyOf = (env: NodeJS.ProcessEnv, servers?: string[]): readonly unknown[] => {
      const made = createSettings(home, env).forRun(caller, servers ? { servers } : {});
      return [made.servers, made.onlyServers ?? false];
    };
    assert.deepEqual(onlyOf({}), [["http://a"], false]);
    assert.deepEqual(onlyOf({}, ["http://c"]), [["http://c"], true]);
    assert.deepEqual(onlyOf({ PODIUM_SERVERS: "http://d" }), [["http://d"], false]);
    assert.deepEqual(onlyOf({ PODIUM_SERVERS: "http://d" }, ["http://d"]), [["http://d"], false]);
    assert.deepEqual(onlyOf({ PODIUM_SERVERS: "http://d" }, ["http://c"]), [["http://c"], true]);
  });
});
