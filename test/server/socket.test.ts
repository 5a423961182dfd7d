import assert from "node:assert/strict";
import { once } from "node:events";
import fc from "fast-check";
import type { WebSocket } from "ws";
import { methods } from "../../sidecar/protocol/methods.ts";
import { limits } from "../../sidecar/protocol/wire.ts";
import type { Doors } from "../../sidecar/server/doors.ts";
import { createArbitraries } from "../protocol/arbitrary.ts";
import { until } from "../support/hub.ts";
import { connect, createReached, hello, openSocket, openTestDoors, secrets, speak } from "./support.ts";

const closeCode = async (socket: WebSocket): Promise<number> => {
  const [code] = (await once(socket, "close")) as [number];
  return code;
};

describe("a socket", () => {
  const reached = createReached();
  let doors: Doors;
  let socket: WebSocket;
  before(async () => {
    doors = await openTestDoors(reached);
  });
  beforeEach(async () => {
    reached.called.length = 0;
    socket = await openSocket(doors.port);
  });
  afterEach(() => socket.terminate());
  after(() => doors.close());

  it("answers nothing before hello", async () => {
    const { ask } = speak(socket);
    for (const method of Object.keys(methods).filter((name) => name !== "hello"))
      assert.equal((await ask(method, {})).error?.code, "unauthorized", method);
    assert.deepEqual(reached.called, []);
  });

  describe("is told in one sentence when the versions do not meet", () => {
    for (const [name, protocol, minProtocol] of [
      ["a client that is too old", 0, 0],
      ["a client that is too new", 9, 8],
    ] as const)
      it(name, async () => {
        const { ask } = speak(socket);
        const { error } = await ask("hello", { ...hello, protocol, minProtocol });
        assert.equal(error?.code, "hub_incompatible");
        assert.match(error?.message ?? "", /1\.2\.3.*protocol 1.*Update both/);
        // A later version may say its hello in another way; the answer is still the same one.
        const later = await ask("hello", { protocol, minProtocol, who: "someone" });
        assert.equal(later.error?.code, "hub_incompatible");
        assert.equal((await ask("ping", {})).error?.code, "unauthorized");
      });

    it("but not when the ranges overlap", async () => {
      const { ask } = speak(socket);
      assert.equal((await ask("hello", { ...hello, protocol: 7, minProtocol: 1 })).result?.["protocol"], 1);
    });
  });

  it("refuses a hello with another token, and a second hello", async () => {
    const { ask } = speak(socket);
    assert.equal((await ask("hello", { ...hello, token: "wrong" })).error?.code, "unauthorized");
    assert.equal((await ask("hello", { ...hello, token: secrets.human })).error?.code, "unauthorized");
    assert.equal((await ask("ping", {})).error?.code, "unauthorized");
    assert.ok((await ask("hello", hello)).result);
    assert.equal((await ask("hello", { ...hello, scopes: ["admin"] })).error?.code, "invalid_input");
    assert.equal((await ask("hub.stop", {})).error?.code, "forbidden");
  });

  it("grants the scopes that were asked for, and human only for its own secret", async () => {
    const granted = async (said: object): Promise<unknown> => {
      const one = await openSocket(doors.port);
      const { result } = await speak(one).ask("hello", { ...hello, ...said });
      one.terminate();
      return result?.["scopes"];
    };
    const human = ["read", "human"];
    assert.deepEqual(await granted({ scopes: [] }), []);
    assert.deepEqual(await granted({ scopes: ["read", "run", "admin"] }), ["read", "run", "admin"]);
    assert.deepEqual(await granted({ scopes: human }), ["read"]);
    assert.deepEqual(await granted({ scopes: human, human: "wrong" }), ["read"]);
    assert.deepEqual(await granted({ scopes: human, human: secrets.token }), ["read"]);
    assert.deepEqual(await granted({ scopes: human, human: secrets.human }), human);
    assert.deepEqual(await granted({ scopes: ["read"], human: secrets.human }), ["read"]);
  });

  it("lets each method be called with its scope, and with no other", async () => {
    const arbitraryOf = createArbitraries();
    const all = ["read", "run", "admin"] as const;
    for (const [method, row] of Object.entries(methods)) {
      if (method === "hello" || method === "settings.set") continue;
      const [params] = fc.sample(arbitraryOf(row.params), { numRuns: 1, seed: 3 });
      for (const scopes of [all.filter((scope) => scope !== row.scope), [row.scope]]) {
        reached.called.length = 0;
        const one = await openSocket(doors.port);
        const { ask } = speak(one);
        await ask("hello", { ...hello, scopes });
        const { error, result } = await ask(method, params);
        one.terminate();
        const mayCall = scopes.length === 1;
        assert.deepEqual(
          [method, error?.code, reached.called],
          mayCall ? [method, undefined, [method]] : [method, "forbidden", []],
        );
        assert.equal(result !== undefined, mayCall);
      }
    }
  });

  it("names the field of a request that it cannot read", async () => {
    const { ask } = speak(socket);
    await ask("hello", hello);
    const cases: readonly (readonly [string, unknown, RegExp])[] = [
      ["run.start", { workflow: 1, input: {} }, /^run\.start: workflow: /],
      ["run.start", { workflow: "w" }, /^run\.start: input: /],
      ["run.start", { workflow: "w", input: {}, settings: { network: "moon" } }, /^run\.start: settings\.network: /],
      ["run.events", { run: "r", after: "0" }, /^run\.events: after: /],
      ["run.events", { run: "r", after: 0, limit: 501 }, /^run\.events: limit: /],
      ["run.list", { all: "true" }, /^run\.list: all: /],
      ["run.watch", {}, /^run\.watch: run: /],
      ["ping", null, /^ping: params: /],
      ["hello", { ...hello, roots: "/w" }, /roots: /],
      ["settings.set", { settings: [] }, /settings: /],
    ];
    for (const [method, params, words] of cases) {
      const { error } = await ask(method, params);
      assert.equal(error?.code, "invalid_input", method);
      assert.match(error?.message ?? "", words);
    }
    assert.equal((await ask("run.fly", {})).error?.code, "not_found");
    assert.equal((await ask("constructor", {})).error?.code, "not_found");
    assert.equal((await ask("__proto__", {})).error?.code, "not_found");
    assert.deepEqual(reached.called, []);
  });

  it("answers what is too large or too deep with that code, one byte and one level over the limit", async () => {
    const { ask } = speak(socket);
    await ask("hello", hello);
    const frameBytes = (params: object): number => JSON.stringify({ id: 99, method: "run.start", params }).length;
    const sized = (bytes: number): object => {
      const empty = { workflow: "w", input: { text: "" } };
      return { workflow: "w", input: { text: "x".repeat(bytes - frameBytes(empty)) } };
    };
    // Ids 2 to 5 have one digit less than 99.
    const limit = methods["run.start"].maxBytes + 1;
    assert.ok((await ask("run.start", sized(limit))).result);
    assert.equal((await ask("run.start", sized(limit + 1))).error?.code, "too_large");
    const nested = (levels: number): object => {
      let input: object = {};
      for (let level = 2; level < levels; level += 1) input = { a: input };
      return { workflow: "w", input };
    };
    assert.ok((await ask("run.start", nested(limits.depth))).result);
    assert.equal((await ask("run.start", nested(limits.depth + 1))).error?.code, "too_deep");
    assert.deepEqual(reached.called, ["run.start", "run.start"]);
    const hostile = `{"id":9,"method":"run.start","params":{"workflow":"w","input":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}}`;
    socket.send(hostile);
    assert.equal((await ask("run.start", nested(3))).result !== undefined, true);
  });

  it("ends what does not speak the protocol", async () => {
    for (const said of [
      "",
      "not json",
      "[]",
      "null",
      '{"id":1}',
      '{"id":"1","method":"ping","params":{}}',
      Buffer.from([255]),
    ]) {
      const one = await openSocket(doors.port);
      const closing = closeCode(one);
      one.send(said);
      assert.equal(await closing, 1007, String(said));
    }
    const giant = await openSocket(doors.port);
    const closing = closeCode(giant);
    giant.send("x".repeat(limits.message + 1));
    assert.equal(await closing, 1009);
    assert.deepEqual(reached.called, []);
  });

  it("binds a client to the folders and settings it named, until it leaves", async () => {
    const attached: unknown[] = [];
    const seen: unknown[] = [];
    const others = await openTestDoors({
      ...createReached(),
      handlers: new Proxy({} as typeof reached.handlers, {
        get: () => async (_params: unknown, caller: { roots: unknown; trusted: boolean; settings: unknown }) => {
          seen.push([caller.roots, caller.trusted, caller.settings]);
          return { at: 1 };
        },
      }),
      realRoots: async (roots) => roots.filter((root) => root !== "/gone").map((root) => `/real${root}`),
      onSettings: (_connection, settings) => attached.push(settings),
    });
    const client = await connect(others, { roots: ["/a", "/gone"], settings: { network: "local" } });
    await client.request("ping", {});
    await client.request("settings.set", { settings: { network: "lan" }, trusted: false });
    await client.request("ping", {});
    await client.request("settings.set", { settings: {}, roots: ["/b"] });
    await client.request("ping", {});
    // Folders take a while to look at; a change that is said meanwhile is not undone by them.
    await Promise.all([
      client.request("settings.set", { settings: { network: "cloud" }, roots: ["/c"] }),
      client.request("settings.set", { settings: { network: "local" } }),
    ]);
    await client.request("ping", {});
    assert.deepEqual(seen.splice(3), [[["/real/c"], false, { network: "local" }]]);
    assert.deepEqual(seen, [
      [["/real/a"], true, { network: "local" }],
      [["/real/a"], false, { network: "lan" }],
      [["/real/b"], false, {}],
    ]);
    client.close();
    await until("end of the client's settings", () => attached.at(-1) === null);
    await others.close();
    assert.deepEqual(attached, [
      { network: "local" },
      { network: "lan" },
      {},
      { network: "cloud" },
      { network: "local" },
      null,
    ]);
  });
});
