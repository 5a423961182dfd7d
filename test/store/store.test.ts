import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DurableBody } from "../../sidecar/protocol/events.ts";
import { openDatabase } from "../../sidecar/store/sqlite/open.ts";
import { assertRuntime, loadSqlite } from "../../sidecar/store/sqlite/runtime.ts";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { events, runStart, runStoreContract, step, storeClock } from "../contracts/run-store.ts";
import { refused, scratch } from "./support.ts";

runStoreContract("sqlite", async (clock) => (await openStore({ directory: scratch(), clock })).store);

const open = (directory: string) => openStore({ directory, clock: storeClock() });
const sql = (directory: string) => new (loadSqlite())(join(directory, "podium.db"));

async function filled(directory: string, runs = 3): Promise<void> {
  const { store } = await open(directory);
  for (let n = 1; n <= runs; n += 1) {
    const run = `run_${n}`;
    await store.append(run, [runStart(run, 1), ...events(run, 1, 2, ["a", "b", "c"].flatMap(step))], "written");
  }
  await store.close();
}

describe("sqlite store", () => {
  it("refuses a Node whose Node-API is too old, in one sentence", async () => {
    await refused("node_too_old", () => assertRuntime("9"));
    assertRuntime("10");
  });

  it("commits 100 concurrent appends of one turn together", async () => {
    const { store } = await open(scratch());
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.append(`run_${n}`, [runStart(`run_${n}`, 1)], "written")),
    );
    assert.deepEqual(store.counters, { commits: 1, events: 100 });
    await store.close();
  });

  it("calls the write point before and after each commit", async () => {
    const points: string[] = [];
    const { store } = await openStore({
      directory: scratch(),
      clock: storeClock(),
      onWritePoint: (name) => void points.push(name),
    });
    await store.append("run_1", [runStart("run_1", 1)], "synced");
    assert.deepEqual(points, ["before-commit", "after-commit"]);
    await store.close();
  });

  it("makes the directory 0700, its files 0600, and leaves no WAL after close", async () => {
    const directory = join(scratch(), "data");
    const { store } = await open(directory);
    await store.append("run_1", [runStart("run_1", 1)], "written");
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const name of ["podium.db", "podium.db-wal", "podium.db-shm"]) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
    }
    await store.close();
    assert.equal(existsSync(join(directory, "podium.db-wal")), false);
  });

  it("refuses a gap in the numbers of a run", async () => {
    const { store } = await open(scratch());
    await store.append("run_1", [runStart("run_1", 1)], "written");
    await refused("internal", () => store.append("run_1", events("run_1", 1, 3, step("a")), "written"));
    await store.close();
  });

  it("counts sessions, and refuses the store of an earlier one", async () => {
    const directory = scratch();
    const first = (await open(directory)).store;
    assert.equal(first.epoch, 1);
    const second = (await open(directory)).store;
    assert.equal(second.epoch, 2);
    await refused("data_in_use", () => first.append("run_1", [runStart("run_1", 1)], "written"));
    await second.append("run_1", [runStart("run_1", 2)], "written");
    assert.equal(await first.head("run_1"), 1);
    await first.close();
    await second.close();
  });

  it("waits for a lock instead of failing", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    const other = sql(directory);
    other.exec("BEGIN IMMEDIATE");
    let done = false;
    const append = store.append("run_1", [runStart("run_1", 1)], "written").then(() => {
      done = true;
    });
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
    assert.equal(done, false);
    other.exec("COMMIT");
    await append;
    other.close();
    await store.close();
  });

  it("reads the journal of a newer Podium and leaves its bytes alone", async () => {
    const directory = scratch();
    await filled(directory);
    const database = sql(directory);
    database.pragma("user_version = 999");
    database.pragma("wal_checkpoint(TRUNCATE)");
    database.close();
    const before = readFileSync(join(directory, "podium.db"));
    const { store, recovered } = await open(directory);
    assert.equal(store.readOnly, true);
    assert.equal(recovered, null);
    assert.equal((await store.read("run_1", 0, 100)).length, 7);
    await refused("data_newer", () => store.append("run_9", [runStart("run_9", 1)], "written"));
    await store.close();
    assert.ok(before.equals(readFileSync(join(directory, "podium.db"))));
  });

  it("leaves the journal of a newer Podium alone also when that one was killed", async () => {
    const directory = scratch();
    await filled(directory);
    const place = scratch();
    const database = sql(directory);
    database.pragma("wal_autocheckpoint = 0");
    database.exec("CREATE TABLE newer (x)");
    database.pragma("user_version = 999");
    const names = ["podium.db", "podium.db-wal"];
    for (const name of names) copyFileSync(join(directory, name), join(place, name));
    database.close();
    const before = names.map((name) => readFileSync(join(place, name)));
    const { store } = await open(place);
    assert.equal(store.readOnly, true);
    assert.equal((await store.read("run_1", 0, 100)).length, 7);
    await store.close();
    for (const [index, name] of names.entries())
      assert.ok(before[index]?.equals(readFileSync(join(place, name))), name);
  });

  it("migrates an older journal in one transaction, with a copy of it beside", async () => {
    const directory = scratch();
    const options = { directory, name: "x.db", now: 7, timeoutMs: 0, prepare: () => null };
    openDatabase({ ...options, migrations: ["CREATE TABLE a (x); INSERT INTO a VALUES (1)"] }).database.close();
    const lifted = ["never run", "CREATE TABLE b (y); INSERT INTO b SELECT x FROM a"];
    const { database } = openDatabase({ ...options, migrations: lifted });
    assert.equal(database.prepare("SELECT y FROM b").pluck().get(), 1);
    database.close();
    const copy = new (loadSqlite())(join(directory, "x.db.v1-7"));
    assert.equal(copy.prepare("SELECT count(*) FROM sqlite_schema").pluck().get(), 1);
    assert.equal(copy.pragma("user_version", { simple: true }), 1);
    copy.close();
  });

  for (const [what, damage] of [
    ["its header", (bytes: Buffer) => bytes.fill(0x41, 0, 64)],
    ["a page", (bytes: Buffer) => bytes.fill(0xff, 4096, 8192)],
    ["its second half", (bytes: Buffer) => bytes.subarray(0, 4096 * 2 + 100)],
    ["everything, it is text", () => Buffer.from("hello, this is no database at all, really none")],
  ] as const) {
    it(`sets a journal aside that lost ${what}, and goes on with a new one`, async () => {
      const directory = scratch();
      await filled(directory);
      const file = join(directory, "podium.db");
      writeFileSync(file, damage(readFileSync(file)));
      const damaged = readFileSync(file);
      const { store, recovered } = await open(directory);
      assert.match(recovered ?? "", /podium\.db\.corrupt-\d+$/);
      assert.ok(damaged.equals(readFileSync(recovered ?? "")));
      await store.append("run_9", [runStart("run_9", store.epoch)], "synced");
      assert.equal(await store.head("run_9"), 1);
      await store.close();
    });
  }

  it("reads out of a damaged journal what is sound: all behind a lost header, whole logs behind a lost page", async () => {
    const fill = async (directory: string): Promise<void> => {
      const { store } = await open(directory);
      for (let log = 1; log <= 40; log += 1) {
        const run = `run_${log}`;
        const end: readonly DurableBody[] = log === 40 ? [] : [{ kind: "run-end", status: "succeeded" }];
        const bodies = [...["a", "b", "c"].flatMap(step), ...end];
        await store.append(run, [runStart(run, 1), ...events(run, 1, 2, bodies)], "written");
      }
      await store.close();
    };
    const lostHeader = scratch();
    await fill(lostHeader);
    const file = join(lostHeader, "podium.db");
    const bytes = readFileSync(file);
    const before = await open(lostHeader);
    const rows = await before.store.list({ roots: null, limit: 100 });
    const log = JSON.stringify(await before.store.read("run_7", 0, 100));
    await before.store.close();
    writeFileSync(file, Buffer.from(bytes).fill(0xff, 0, 100));
    const mended = await open(lostHeader);
    assert.deepEqual([mended.salvaged, await mended.store.list({ roots: null, limit: 100 })], [40, rows]);
    assert.equal(JSON.stringify(await mended.store.read("run_7", 0, 100)), log);
    assert.deepEqual([await mended.store.verify(), await mended.store.open()], [[], ["run_40"]]);
    await mended.store.close();

    const lostPage = scratch();
    await fill(lostPage);
    const other = join(lostPage, "podium.db");
    const page = Math.floor(bytes.length / 4096 / 2) * 4096;
    writeFileSync(other, Buffer.from(bytes).fill(0xff, page, page + 4096));
    const partly = await open(lostPage);
    const left = await partly.store.list({ roots: null, limit: 100 });
    assert.ok(left.length >= 30 && left.length <= 40, `${left.length} runs`);
    assert.equal(partly.salvaged, left.length);
    assert.deepEqual(await partly.store.open(), [], "a run of which something is lost goes on");
    assert.deepEqual(await partly.store.verify(), []);
    await partly.store.close();
  });

  it("with any byte flipped never crashes and never tells something else than was written", async () => {
    const directory = scratch();
    await filled(directory);
    const whole = readFileSync(join(directory, "podium.db"));
    const truth = new Map<string, string>();
    const { store } = await open(directory);
    for (const run of ["run_1", "run_2", "run_3"]) truth.set(run, JSON.stringify(await store.read(run, 0, 100)));
    await store.close();
    const seen = { set_aside: 0, refused: 0, intact: 0 };
    for (let n = 0; n < 200; n += 1) {
      const offset = n < 60 ? n : (n * 7919 * 31) % whole.length;
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << (n % 8)), offset);
      const place = join(directory, `flip-${n}`);
      mkdirSync(place);
      writeFileSync(join(place, "podium.db"), bytes);
      seen[await flipped(place, truth)] += 1;
    }
    assert.ok(seen.set_aside > 0 && seen.refused > 0 && seen.intact > 0, JSON.stringify(seen));
  }).timeout(30_000);

  it("names the damaged event, also to verify", async () => {
    const directory = scratch();
    await filled(directory);
    const file = join(directory, "podium.db");
    const text = readFileSync(file).toString("latin1");
    const offset = text.indexOf("value of b");
    assert.ok(offset > 0);
    writeFileSync(file, Buffer.from(text.replace("value of b", "value of B"), "latin1"));
    const { store } = await open(directory);
    const problems = await store.verify();
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /Event 5 of run_\d/);
    const run = /run_\d/.exec(problems[0] ?? "")?.[0] ?? "";
    const error = await refused("data_corrupt", () => store.read(run, 0, 100));
    assert.match(error.message, new RegExp(`Event 5 of ${run}`));
    await store.close();
  });

  it("on a full disk refuses with `storage`, keeps what was committed and goes on when there is space", async () => {
    for (const pages of [12, 14, 16, 20, 26, 34]) {
      const directory = scratch();
      let stored = 0;
      const full = await openLimited(directory, pages);
      for (; stored < 200; stored += 1) {
        const run = `run_${stored}`;
        const question = "q".repeat(2000);
        try {
          await full.append(run, [runStart(run, full.epoch, { question })], "synced");
        } catch (error) {
          assert.ok(error instanceof Error && "code" in error && error.code === "storage", String(error));
          break;
        }
      }
      assert.ok(stored < 200);
      assert.equal((await full.list({ roots: null, limit: 1000 })).length, stored);
      assert.deepEqual(await full.verify(), []);
      await full.close();
      const again = (await open(directory)).store;
      assert.equal((await again.open()).length, stored);
      await again.append("run_more", [runStart("run_more", again.epoch)], "synced");
      await again.close();
    }
  }).timeout(20_000);

  it("on a full disk still stores the run that fits", async () => {
    const directory = scratch();
    const store = await openLimited(directory, 24);
    const json = JSON.stringify("x".repeat(200_000));
    const hash = createHash("sha256").update(json).digest("hex");
    store.putBlob(hash, json);
    await store.append("run_1", [runStart("run_1", store.epoch)], "written");
    const big: DurableBody = {
      kind: "step-end",
      instance: "a",
      attempt: 1,
      ms: 1,
      delta: { blob: hash, bytes: 200_002 },
    };
    const refusedAppend = refused("storage", () =>
      store.append("run_1", events("run_1", store.epoch, 2, [big]), "written"),
    );
    const small = store.append("run_2", [runStart("run_2", store.epoch)], "written");
    await refusedAppend;
    await small;
    assert.equal(await store.head("run_1"), 1);
    assert.equal(await store.head("run_2"), 1);
    await store.close();
  });

  it("rebuilds every column of the projections from the log alone", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    const usage = { in: 10, out: 5, cached: 1, estimated: true };
    const bodies: DurableBody[] = [
      ...step("a"),
      { kind: "op-end", instance: "b", op: 0, attempt: 1, usage },
      { kind: "op-end", instance: "b", op: 1, attempt: 1, usage },
      { kind: "run-park", reason: "paused", detail: "" },
    ];
    await store.append("run_1", [runStart("run_1", 1, { idem: "k" }), ...events("run_1", 1, 2, bodies)], "written");
    const reader = sql(directory);
    const live = reader.prepare("SELECT * FROM runs").all();
    reader.exec("DELETE FROM runs");
    assert.equal(await store.rebuild(), 1);
    assert.deepEqual(reader.prepare("SELECT * FROM runs").all(), live);
    reader.close();
    await store.close();
  });

  it("needs at most 1 KB on disk for a small step", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    const bodies = Array.from({ length: 500 }, (_, n) => step(`each[${n}]/step`)).flat();
    await store.append("run_1", [runStart("run_1", 1), ...events("run_1", 1, 2, bodies)], "written");
    await store.close();
    const perStep = statSync(join(directory, "podium.db")).size / 500;
    assert.ok(perStep < 1024, `${perStep} bytes`);
  });

  it("moves a long WAL away while it goes on writing", async () => {
    const directory = scratch();
    const { store } = await open(directory);
    const wal = join(directory, "podium.db-wal");
    let largest = 0;
    for (let n = 0; n < 60; n += 1) {
      const json = JSON.stringify(String(n).repeat(1_000_000).slice(0, 1_000_000));
      store.putBlob(createHash("sha256").update(json).digest("hex"), json);
      await store.append(`run_${n}`, [runStart(`run_${n}`, 1)], "written");
      largest = Math.max(largest, statSync(wal).size);
    }
    assert.ok(largest < 40 * 1024 * 1024, `${largest} bytes`);
    assert.equal((await store.open()).length, 60);
    await store.close();
  }).timeout(20_000);
});

/** The store with a database that may not grow beyond some pages: what a full disk looks like. */
async function openLimited(directory: string, pages: number) {
  return (await openStore({ directory, clock: storeClock(), maxPages: pages })).store;
}

async function flipped(place: string, truth: ReadonlyMap<string, string>): Promise<"set_aside" | "refused" | "intact"> {
  let opened: Awaited<ReturnType<typeof open>>;
  try {
    opened = await open(place);
  } catch (error) {
    assert.ok(error instanceof Error && error.name === "PodiumError", String(error));
    return "refused";
  }
  let outcome: "set_aside" | "refused" | "intact" = opened.recovered === null ? "intact" : "set_aside";
  for (const [run, text] of truth) {
    try {
      const log = await opened.store.read(run, 0, 100);
      if (opened.recovered === null && log.length > 0) assert.equal(JSON.stringify(log), text, place);
    } catch (error) {
      assert.ok(error instanceof Error && error.name === "PodiumError", String(error));
      outcome = "refused";
    }
  }
  await opened.store.close().catch(() => undefined);
  return outcome;
}
