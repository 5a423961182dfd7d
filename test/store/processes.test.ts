import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLanes } from "../../sidecar/store/sqlite/lanes.ts";
import { acquireLock } from "../../sidecar/store/sqlite/lock.ts";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { events, step, storeClock } from "../contracts/run-store.ts";
import { realClock } from "./clock.ts";
import { refused, scratch, until } from "./support.ts";

const script = fileURLToPath(import.meta.resolve("./child.ts"));
const children = new Set<ChildProcess>();

function child(...parameters: string[]): ChildProcess {
  const made = spawn(process.execPath, [script, ...parameters], { stdio: ["pipe", "pipe", "inherit"] });
  children.add(made);
  made.once("exit", () => children.delete(made));
  return made;
}

async function firstLine(from: ChildProcess): Promise<string> {
  assert.ok(from.stdout);
  const [data] = await once(from.stdout, "data");
  return String(data).trim();
}

const lines = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);

describe("store across processes", () => {
  after(() => {
    for (const left of children) left.kill("SIGKILL");
  });

  it("gives a lock to one process, and to the next as soon as that one is killed", async () => {
    const file = join(scratch(), "hub.lock");
    const holder = child("lock", file);
    assert.equal(await firstLine(holder), "held");
    assert.equal(acquireLock(file), null);
    const second = child("lock", file);
    assert.equal(await firstLine(second), "taken");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const lock = acquireLock(file);
    assert.ok(lock);
    assert.equal(acquireLock(file), null, "also in the same process");
    const third = child("lock", file);
    assert.equal(await firstLine(third), "taken", "a refused try in our process did not drop our lock");
    lock.release();
    const again = acquireLock(file);
    assert.ok(again);
    again.release();
  });

  it("refuses a lock file that is something else", async () => {
    const file = join(scratch(), "hub.lock");
    writeFileSync(file, "this is text and longer than a header of SQLite would be, is it not? ".repeat(4));
    await refused("data_unreadable", () => acquireLock(file));
  });

  it("lets the process end after close, also when the checkpoint thread ran", async () => {
    const writer = child("close", scratch());
    const ended = once(writer, "exit");
    assert.equal(await firstLine(writer), "closed");
    assert.deepEqual(await ended, [0, null]);
  });

  it("has every committed event after a SIGKILL at any write point", async () => {
    for (const point of [1, 2, 3, 4, 7, 12, 21, 40]) {
      const directory = scratch();
      const writer = child("write", directory, String(point));
      const [, signal] = await once(writer, "exit");
      assert.equal(signal, "SIGKILL");
      const told = Number(lines(join(directory, "told")).at(-1) ?? 0);
      const { store, recovered } = await openStore({ directory, clock: storeClock() });
      assert.equal(recovered, null);
      const log = await store.read("run_1", 0, 1000);
      assert.ok(log.length >= told, `told ${told}, kept ${log.length}`);
      assert.equal(log.length, Math.max(0, 2 * Math.floor(point / 2) - 1), "whole batches only");
      assert.deepEqual(await store.verify(), []);
      assert.deepEqual(await store.open(), log.length === 0 ? [] : ["run_1"]);
      if (log.length > 0) {
        await store.append("run_1", events("run_1", store.epoch, log.length + 1, step("after")), "synced");
      }
      await store.close();
    }
  }).timeout(30_000);

  it("never gives one lane to two processes, and starves none, while they are killed", async () => {
    const directory = join(scratch(), "lanes");
    mkdirSync(directory, { mode: 0o700 });
    const log = join(directory, "log");
    const rounds = 50;
    const workers = Array.from({ length: 3 }, () => child("lanes", directory, String(rounds)));
    const victims: number[] = [];
    for (let kill = 1; kill <= 6; kill += 1) {
      await until(`${kill * 12} takes`, () => lines(log).filter((line) => line.endsWith("in")).length >= kill * 12);
      const index = kill % 3;
      const victim = workers[index];
      if (victim?.pid === undefined || victim.exitCode !== null) continue;
      victim.kill("SIGKILL");
      await once(victim, "exit");
      victims.push(victim.pid);
      workers[index] = child("lanes", directory, String(rounds));
    }
    await until("all to end", () => workers.every((worker) => worker.exitCode === 0), 40_000);
    assertNoOverlap(lines(log), new Set(victims));
    for (const worker of workers) {
      const takes = lines(log).filter((line) => line === `${worker.pid} in`).length;
      assert.equal(takes, rounds);
    }
    assert.equal(victims.length, 6);
    const left = readdirSync(directory).filter((name) => name.endsWith(".lock"));
    assert.ok(left.length <= victims.length, left.join(" "));
  }).timeout(60_000);
});

function assertNoOverlap(log: readonly string[], dead: ReadonlySet<number>): void {
  let inside: number | null = null;
  for (const line of log) {
    const pid = Number(line.split(" ")[0]);
    if (line.endsWith("in")) {
      assert.ok(inside === null || dead.has(inside), `${pid} got the lane of ${inside}`);
      inside = pid;
    } else {
      assert.equal(inside, pid);
      inside = null;
    }
  }
}

describe("lanes", () => {
  const open = async (directory = scratch()) => {
    const clock = storeClock();
    return { clock, directory, lanes: await openLanes({ directory, clock }) };
  };

  it("go to the lowest ticket of the best class, as many as the width says", async () => {
    const { lanes } = await open();
    const late = await lanes.ticket("gpu", "background");
    const first = await lanes.ticket("gpu", "interactive");
    const second = await lanes.ticket("gpu", "interactive");
    const elsewhere = await lanes.ticket("cloud", "background");
    assert.deepEqual(await lanes.take(late, 1), { taken: false, before: 2, holder: null, coolMs: 0 });
    assert.deepEqual(await lanes.take(second, 1), { taken: false, before: 1, holder: null, coolMs: 0 });
    assert.deepEqual(await lanes.take(elsewhere, 1), { taken: true });
    assert.deepEqual(await lanes.take(first, 1), { taken: true });
    assert.deepEqual(await lanes.take(first, 1), { taken: true }, "asking again changes nothing");
    assert.equal((await lanes.take(second, 1)).taken, false);
    assert.equal((await lanes.take(second, 2)).taken, true);
    await lanes.release(first, 0);
    await lanes.release(second, 0);
    assert.equal((await lanes.take(late, 1)).taken, true);
    await lanes.release("none", 0);
    await lanes.close();
  });

  it("lift a ticket by one class every 30 s", async () => {
    const { lanes, clock } = await open();
    const old = await lanes.ticket("gpu", "background");
    clock.advance(60_000);
    const fresh = await lanes.ticket("gpu", "interactive");
    await lanes.take(old, 0);
    assert.deepEqual(await lanes.take(fresh, 1), { taken: false, before: 1, holder: null, coolMs: 0 });
    await lanes.close();
  });

  it("do not wait for a ticket that nobody polls", async () => {
    const { lanes, clock } = await open();
    await lanes.ticket("gpu", "interactive");
    clock.advance(6000);
    assert.equal((await lanes.take(await lanes.ticket("gpu", "interactive"), 1)).taken, true);
    await lanes.close();
  });

  it("rest as long as the release says, and not for ever when the clock is set back", async () => {
    const { lanes, clock } = await open();
    const first = await lanes.ticket("gpu", "interactive");
    await lanes.take(first, 1);
    await lanes.release(first, 2000);
    const next = await lanes.ticket("gpu", "interactive");
    assert.deepEqual(await lanes.take(next, 1), { taken: false, before: 0, holder: null, coolMs: 2000 });
    clock.advance(1500);
    assert.deepEqual(await lanes.take(next, 1), { taken: false, before: 0, holder: null, coolMs: 500 });
    clock.advance(-3_600_000);
    assert.equal((await lanes.take(next, 1)).taken, true);
    await lanes.close();
  });

  it("name the other process that holds one, and rest after it was killed", async () => {
    const directory = join(scratch(), "lanes");
    const lanes = await openLanes({ directory, clock: realClock, crashCoolMs: 400 });
    const holder = child("keep", directory);
    assert.equal(await firstLine(holder), "true");
    const mine = await lanes.ticket("gpu", "background");
    const found = await lanes.take(mine, 1);
    assert.deepEqual(found, { taken: false, before: 0, holder: holder.pid, coolMs: 0 });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    let rested = 0;
    for (let taken = false; !taken; ) {
      const next = await lanes.take(mine, 1);
      taken = next.taken;
      if (!next.taken) rested = Math.max(rested, next.coolMs);
      await realClock.sleep(5);
    }
    assert.ok(rested > 200 && rested <= 400, `${rested} ms`);
    await lanes.close();
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.endsWith(".lock")),
      [],
    );
  });
});
