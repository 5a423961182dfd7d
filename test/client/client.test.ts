import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { HubClient, type Introduction } from "../../sidecar/client/client.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { type Build, type HubRecord, PROTOCOL_VERSION } from "../../sidecar/protocol/hub.ts";
import { until } from "../support/hub.ts";

const build: Build = { version: "9.9.9", builtAt: "2030-01-01T00:00:00.000Z", channel: "dev" };
const introduction: Introduction = { client: "test", build, scopes: ["read"], human: false, roots: [], trusted: true };
const helloResult = { build, protocol: 1, scopes: ["read"], epoch: 1, pid: 1, home: "/nowhere", new: "field" };

/** A hub of a later build, played by hand: `answer` says what comes back for a method. */
async function later(answer: (method: string, id: number, socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const { id, method } = JSON.parse(String(data)) as { id: number; method: string };
      if (method === "hello") socket.send(JSON.stringify({ id, result: helloResult, took: 1 }));
      else answer(method, id, socket);
    });
  });
  const record: HubRecord = {
    port: (server.address() as AddressInfo).port,
    token: "t",
    build,
    protocol: PROTOCOL_VERSION,
    minProtocol: PROTOCOL_VERSION,
    attention: null,
    nextDue: null,
  };
  return { record, close: () => server.close() };
}

describe("a client of a newer hub", () => {
  it("takes answers and items with more fields, and passes over items of a kind it does not know", async () => {
    const hub = await later((method, id, socket) => {
      const say = (frame: object): void => socket.send(JSON.stringify({ id, ...frame }));
      if (method === "ping") say({ result: { at: 1, more: true }, cost: 3 });
      if (method !== "hub.watch") return;
      say({ result: {}, extra: 1 });
      say({ item: { weather: "fine" } });
      say({ item: { attention: null, why: "new" } });
    });
    const client = await HubClient.connect(hub.record, introduction);
    assert.deepEqual(await client.request("ping", {}), { at: 1 });
    const items: unknown[] = [];
    await client.watch("hub.watch", {}, (item) => items.push(item));
    await until("the known item", () => items.length > 0);
    assert.deepEqual(items, [{ attention: null }]);
    client.close();
    hub.close();
  });

  it("shows an error whose code it does not know with that code and the hub's sentence", async () => {
    const hub = await later((_method, id, socket) => {
      const error = { code: "brand_new", message: "A new sentence.", retryable: true };
      socket.send(JSON.stringify({ id, error }));
    });
    const client = await HubClient.connect(hub.record, introduction);
    await assert.rejects(
      client.request("ping", {}),
      (error) => error instanceof PodiumError && error.message === "brand_new: A new sentence.",
    );
    client.close();
    hub.close();
  });

  for (const nonsense of ["not json", "[]", '{"id":1}', '{"result":{}}', '{"id":2,"error":{}}'])
    it(`ends the connection, and its requests, at ${nonsense}`, async () => {
      const hub = await later((_method, _id, socket) => socket.send(nonsense));
      const client = await HubClient.connect(hub.record, introduction);
      const ended = new Promise<void>((resolve) => client.onClose(resolve));
      await assert.rejects(
        client.request("ping", {}),
        (error) => error instanceof PodiumError && error.code === "no_hub",
      );
      await ended;
      hub.close();
    });

  it("does not begin with a hub whose versions do not meet its own", async () => {
    for (const [protocol, minProtocol] of [
      [0, 0],
      [PROTOCOL_VERSION + 2, PROTOCOL_VERSION + 1],
    ] as const) {
      const record = { port: 1, token: "t", build, protocol, minProtocol, attention: null, nextDue: null };
      await assert.rejects(
        HubClient.connect(record, introduction),
        (error) =>
          error instanceof PodiumError && error.code === "hub_incompatible" && /podium hub stop/.test(error.message),
      );
    }
  });
});
