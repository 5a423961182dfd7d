import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isAlive, readRecord } from "../../sidecar/client/record.ts";
import { logFile } from "../../sidecar/client/start.ts";
import { stopHub } from "../../sidecar/client/stop.ts";
import type { Build } from "../../sidecar/protocol/hub.ts";
import { acquireLock } from "../../sidecar/store/sqlite/lock.ts";
import { bundleHub } from "../hub/bundle.ts";
import { assertOnce, untilEnded } from "../hub/log.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, introduction, type Place, until } from "../support/hub.ts";

const main = new URL("../../sidecar/main.ts", import.meta.url);
const starter = fileURLToPath(new URL("./starter.ts", import.meta.url));
const run = promisify(execFile);
const text = "A drawer opens with the brass key [1]. The brass key hangs behind the clock [1].";
const question = { question: "Where does the brass key of the drawer hang?" };
const listenings = (place: Place): number =>
  readFileSync(logFile(place.home), "utf8")
    .split("\n")
    .filter((line) => line.includes("listening")).length;

describe("reaching the hub", function () {
  this.timeout(60_000);
  let fake: FakeServer;
  let bundle: Awaited<ReturnType<typeof bundleHub>>;
  let place: Place;
  before(async () => {
    bundle = await bundleHub(main);
    fake = await fakeOllama({ answers: () => ({ text, delayMs: 1200, pieceMs: 4 }) });
  });
  beforeEach(() => {
    place = createPlace({ PODIUM_SERVERS: fake.url });
  });
  afterEach(() => place.remove());
  after(async () => {
    await fake.close();
    bundle.remove();
  });
  const reach = (): ReturnType<Place["reach"]> => place.reach({ dist: bundle.dist });

  it("starts exactly one hub for four processes that start it at once", async () => {
    const asked = Array.from({ length: 4 }, async () => {
      const words = [starter, "--home", place.home, "--dist", bundle.dist, "--root", place.root];
      const { stdout } = await run(process.execPath, words, { env: place.env });
      return JSON.parse(stdout) as unknown;
    });
    const reached = await Promise.all(asked);
    const pid = readRecord(place.home)?.pid;
    assert.deepEqual(reached, Array(4).fill({ pid, epoch: 1 }));
    assert.equal(listenings(place), 1);
  });

  it("serves two workspaces from one hub, each with its own runs only", async () => {
    const other = createPlace();
    const first = await reach();
    const second = await place.reach({ dist: bundle.dist, introduction: introduction(other.root) });
    assert.equal(second.hello.pid, first.hello.pid);
    const { run: mine } = await first.request("run.start", { workflow: "ask_workspace", input: question });
    await untilEnded(first, mine);
    assert.equal((await first.request("run.list", {})).runs.length, 1);
    assert.equal((await second.request("run.list", {})).runs.length, 0);
    await assert.rejects(second.request("run.get", { run: mine }), { code: "unknown_run" });
    first.close();
    second.close();
    await other.remove();
  });

  it("lets a run end with no window open, and the hub only then", async () => {
    place.env["PODIUM_IDLE_MS"] = "300";
    const client = await reach();
    const { pid, epoch } = client.hello;
    const { run: started } = await client.request("run.start", { workflow: "ask_workspace", input: question });
    client.close();
    await until("end of a hub that nobody needs", () => !isAlive(pid));
    const left = readRecord(place.home);
    assert.deepEqual([left?.pid, left?.port, left?.token, left?.human, left?.attention], [...Array(4), null]);

    const again = await reach();
    assert.equal(again.hello.epoch, epoch + 1);
    const { events } = await again.request("run.events", { run: started, after: 0 });
    assertOnce(events);
    assert.deepEqual([...new Set(events.map((event) => event.epoch))], [epoch]);
    assert.equal((await again.request("run.get", { run: started })).degraded, false);
    again.close();
  });

  it("ends also with a run that is held up, which waits in the log for the next hub", async () => {
    place.env["PODIUM_IDLE_MS"] = "300";
    place.write(
      ".podium/workflows/gate.yaml",
      'podium: 1\nname: gate\nsteps:\n  - { id: ok, approve: "Go on?" }\noutput: ok.approved\n',
    );
    const client = await reach();
    const { pid } = client.hello;
    const { run: asking } = await client.request("run.start", { workflow: "gate", input: {} });
    const { run: called } = await client.request("run.start", { workflow: "ask_workspace", input: question });
    await until("a call on record", async () => {
      const { events } = await client.request("run.events", { run: called, after: 0 });
      return events.some((event) => event.kind === "op-start" && event.opKind === "model");
    });
    await place.kill();
    client.close();
    place.env["PODIUM_SERVERS"] = "http://127.0.0.1:9";
    const second = await reach();
    const row = async (run: string): Promise<readonly unknown[]> => {
      const { runs } = await second.request("run.list", {});
      const found = runs.find((other) => other.run === run);
      return [found?.status, found?.reason];
    };
    await until("a run without its model", async () => (await row(called))[1] === "provider");
    assert.deepEqual(await row(asking), ["parked", "ask"]);
    second.close();
    assert.notEqual(second.hello.pid, pid);
    await until("end of a hub that nobody needs", () => !isAlive(second.hello.pid));
    assert.deepEqual(readRecord(place.home)?.attention, { waiting: 1, open: 2, line: "1 waiting for you" });
  });

  it("stops a hub without starting one, and lets what is under way end first", async () => {
    assert.equal(await stopHub(place.home, introduction(place.root), false), false);
    await assert.rejects(place.reach({ mayStart: false }), { code: "no_hub" });
    assert.equal(readRecord(place.home), null);

    const client = await reach();
    const before = fake.generations.length;
    const { run: started } = await client.request("run.start", { workflow: "ask_workspace", input: question });
    await until("a call under way", () => fake.inFlight > 0);
    assert.equal(await stopHub(place.home, introduction(place.root), false), true);
    assert.ok(!isAlive(client.hello.pid));
    const again = await reach();
    assertOnce(await untilEnded(again, started));
    assert.equal(fake.generations.length - before, 1, "the call under way was let go on");
    again.close();
  });

  it("aborts what is under way when it has to stop now, and the next hub does it again", async () => {
    const client = await reach();
    const before = fake.generations.length;
    const { run: started } = await client.request("run.start", { workflow: "ask_workspace", input: question });
    await until("a call under way", () => fake.inFlight > 0);
    assert.equal(await stopHub(place.home, introduction(place.root), true), true);
    assert.ok(fake.generations[before]?.aborted);
    const again = await reach();
    assertOnce(await untilEnded(again, started));
    assert.equal(fake.generations.length - before, 2);
    again.close();
  });

  it("waits for a lock that is held by a process just ending", async () => {
    const lock = acquireLock(join(place.home, "hub.lock"));
    assert.ok(lock);
    const reached = reach();
    await until("a start that found the lock taken", () => {
      try {
        return readFileSync(logFile(place.home), "utf8") !== null;
      } catch {
        return false;
      }
    });
    setTimeout(() => lock.release(), 1500);
    const client = await reached;
    assert.equal(client.hello.epoch, 1);
    client.close();
  });

  it("says that another process holds the data directory when it does not answer", async () => {
    const lock = acquireLock(join(place.home, "hub.lock"));
    const patience = { startMs: 2500, helloMs: 500 };
    await assert.rejects(place.reach({ dist: bundle.dist, patience }), { code: "no_hub", reason: "blocked" });
    lock?.release();
  });

  it("drains an older build, whose runs go on in the new one, and attaches to a newer build", async () => {
    const older: Build = { version: "0.0.1", builtAt: "2026-01-01T00:00:00.000Z", channel: "dev" };
    const newer: Build = { version: "0.0.2", builtAt: "2026-02-01T00:00:00.000Z", channel: "dev" };
    const [old, fresh] = await Promise.all([bundleHub(main, older), bundleHub(main, newer)]);
    const as = (build: Build): ReturnType<typeof introduction> => ({ ...introduction(place.root), build });
    const first = await place.reach({ dist: old.dist, introduction: as(older) });
    const before = fake.generations.length;
    const { run: started } = await first.request("run.start", { workflow: "ask_workspace", input: question });
    await until("a call under way", () => fake.inFlight > 0);

    const second = await place.reach({ dist: fresh.dist, introduction: as(newer) });
    assert.deepEqual([second.hello.build, second.hello.epoch], [newer, 2]);
    assertOnce(await untilEnded(second, started));
    assert.equal(fake.generations.length - before, 1);
    const third = await place.reach({ dist: old.dist, introduction: as(older) });
    assert.equal(third.hello.pid, second.hello.pid);
    const release = await place.reach({
      dist: fresh.dist,
      introduction: as({ ...newer, builtAt: "2026-03-01T00:00:00.000Z", channel: "release" }),
    });
    assert.equal(release.hello.pid, second.hello.pid, "channels do not replace each other");
    for (const client of [second, third, release]) client.close();
    await place.kill();
    old.remove();
    fresh.remove();
  });
});

describe("a hub that cannot start", () => {
  const dist = mkdtempSync(join(tmpdir(), "podium-broken-"));
  let place: Place;
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.remove());
  after(() => rmSync(dist, { recursive: true }));
  const starts = (): number => readFileSync(join(place.home, "tries"), "utf8").length;
  const broken = (code: string): void =>
    writeFileSync(
      join(dist, "hub.mjs"),
      `import { appendFileSync } from "node:fs"; appendFileSync("tries", "x"); ${code}; process.exit(1);`,
    );

  it("is tried five times in three minutes, by all windows together, and then no more", async () => {
    broken("");
    const both = await Promise.allSettled([place.reach({ dist }), place.reach({ dist })]);
    for (const result of both) assert.equal(result.status === "rejected" && result.reason.reason, "crash_loop");
    const tries = starts();
    assert.ok(tries >= 5 && tries <= 6, `${tries} starts`);
    await assert.rejects(place.reach({ dist }), { code: "no_hub", reason: "crash_loop" });
    assert.equal(starts(), tries);
  });

  it("is tried again once one has answered", async () => {
    broken("");
    await assert.rejects(place.reach({ dist }), { reason: "crash_loop" });
    writeFileSync(
      join(place.home, "failed-starts"),
      readFileSync(join(place.home, "failed-starts"), "utf8").replaceAll(/^\d+$/gm, String(Date.now() - 181_000)),
    );
    const client = await place.reach();
    client.close();
    await place.kill();
    const before = starts();
    await assert.rejects(place.reach({ dist }), { reason: "crash_loop" });
    assert.equal(starts() - before, 5);
  });

  it("gives its reason at once when it names one", async () => {
    broken(`console.error(new Date().toISOString() + " data_unreadable: The disk is gone; mount it.")`);
    await assert.rejects(place.reach({ dist }), { code: "data_unreadable", message: "The disk is gone; mount it." });
    assert.equal(starts(), 1);
  });
});
