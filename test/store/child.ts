import { appendFileSync } from "node:fs";
import { openLanes } from "../../sidecar/store/sqlite/lanes.ts";
import { acquireLock } from "../../sidecar/store/sqlite/lock.ts";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { events, runStart, step } from "../contracts/run-store.ts";
import { realClock } from "./clock.ts";

/** A process that the tests kill: what it does, where, and a number. */
const [job = "", place = "", count = "0"] = process.argv.slice(2);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function holdLock(): Promise<void> {
  const lock = acquireLock(place);
  say(lock === null ? "taken" : "held");
  if (lock !== null) await new Promise((resolve) => process.stdin.on("end", resolve).resume());
}

/** Says each number after its commit, and kills itself at the k-th write point. */
async function write(): Promise<void> {
  let points = 0;
  const { store } = await openStore({
    directory: place,
    clock: realClock,
    onWritePoint: () => {
      points += 1;
      if (points === Number(count)) process.kill(process.pid, "SIGKILL");
    },
  });
  await store.append("run_1", [runStart("run_1", store.epoch)], "synced");
  for (let seq = 2; ; seq += 2) {
    await store.append("run_1", events("run_1", store.epoch, seq, step(`step${seq}`)), "written");
    appendFileSync(`${place}/told`, `${seq + 1}\n`);
  }
}

/** Takes the lane `count` times; what it does inside is written down by the process that watches the file. */
async function takeLanes(): Promise<void> {
  const lanes = await openLanes({ directory: place, clock: realClock, crashCoolMs: 20 });
  for (let taken = 0; taken < Number(count); taken += 1) {
    const ticket = await lanes.ticket("gpu", "interactive");
    while (!(await lanes.take(ticket, 1)).taken) await realClock.sleep(5);
    appendFileSync(`${place}/log`, `${process.pid} in\n`);
    await realClock.sleep(2);
    appendFileSync(`${place}/log`, `${process.pid} out\n`);
    await lanes.release(ticket, 0);
  }
  await lanes.close();
}

/** Takes the lane once and keeps it until it is killed. */
async function keepLane(): Promise<void> {
  const lanes = await openLanes({ directory: place, clock: realClock });
  say(String((await lanes.take(await lanes.ticket("gpu", "interactive"), 1)).taken));
  await new Promise((resolve) => process.stdin.on("end", resolve).resume());
}

/** Writes enough to start the checkpoint thread, closes, and says so. */
async function writeAndClose(): Promise<void> {
  const { store } = await openStore({ directory: place, clock: realClock });
  for (let n = 1; n <= 5; n += 1) {
    store.putBlob(String(n).repeat(64), JSON.stringify("x".repeat(1_000_000)));
    await store.append(`run_${n}`, [runStart(`run_${n}`, store.epoch)], "written");
  }
  await store.close();
  say("closed");
}

if (job === "close") await writeAndClose();
if (job === "keep") await keepLane();
if (job === "lock") await holdLock();
if (job === "write") await write();
if (job === "lanes") await takeLanes();
