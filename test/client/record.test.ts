import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { isAlive, readRecord } from "../../sidecar/client/record.ts";
import { stopHub } from "../../sidecar/client/stop.ts";
import type { HubRecord } from "../../sidecar/protocol/hub.ts";
import { bundleHub } from "../hub/bundle.ts";
import { assertOnce, untilEnded } from "../hub/log.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, introduction, type Place, until } from "../support/hub.ts";

const patience = { startMs: 30_000, helloMs: 1500 };
const dev = { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" } as const;
const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

describe("a hub.json that does not lead to a hub", function () {
  this.timeout(60_000);
  let bundle: Awaited<ReturnType<typeof bundleHub>>;
  let place: Place;
  let stranger: ChildProcess;
  before(async () => {
    bundle = await bundleHub(new URL("../../sidecar/main.ts", import.meta.url));
  });
  beforeEach(() => {
    place = createPlace();
    stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  });
  afterEach(async () => {
    stranger.kill("SIGKILL");
    await place.remove();
  });
  after(() => bundle.remove());

  const file = (): string => join(place.home, "hub.json");
  /** The record of a hub that died an hour ago; its number is that of a stranger now. */
  const stale = (port: number): HubRecord => ({
    pid: stranger.pid ?? 0,
    startedAt: Date.now() - 3_600_000,
    port,
    token: "t",
    human: "h",
    build: dev,
    protocol: 1,
    minProtocol: 1,
    attention: null,
    nextDue: null,
  });
  const write = (record: object): void => writeFileSync(file(), JSON.stringify(record), { mode: 0o600 });
  /** A new hub takes the directory over, and nobody else comes to harm. */
  const assertTakenOver = async (): Promise<void> => {
    const client = await place.reach({ dist: bundle.dist, patience });
    assert.equal(client.hello.epoch, 1);
    assert.equal(readRecord(place.home)?.pid, client.hello.pid);
    assert.ok(stranger.pid !== undefined && isAlive(stranger.pid), "a stranger was killed");
    client.close();
  };

  const texts: readonly (readonly [string, string])[] = [
    ["is empty", ""],
    ["is half written", '{"pid":12,"port":'],
    ["is another program's", '{"hello":"world"}'],
    ["holds wrong types", JSON.stringify({ pid: "1", build: dev, protocol: 1, minProtocol: 1 })],
    [
      "is of a hub that stopped",
      JSON.stringify({ build: dev, protocol: 1, minProtocol: 1, attention: null, nextDue: null }),
    ],
  ];
  for (const [what, content] of texts)
    it(`${what}: a hub is started`, async () => {
      writeFileSync(file(), content);
      await assertTakenOver();
    });

  it("names a dead process: a hub is started", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => dead.once("exit", resolve));
    write({ ...stale(9), pid: dead.pid });
    await assertTakenOver();
  });

  it("names a stranger's process and a closed port: a hub is started", async () => {
    write(stale(9));
    await assertTakenOver();
  });

  it("names a port where a stranger says nothing: a hub is started", async () => {
    const server = createServer(() => undefined);
    write(stale(await listen(server)));
    await assertTakenOver();
    server.close();
  });

  it("names a port of some web server: a hub is started", async () => {
    const server = createHttp((_request, response) => response.end("<html>"));
    write(stale(await listen(server)));
    await assertTakenOver();
    server.closeAllConnections();
    server.close();
  });

  it("names a port where somebody answers nonsense: a hub is started", async () => {
    const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    sockets.on("connection", (socket) => socket.on("message", () => socket.send("what?")));
    await new Promise((resolve) => sockets.once("listening", resolve));
    write(stale((sockets.address() as AddressInfo).port));
    await assertTakenOver();
    sockets.close();
  });

  it("belongs to another user: it is not believed", async function () {
    if (process.getuid?.() !== 0) this.skip();
    write({ ...stale(9), pid: process.pid });
    chownSync(file(), 65_534, 65_534);
    assert.equal(readRecord(place.home), null);
    await assertTakenOver();
  });

  it("is of a dead hub that spoke another protocol: a hub is started", async () => {
    write({ ...stale(9), protocol: 99, minProtocol: 99 });
    assert.equal(await stopHub(place.home, introduction(place.root), false), false);
    await assertTakenOver();
  });

  it("is of a hub that speaks another protocol: the person is told, and can stop it", async () => {
    const client = await place.reach({ dist: bundle.dist });
    const { pid } = client.hello;
    client.close();
    write({ ...readRecord(place.home), protocol: 99, minProtocol: 99 });
    await assert.rejects(place.reach({ dist: bundle.dist }), { code: "hub_incompatible" });
    assert.ok(isAlive(pid));
    assert.equal(await stopHub(place.home, introduction(place.root), false), true);
    assert.ok(!isAlive(pid));
  });

  it("is of a hub that is blocked: it is ended and its run goes on in a new one", async () => {
    const text = "A drawer opens with the brass key [1].";
    const fake: FakeServer = await fakeOllama({ answers: () => ({ text, delayMs: 1500, pieceMs: 4 }) });
    place.env["PODIUM_SERVERS"] = fake.url;
    const client = await place.reach({ dist: bundle.dist });
    const { pid } = client.hello;
    const input = { question: "Where does the brass key of the drawer hang?" };
    const { run } = await client.request("run.start", { workflow: "ask_workspace", input });
    await until("a call under way", () => fake.inFlight > 0);
    process.kill(pid, "SIGSTOP");
    const began = performance.now();
    const again = await place.reach({ dist: bundle.dist, patience });
    assert.ok(performance.now() - began >= 2 * patience.helloMs, "it was not given its time");
    assert.ok(!isAlive(pid));
    assert.ok(again.hello.epoch >= 2);
    assertOnce(await untilEnded(again, run));
    again.close();
    await fake.close();
  });

  it("is of a hub that is blocked: it can be stopped", async () => {
    const client = await place.reach({ dist: bundle.dist });
    const { pid } = client.hello;
    process.kill(pid, "SIGSTOP");
    assert.equal(await stopHub(place.home, introduction(place.root), false, patience.helloMs), true);
    assert.ok(!isAlive(pid));
  });

  it("is of a hub that was slow once: it is left alone", async () => {
    const client = await place.reach({ dist: bundle.dist });
    const { pid } = client.hello;
    process.kill(pid, "SIGSTOP");
    const reached = place.reach({ dist: bundle.dist, patience });
    setTimeout(() => process.kill(pid, "SIGCONT"), patience.helloMs * 1.5);
    const again = await reached;
    assert.equal(again.hello.pid, pid);
    again.close();
    client.close();
  });
});
