import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { WebSocketServer } from "ws";
import { readRecord } from "../../sidecar/client/record.ts";
import type { Doors } from "../../sidecar/server/doors.ts";
import { createPlace, type Place, until } from "../support/hub.ts";
import { createReached, openTestDoors, secrets } from "./support.ts";

const program = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const name = "evil.example";
const hostile = readFileSync(new URL("hostile-page.html", import.meta.url));

/** Sent without looking at the answer: only what the hub did with them counts. */
const blind = ["a blind order", "a beacon", "a form"];

/** A server as the ones that were attacked: it asks nobody who he is. */
async function openCareless(): Promise<{ readonly port: number; readonly orders: string[]; close(): void }> {
  const orders: string[] = [];
  const allowed = { "access-control-allow-headers": "*, authorization", "access-control-allow-methods": "*" };
  const server = createServer((request, response) => {
    if (request.method === "POST" || request.method === "DELETE") orders.push(`${request.method} ${request.url}`);
    const isStream = request.url?.includes("/events") ?? false;
    const origin = request.headers.origin ?? "*";
    const shared = { ...allowed, "access-control-allow-origin": origin, "access-control-allow-credentials": "true" };
    if (request.url === "/api/v1/runs" && request.headers["sec-fetch-dest"] === "image") {
      response.writeHead(200, { ...shared, "content-type": "image/svg+xml" });
      response.end('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>');
      return;
    }
    const explicit = { ...shared, "access-control-allow-headers": "authorization, content-type" };
    const methods = { "access-control-allow-methods": "GET, POST, DELETE" };
    response.writeHead(200, {
      ...explicit,
      ...methods,
      "content-type": isStream ? "text/event-stream" : "text/javascript",
    });
    if (isStream) response.write("data: 1\n\n");
    else response.end("1");
  });
  const sockets = new WebSocketServer({ server });
  await listening(server);
  return {
    port: portOf(server),
    orders,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe("a hostile page in a real browser", function () {
  this.timeout(90_000);
  let browser: Browser;
  let attacker: Server;
  const reached = createReached();
  let doors: Doors;
  let sockets = 0;

  before(async function () {
    if (!existsSync(program)) {
      assert.notEqual(process.env["CI"], "true", `no browser at ${program}`);
      this.skip();
    }
    attacker = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end(hostile);
    });
    await listening(attacker);
    doors = await openTestDoors({
      ...reached,
      serveLsp: (socket) => {
        sockets += 1;
        socket.close();
      },
      onClients: (count) => {
        sockets += count;
      },
    });
    browser = await chromium.launch({
      executablePath: program,
      args: ["--no-sandbox", `--host-resolver-rules=MAP ${name} 127.0.0.1`],
    });
  });
  after(async () => {
    await browser?.close();
    attacker?.close();
    attacker?.closeAllConnections();
    await doors?.close();
  });

  const pageAt = async (port: number, path = "/"): Promise<Page> => {
    const page = await browser.newPage();
    await page.goto(`http://${name}:${port}${path}`);
    return page;
  };
  const attackOn = async (hub: string, token: string): Promise<Record<string, string>> => {
    const page = await pageAt(portOf(attacker));
    try {
      const answers: Record<string, string> = await page.evaluate(`attack(${JSON.stringify({ hub, token })})`);
      return answers;
    } finally {
      await page.close();
    }
  };
  const assertRefused = (answers: Readonly<Record<string, string>>): void => {
    for (const [what, answer] of Object.entries(answers))
      if (!blind.includes(what)) assert.equal(answer, "refused", what);
  };

  it("gets through everywhere where nobody guards, as a control", async () => {
    const careless = await openCareless();
    try {
      const answers = await attackOn(`127.0.0.1:${careless.port}`, "token");
      for (const [what, answer] of Object.entries(answers)) assert.doesNotMatch(answer, /refused|no answer/, what);
      await until("every order", () => careless.orders.length >= 6);
      const page = await pageAt(careless.port, "/health");
      assert.equal(await page.textContent("body"), "1");
      await page.close();
    } finally {
      careless.close();
    }
  });

  for (const host of ["127.0.0.1", "localhost", name])
    it(`gets nothing from the doors at ${host}, even with the right token, and no handler hears of it`, async () => {
      assertRefused(await attackOn(`${host}:${doors.port}`, secrets.token));
      assert.deepEqual([reached.called, sockets, doors.clients()], [[], 0, 0]);
    });

  it("cannot pass for us by another name (DNS rebinding)", async () => {
    for (const path of ["/health", "/api/v1/runs", "/api/v1/openapi.json"]) {
      const page = await browser.newPage();
      const answer = await page.goto(`http://${name}:${doors.port}${path}`);
      assert.equal(answer?.status(), 403, path);
      assert.equal((await page.textContent("body"))?.includes('"ok":true'), false);
      const again = await page.evaluate(
        async (given) => (await fetch("/api/v1/runs", { headers: { authorization: `Bearer ${given}` } })).status,
        secrets.token,
      );
      assert.equal(again, 403);
      await page.close();
    }
    assert.deepEqual(reached.called, []);
  });

  it("learns nothing from a preflight", async () => {
    for (const path of ["/api/v1/runs", "/ready", "/health", "/ws"]) {
      const answer = await fetch(`http://127.0.0.1:${doors.port}${path}`, {
        method: "OPTIONS",
        headers: {
          origin: `http://${name}`,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        },
      });
      assert.ok([401, 403].includes(answer.status), `${path}: ${answer.status}`);
      assert.deepEqual(
        [...answer.headers.keys()].filter((header) => header.startsWith("access-control")),
        [],
      );
    }
  });

  it("starts, reads and ends nothing in a real hub", async () => {
    const place: Place = createPlace();
    const client = await place.reach();
    try {
      const { port, token = "" } = readRecord(place.home) ?? {};
      assertRefused(await attackOn(`127.0.0.1:${port}`, token));
      assert.deepEqual((await client.request("run.list", { all: true })).runs, []);
      assert.equal((await client.request("hub.status", {})).clients, 1);
    } finally {
      client.close();
      await place.remove();
    }
  });
});
