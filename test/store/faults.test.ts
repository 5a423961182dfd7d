import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRuns, type Runs } from "../../sidecar/engine/runs.ts";
import type { Ir } from "../../sidecar/protocol/ir.ts";
import { setStep } from "../../sidecar/steps/set.ts";
import { Checkpointer } from "../../sidecar/store/sqlite/checkpoint.ts";
import { loadSqlite, storeError } from "../../sidecar/store/sqlite/runtime.ts";
import { type OpenedStore, openStore } from "../../sidecar/store/sqlite/store.ts";
import { events, runStart, step, storeClock } from "../contracts/run-store.ts";
import { digest, graph, set } from "../engine/world.ts";
import { createFakeModels, say } from "../support/fake-models.ts";
import { realClock } from "../support/real-clock.ts";
import { refused, scratch } from "./support.ts";

const open = (directory: string) => openStore({ directory, clock: storeClock() });
const errorWith = (code: string): Error => Object.assign(new Error("no"), { code });

describe("what the disk says", () => {
  for (const [sqlite, code] of [
    ["SQLITE_FULL", "storage"],
    ["SQLITE_IOERR_WRITE", "storage"],
    ["SQLITE_IOERR_FSYNC", "storage"],
    ["SQLITE_READONLY", "storage"],
    ["SQLITE_READONLY_DBMOVED", "storage"],
    ["SQLITE_CANTOPEN", "storage"],
    ["SQLITE_CORRUPT", "data_corrupt"],
    ["SQLITE_CORRUPT_INDEX", "data_corrupt"],
    ["SQLITE_NOTADB", "data_corrupt"],
    ["SQLITE_BUSY", "data_in_use"],
    ["SQLITE_BUSY_SNAPSHOT", "data_in_use"],
  ] as const) {
    it(`${sqlite} becomes ${code}, with the file, the cause and what to do in one sentence`, () => {
      const error = storeError(errorWith(sqlite), "/data/podium.db");
      assert.equal(error.code, code);
      assert.equal(error.reason, sqlite);
      assert.match(error.message, /^[^.]*\/data\/podium\.db[^;]*; [a-z][^;]*\.$/);
    });
  }
});

describe("a journal after a fault", () => {
  it("with any byte of the WAL flipped tells a prefix of what was written, and takes more", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    await store.append("run_1", [runStart("run_1", store.epoch)], "written");
    for (let seq = 2; seq < 42; seq += 2)
      await store.append("run_1", events("run_1", store.epoch, seq, step(`s${seq}`)), "written");
    const truth = await store.read("run_1", 0, 100);
    const names = ["podium.db", "podium.db-wal"] as const;
    const [main, wal] = names.map((name) => readFileSync(join(directory, name)));
    assert.ok(main && wal);
    await store.close();
    let shorter = 0;
    for (let n = 0; n < 40; n += 1) {
      const place = join(directory, `flip-${n}`);
      mkdirSync(place);
      const bytes = Buffer.from(wal);
      const offset = (n * 7919 * 13) % bytes.length;
      bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << (n % 8)), offset);
      writeFileSync(join(place, names[0]), main);
      writeFileSync(join(place, names[1]), bytes);
      const again = (await open(place)).store;
      const log = await again.read("run_1", 0, 100);
      assert.deepEqual(log, truth.slice(0, log.length));
      if (log.length < truth.length) shorter += 1;
      assert.deepEqual(await again.verify(), []);
      const next = log.length === 0 ? runStart("run_1", again.epoch) : undefined;
      await again.append("run_1", next ? [next] : events("run_1", again.epoch, log.length + 1, step("more")), "synced");
      await again.close();
    }
    assert.ok(shorter > 0);
  }).timeout(30_000);

  it("that was made by an unreleased schema is set aside, whole, and named", async () => {
    const directory = scratch();
    const old = new (loadSqlite())(join(directory, "podium.db"));
    old.exec(
      "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER); CREATE TABLE events (log, seq); INSERT INTO events VALUES (1, 2); PRAGMA user_version = 1",
    );
    old.close();
    const { store, recovered } = await open(directory);
    const aside = new (loadSqlite())(recovered ?? "", { readonly: true });
    assert.deepEqual(aside.prepare("SELECT * FROM events").all(), [{ log: 1, seq: 2 }]);
    aside.close();
    await store.append("run_1", [runStart("run_1", store.epoch)], "written");
    await store.close();
  });

  it("set aside twice in one moment keeps both", async () => {
    const directory = scratch();
    const kept: (string | null)[] = [];
    for (const text of ["first damage", "second damage"]) {
      writeFileSync(join(directory, "podium.db"), text.repeat(100));
      const { store, recovered } = await open(directory);
      kept.push(recovered);
      await store.close();
    }
    assert.equal(new Set(kept).size, 2);
    assert.match(readFileSync(kept[0] ?? "", "utf8"), /^first damage/);
    assert.match(readFileSync(kept[1] ?? "", "utf8"), /^second damage/);
  });

  it("damaged while it is open refuses by name and leaves the other runs readable", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    for (const run of ["run_1", "run_2"])
      await store.append(run, [runStart(run, store.epoch), ...events(run, store.epoch, 2, step("a"))], "written");
    const other = new (loadSqlite())(join(directory, "podium.db"));
    other.exec(
      "UPDATE events SET body = replace(body, 'value of a', 'value of A') WHERE id & 0xfffffff = 3 AND id >> 28 = 1",
    );
    other.close();
    const error = await refused("data_corrupt", () => store.read("run_1", 0, 10));
    assert.match(error.message, /^Event 3 of run_1 is damaged .*; .*start it again\.$/);
    assert.equal((await store.read("run_2", 0, 10)).length, 3);
    assert.deepEqual(await store.verify(), [error.message]);
    await store.close();
  });
});

describe("the checkpoint thread", () => {
  it("that dies is started again at the next need", async () => {
    const directory = scratch();
    const file = join(directory, "x.db");
    const checkpointer = new Checkpointer(file);
    // Without its file the thread ends at once.
    assert.equal(await checkpointer.run("PASSIVE"), false);
    const database = new (loadSqlite())(file);
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    assert.equal(await checkpointer.run("PASSIVE"), true);
    await checkpointer.close();
    database.close();
  });
});

describe("runs on a full disk", () => {
  const boot = async (directory: string, maxPages?: number): Promise<OpenedStore & { readonly runs: Runs }> => {
    const opened = await openStore({ directory, clock: realClock, ...(maxPages === undefined ? {} : { maxPages }) });
    let ids = 0;
    const runs = createRuns({
      store: opened.store,
      models: createFakeModels(() => say("hi")),
      tools: new Map(),
      steps: new Map([[setStep.name, setStep]]),
      clock: realClock,
      ids: { next: (prefix) => `${prefix}_${opened.store.epoch}_${++ids}` },
      digest,
      width: 4,
    });
    return { ...opened, runs };
  };
  const settings = { roles: {}, servers: [], network: "local", requireModel: false, budget: {} } as const;
  const start = (runs: Runs, ir: Ir): Promise<string> =>
    runs.start({
      workflow: ir.name,
      ir,
      irHash: "hash",
      input: { text: "x".repeat(400_000) },
      root: "/w",
      trusted: true,
      env: {},
      settings: { ...settings, servers: [] },
      idem: null,
    });

  it("park with `storage`, lose nothing, and end once there is space", async () => {
    const directory = scratch();
    const limited = await boot(directory, 300);
    const big = graph([set("a", "=input.text"), set("b", "${a}${a}${a}"), set("c", "=len(b)")], "c");
    const run = await start(limited.runs, big);
    await limited.runs.settled(run);
    const parked = await limited.runs.view(run);
    assert.deepEqual([parked.status, parked.reason], ["parked", "storage"]);
    assert.match(parked.detail ?? "", /disk refused .*; free space .*, then resume\.$/);
    assert.equal(parked.steps.get("a")?.status, "done");
    assert.deepEqual(await limited.store.verify(), []);
    await limited.store.close();

    const freed = await boot(directory);
    await freed.runs.adoptOpen();
    await freed.runs.settled(run);
    const ended = await freed.runs.view(run);
    assert.equal(ended.status, "succeeded");
    assert.deepEqual(ended.output, { inline: 1_200_000 });
    assert.equal(ended.steps.get("a")?.attempt, 1);
    await freed.store.close();
  }).timeout(20_000);
});
