import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createRuns, type Runs } from "../../sidecar/engine/runs.ts";
import type { RunStore, Step } from "../../sidecar/ports.ts";
import type { Ir } from "../../sidecar/protocol/ir.ts";
import { approveStep } from "../../sidecar/steps/approve.ts";
import { setStep } from "../../sidecar/steps/set.ts";
import { useStep } from "../../sidecar/steps/use.ts";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { scratch, until } from "../store/support.ts";
import { createFakeModels, type Script, say } from "../support/fake-models.ts";
import { realClock } from "../support/real-clock.ts";
import { digest, each, echo, graph, set, step, use } from "./world.ts";

const shapes: Record<string, Ir> = {
  linear: graph([set("a", 1), step("b", "say@1"), use("c", "put", { v: "=b" })], "c.v"),
  map: graph([set("l", [1, 2, 3]), each("m", "l", [use("r", "read", { v: "=item" })], { yield: "r.v" })], "m"),
};

const sayStep: Step = {
  name: "say@1",
  effect: "pure",
  async run(_input, context) {
    const messages = [{ role: "user", content: "hi" }] as const;
    const request = { messages, maxTokens: 100, temperature: 0, think: "off" } as const;
    return { value: (await context.model({ role: "main", request })).text };
  },
};

/** Never ends until it is aborted. */
const endless: Script = async function* (_call, signal) {
  yield { type: "text", text: "on and on" } as const;
  await new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
};

interface Machine {
  readonly store: RunStore;
  readonly runs: Runs;
  readonly models: ReturnType<typeof createFakeModels>;
}

async function boot(
  directory: string,
  script: Script = () => say("hello"),
  onWritePoint?: (name: string) => void,
): Promise<Machine> {
  const { store } = await openStore({ directory, clock: realClock, ...(onWritePoint ? { onWritePoint } : {}) });
  const models = createFakeModels(script);
  let ids = 0;
  const runs = createRuns({
    store,
    models,
    tools: new Map([echo("read", "pure"), echo("put", "idempotent")].map((tool) => [tool.name, tool])),
    steps: new Map([setStep, useStep, approveStep, sayStep].map((known) => [known.name, known])),
    clock: realClock,
    ids: { next: (prefix) => `${prefix}_${store.epoch}_${++ids}` },
    digest,
    width: 4,
  });
  return { store, runs, models };
}

const start = (machine: Machine, ir: Ir): Promise<string> =>
  machine.runs.start({
    workflow: ir.name,
    ir,
    irHash: "hash",
    input: {},
    root: "/w",
    trusted: true,
    env: {},
    settings: { roles: {}, servers: [], network: "local", requireModel: false, budget: {} },
    idem: null,
  });

function copy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of ["podium.db", "podium.db-wal"]) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}

const outcome = async (machine: Machine, run: string): Promise<unknown> => {
  const { status, output, steps } = await machine.runs.view(run);
  return { status, output, steps: [...steps.values()].map((at) => [at.instance, at.status, at.delta ?? null]).sort() };
};

/** The machine's files as a kill -9 leaves them, under another machine. */
async function afterKill(directory: string, to: string, script?: Script): Promise<Machine> {
  copy(directory, to);
  const machine = await boot(to, script);
  await machine.runs.adoptOpen();
  return machine;
}

describe("the engine over SQLite", function () {
  this.timeout(20_000);
  const root = scratch();

  for (const [name, ir] of Object.entries(shapes)) {
    it(`goes on to the same state from the files at every write point: ${name}`, async () => {
      const directory = join(root, name);
      const kept: string[] = [];
      const machine = await boot(directory, undefined, (point) => {
        const to = join(root, `${name}-${kept.length}-${point}`);
        copy(directory, to);
        kept.push(to);
      });
      const run = await start(machine, ir);
      await machine.runs.settled(run);
      const expected = await outcome(machine, run);
      await machine.store.close();
      assert.ok(kept.length >= 6);
      for (const at of kept) {
        const next = await boot(at);
        await next.runs.adoptOpen();
        await next.runs.settled(run);
        if ((await next.store.head(run)) > 0) assert.deepEqual(await outcome(next, run), expected, at);
        assert.deepEqual(await next.store.verify(), []);
        await next.store.close();
      }
    });
  }

  it("counts three crashes and parks, but no drain", async () => {
    const ir = graph([step("b", "say@1")], "b");
    let directory = join(root, "drained");
    let machine = await boot(directory, endless);
    const run = await start(machine, ir);
    for (let round = 0; round < 5; round += 1) {
      await until("the model is called", () => machine.models.calls === 1);
      await machine.runs.drain(true);
      await machine.store.close();
      machine = await boot(directory, endless);
      await machine.runs.adoptOpen();
    }
    for (let crash = 1; crash <= 3; crash += 1) {
      await until("the model is called", () => machine.models.calls === 1);
      assert.equal((await machine.runs.view(run)).status, "running");
      const next = join(root, `crash-${crash}`);
      const killed = machine;
      machine = await afterKill(directory, next, endless);
      await killed.runs.drain(true);
      await killed.store.close();
      directory = next;
    }
    await machine.runs.settled(run);
    const view = await machine.runs.view(run);
    assert.deepEqual([view.status, view.reason], ["parked", "crash_loop"]);
    await machine.store.close();
  });

  it("ends a cancelled run within a second", async () => {
    const machine = await boot(join(root, "cancel"), endless);
    const run = await start(machine, graph([step("b", "say@1")], "b"));
    await until("the model is called", () => machine.models.calls === 1);
    const began = performance.now();
    await machine.runs.cancel(run, "person");
    assert.ok(performance.now() - began < 1000);
    assert.equal((await machine.runs.view(run)).status, "cancelled");
    await machine.store.close();
  });
});
