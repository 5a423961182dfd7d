import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Build } from "../../sidecar/protocol/hub.ts";
import { methods } from "../../sidecar/protocol/methods.ts";
import type { Handlers, Streams } from "../../sidecar/server/caller.ts";
import { type Doors, openDoors, socketPaths } from "../../sidecar/server/doors.ts";
import { createHttp } from "../../sidecar/server/http.ts";

const token = "right-token-of-this-hub";
const build: Build = { version: "1.2.3", builtAt: "2026-01-01T00:00:00.000Z", channel: "dev" };
let called: string[] = [];

/** Every handler only says that it was reached. */
const handlers = new Proxy({} as Handlers, {
  get: (_target, name) => async () => {
    called.push(String(name));
    return {};
  },
});
const streams = new Proxy({} as Streams, {
  get: (_target, name) => async () => {
    called.push(String(name));
    return { result: {}, stop: () => undefined };
  },
});

interface Ask {
  readonly verb?: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string;
}

/** One request, header by header as written, over a raw socket; resolves with the status and the body. */
function raw(port: number, { verb = "GET", path, headers, body = "" }: Ask): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    const done = (): void => {
      socket.destroy();
      const [head = "", ...rest] = answer.split("\r\n\r\n");
      resolve({ status: Number(head.split(" ")[1] ?? 0), text: rest.join("\r\n\r\n") });
    };
    socket.setTimeout(5000, () => reject(new Error(`no answer to ${verb} ${path}`)));
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.startsWith("HTTP/1.1 101")) done();
    });
    socket.on("error", (error) => (answer === "" ? reject(error) : done()));
    socket.on("close", done);
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const length = body === "" ? "" : `content-length: ${Buffer.byteLength(body)}\r\n`;
    const closing = headers.some(([name]) => name === "upgrade") ? "" : "connection: close\r\n";
    socket.write(`${verb} ${path} HTTP/1.1\r\n${lines}${length}${closing}\r\n${body}`);
  });
}

interface Route {
  readonly verb: string;
  readonly path: string;
}

/** What the server itself says it serves: a route that is new is attacked from its first day. */
const served: readonly Route[] = createHttp(handlers, build)
  .routes.filter(({ path }) => path !== "/*")
  .map(({ method, path }) => ({ verb: method, path: path.replace(":run", "run_1") }));
const routes: readonly Route[] = [
  ...served,
  { verb: "GET", path: "/nothing/here" },
  { verb: "POST", path: "/api/v1/nothing" },
  { verb: "OPTIONS", path: "/api/v1/runs" },
  { verb: "GET", path: "/metrics" },
  { verb: "POST", path: "/mcp" },
];
const upgrades = [...socketPaths, "/elsewhere"];
const upgradeHeaders = [
  ["upgrade", "websocket"],
  ["connection", "Upgrade"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
] as const;

type Headers = readonly (readonly [string, string])[];
const hostile = (port: number): Record<string, { headers: Headers; query?: string; upgradeOnly?: true }> => {
  const host = ["host", `127.0.0.1:${port}`] as const;
  const bearer = ["authorization", `Bearer ${token}`] as const;
  return {
    "a foreign host": { headers: [["host", "evil.example"], bearer] },
    "a foreign host with our port": { headers: [["host", `evil.example:${port}`], bearer] },
    "a host without its port": { headers: [["host", "127.0.0.1"], bearer] },
    "another port": { headers: [["host", `127.0.0.1:${port + 1}`], bearer] },
    "a host that begins like ours": { headers: [["host", `127.0.0.1.evil.example:${port}`], bearer] },
    "a host with a user part": { headers: [["host", `127.0.0.1:${port}@evil.example`], bearer] },
    "the host written in another case and a dot": { headers: [["host", `LOCALHOST.:${port}`], bearer] },
    "the any address": { headers: [["host", `0.0.0.0:${port}`], bearer] },
    "two hosts, ours first": { headers: [host, ["host", "evil.example"], bearer] },
    "two hosts, ours last": { headers: [["host", "evil.example"], host, bearer] },
    "an empty host": { headers: [["host", ""], bearer] },
    "no host": { headers: [bearer] },
    "a foreign origin": { headers: [host, bearer, ["origin", "https://evil.example"]] },
    "the origin null": { headers: [host, bearer, ["origin", "null"]] },
    "an empty origin": { headers: [host, bearer, ["origin", ""]] },
    "a webview's origin": { headers: [host, bearer, ["origin", "vscode-webview://0a1b2c"]] },
    "another port's origin": { headers: [host, bearer, ["origin", `http://127.0.0.1:${port + 1}`]] },
    "our origin over https": { headers: [host, bearer, ["origin", `https://127.0.0.1:${port}`]] },
    "two origins": {
      headers: [host, bearer, ["origin", `http://127.0.0.1:${port}`], ["origin", "https://evil.example"]],
    },
    "no token": { headers: [host] },
    "an empty token": { headers: [host, ["authorization", "Bearer "]] },
    "a wrong token": { headers: [host, ["authorization", `Bearer ${token}x`]] },
    "a part of the token": { headers: [host, ["authorization", `Bearer ${token.slice(0, -1)}`]] },
    "the human secret as the token": { headers: [host, ["authorization", "Bearer human-secret"]] },
    "basic authorization": { headers: [host, ["authorization", `Basic ${token}`]] },
    "the token in the query": { headers: [host], query: `?token=${token}&access_token=${token}` },
    "the token in a cookie": { headers: [host, ["cookie", `token=${token}`]] },
    "two authorizations, a wrong one first": { headers: [host, ["authorization", "Bearer wrong"], bearer] },
    "our own origin on an upgrade": {
      headers: [host, bearer, ["origin", `http://127.0.0.1:${port}`]],
      upgradeOnly: true,
    },
  };
};

/** Node itself refuses a plain request without a host with 400, before the guard sees it. */
const refusals = (headers: Headers): readonly number[] =>
  headers.some(([name]) => name === "host") ? [401, 403] : [400, 403];

describe("the guard of every door", () => {
  let doors: Doors;
  let lsp = 0;
  before(async () => {
    doors = await openDoors({
      handlers,
      streams,
      secrets: { token, human: "human-secret" },
      build,
      epoch: 1,
      home: "/nowhere",
      realRoots: async (roots) => roots,
      onSettings: () => undefined,
      serveLsp: (socket) => {
        lsp += 1;
        socket.close();
      },
      onClients: () => undefined,
      restPerMinute: 100_000,
    });
  });
  beforeEach(() => {
    called = [];
    lsp = 0;
  });
  after(() => doors.close());
  const right = (): Headers => [
    ["host", `127.0.0.1:${doors.port}`],
    ["authorization", `Bearer ${token}`],
  ];
  const json = ["content-type", "application/json"] as const;

  const askAll = async (headers: Headers, query: string): Promise<void> => {
    for (const { verb, path } of routes) {
      const body = verb === "POST" ? '{"workflow":"ask_workspace","input":{}}' : "";
      const all = body ? [...headers, json] : headers;
      const { status, text } = await raw(doors.port, { verb, path: path + query, headers: all, body });
      // Without any authorization /health says that somebody is there, and no more.
      const bare = path === "/health" && status === 200 && !headers.some(([name]) => name === "authorization");
      if (bare) assert.match(text, /^(?:[\da-f]+\r\n)?\{"ok":true\}(?:\r\n0\r\n\r\n)?$/);
      else assert.ok(refusals(headers).includes(status), `${verb} ${path}: ${status}`);
    }
  };

  for (const name of Object.keys(hostile(1))) {
    it(`refuses ${name} at every address`, async () => {
      const { headers, query = "", upgradeOnly } = hostile(doors.port)[name] ?? assert.fail();
      if (!upgradeOnly) await askAll(headers, query);
      for (const path of upgrades) {
        const { status } = await raw(doors.port, { path: path + query, headers: [...headers, ...upgradeHeaders] });
        assert.ok(refusals(headers).includes(status), `upgrade ${path}: ${status}`);
      }
      assert.deepEqual([called, lsp, doors.clients()], [[], 0, 0]);
    });
  }

  it("attacks the routes that the server has, which are those of the method table", () => {
    const rows = Object.values(methods).flatMap((row) =>
      "rest" in row ? [`${row.rest.verb.toUpperCase()} ${row.rest.path.replace("{run}", "run_1")}`] : [],
    );
    assert.deepEqual(
      served.map(({ verb, path }) => `${verb} ${path}`).sort(),
      [...rows, "GET /health", "GET /api/v1/openapi.json"].sort(),
    );
    assert.ok(Object.keys(hostile(1)).length >= 29);
  });

  it("lets the right headers through to each handler, as a control", async () => {
    for (const [name, row] of Object.entries(methods)) {
      if (!("rest" in row)) continue;
      called = [];
      const verb = row.rest.verb.toUpperCase();
      const path = row.rest.path.replace("{run}", "run_1");
      const query = name === "run.events" ? "?after=0" : "";
      const body = verb === "POST" ? '{"workflow":"ask_workspace","input":{}}' : "";
      const headers = [...right(), json];
      const { status } = await raw(doors.port, { verb, path: path + query, headers, body });
      assert.deepEqual([name, status < 300, called], [name, true, [name]]);
    }
    for (const path of socketPaths)
      assert.equal((await raw(doors.port, { path, headers: [...right(), ...upgradeHeaders] })).status, 101);
    assert.equal(lsp, 1);
    assert.equal((await raw(doors.port, { path: "/elsewhere", headers: [...right(), ...upgradeHeaders] })).status, 404);
    const openapi = await raw(doors.port, { path: "/api/v1/openapi.json", headers: right() });
    assert.match(openapi.text, /"openapi":"3\.1\.0"/);
    assert.equal((await raw(doors.port, { path: "/nothing", headers: right() })).status, 404);
    const own = [...right(), ["origin", `http://127.0.0.1:${doors.port}`]] as const;
    assert.equal((await raw(doors.port, { path: "/ready", headers: own })).status, 200);
  });

  it("is what refuses them: the same requests reach the handlers where it does not stand", async () => {
    const listener = getRequestListener(createHttp(handlers, build).fetch);
    const open = createServer((incoming, outgoing) => void listener(incoming, outgoing));
    await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = open.address() as AddressInfo;
      let reached = 0;
      for (const { headers, query = "", upgradeOnly } of Object.values(hostile(port))) {
        if (upgradeOnly || !headers.some(([name, value]) => name === "host" && value !== "")) continue;
        called = [];
        const { status } = await raw(port, { path: `/api/v1/runs${query}`, headers });
        if (status === 200 && called[0] === "run.list") reached += 1;
      }
      assert.ok(reached >= 20, `only ${reached} of them reached a handler`);
    } finally {
      open.close();
      open.closeAllConnections();
    }
  });

  it("says nothing but ok to a health check without a token", async () => {
    const { status, text } = await raw(doors.port, {
      path: "/health",
      headers: [["host", `127.0.0.1:${doors.port}`]],
    });
    assert.deepEqual([status, text.match(/\{.*\}/s)?.[0]], [200, '{"ok":true}']);
    const known = await raw(doors.port, { path: "/health", headers: right() });
    assert.deepEqual([known.status, known.text.match(/\{.*\}/s)?.[0]], [200, '{"ok":true}']);
    const other = await raw(doors.port, { verb: "POST", path: "/health", headers: right().slice(0, 1) });
    assert.equal(other.status, 401);
  });

  it("compares secrets in constant time only, and takes them from no address", () => {
    for (const name of readdirSync("sidecar/server")) {
      const text = readFileSync(`sidecar/server/${name}`, "utf8");
      assert.doesNotMatch(text, /[=!]==?\s*\S*\.(token|human)\b|\.(token|human)\s*[=!]==?/, name);
      assert.doesNotMatch(text, /searchParams|[?&](access_)?token=/, name);
    }
    assert.match(readFileSync("sidecar/server/guard.ts", "utf8"), /timingSafeEqual\(digest/);
    assert.doesNotMatch(readFileSync("sidecar/client/client.ts", "utf8"), /[?&]\w*token=/);
  });

  it("starts nothing for the post that a page may send without asking", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
      "application/json-seq",
      "",
      null,
    ]) {
      const headers = type === null ? right() : [...right(), ["content-type", type] as const];
      const { status } = await raw(doors.port, {
        verb: "POST",
        path: "/api/v1/runs",
        headers,
        body: '{"workflow":"ask_workspace","input":{}}',
      });
      assert.equal(status, 415);
    }
    assert.deepEqual(called, []);
  });

  it("refuses what is too deep or too large before a handler sees it", async () => {
    const nested = (levels: number): string =>
      `{"workflow":"w","input":${'{"a":'.repeat(levels - 2)}{}${"}".repeat(levels - 2)}}`;
    const post = (body: string): Promise<{ status: number; text: string }> =>
      raw(doors.port, { verb: "POST", path: "/api/v1/runs", headers: [...right(), json], body });
    assert.equal((await post(nested(64))).status, 201);
    called = [];
    const deep = await post(nested(65));
    assert.equal(deep.status, 400);
    assert.match(deep.text, /"code":"too_deep"/);
    const large = await post(JSON.stringify({ workflow: "w", input: { text: "x".repeat(1024 * 1024) } }));
    assert.equal(large.status, 413);
    assert.match(large.text, /too_large/);
    assert.deepEqual(called, []);
  });

  it("measures a body that does not say its length", async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          port: doors.port,
          host: "127.0.0.1",
          method: "POST",
          path: "/api/v1/runs",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        },
        (incoming) => {
          incoming.resume();
          resolve(incoming.statusCode ?? 0);
        },
      );
      outgoing.on("error", reject);
      for (let block = 0; block < 20; block += 1) outgoing.write("x".repeat(100_000));
      outgoing.end();
    });
    assert.equal(status, 413);
    assert.deepEqual(called, []);
  });
});
