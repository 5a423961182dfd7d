import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runShow } from "../../sidecar/engine/result.ts";
import { createRuns } from "../../sidecar/engine/runs.ts";
import type { RunStore } from "../../sidecar/ports.ts";
import type { RunEvent, RunSettings } from "../../sidecar/protocol/events.ts";
import { setStep } from "../../sidecar/steps/set.ts";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { createFakeModels } from "../support/fake-models.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { realClock } from "../support/real-clock.ts";
import { benchSteps, type Scenario, tokens } from "./scenarios.ts";

/** What one round of a scenario cost: ms for times, counts of the store's own counters. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly commits: number;
  readonly tokens: number;
  /** From start to end of each run, ms. */
  readonly latencies: readonly number[];
}

/** The engine over one store, which outlives the rounds. */
export interface Bench {
  round(scenario: Scenario): Promise<Cost>;
  /** A round whose outputs are compared with what they must be. */
  checked(scenario: Scenario): Promise<Cost>;
  /** Closes and returns the bytes on disk. */
  close(): Promise<number>;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
const settings: RunSettings = { roles: {}, servers: [], network: "local", requireModel: false, budget: {} };

/** Bytes of all files of a folder. */
export const diskBytes = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** Keeps events without copying or checking them, so that the engine is what is timed. */
function keepingStore(): RunStore {
  const logs = new Map<string, RunEvent[]>();
  return {
    ...createMemoryStore(),
    async append(run, events) {
      const log = logs.get(run);
      if (log) log.push(...events);
      else logs.set(run, [...events]);
    },
    read: async (run, after, limit) => (logs.get(run) ?? []).slice(after, after + limit),
    head: async (run) => logs.get(run)?.length ?? 0,
  };
}

async function place(kind: "sqlite" | "memory"): Promise<{
  store: RunStore;
  commits: () => number;
  close: () => Promise<number>;
}> {
  if (kind === "memory") return { store: keepingStore(), commits: () => 0, close: async () => 0 };
  const directory = mkdtempSync(join(tmpdir(), "podium-bench-"));
  const { store } = await openStore({ directory, clock: realClock });
  const close = async (): Promise<number> => {
    await store.close();
    const bytes = diskBytes(directory);
    rmSync(directory, { recursive: true, force: true });
    return bytes;
  };
  return { store, commits: () => store.counters.commits, close };
}

export async function openBench(kind: "sqlite" | "memory"): Promise<Bench> {
  const { store, commits, close } = await place(kind);
  const steps = [setStep, ...benchSteps];
  let ids = 0;
  const runs = createRuns({
    store,
    models: createFakeModels((call) => tokens(Number(call.messages[0]?.content))),
    tools: new Map(),
    steps: new Map(steps.map((step) => [step.name, step])),
    clock: realClock,
    ids: {
      next: (prefix) => {
        ids += 1;
        return `${prefix}_${ids}`;
      },
    },
    digest,
    width: 4,
  });
  let seen = 0;
  runs.subscribeAll({
    durable: () => undefined,
    live: (event) => {
      if (event.kind === "token-delta") seen += 1;
    },
  });

  const once = async ({ ir }: Scenario): Promise<{ run: string; ms: number }> => {
    const from = performance.now();
    const input = { workflow: ir.name, ir, irHash: "bench", input: {}, root: "/w", trusted: true, env: {}, settings };
    const run = await runs.start({ ...input, idem: null });
    await runs.settled(run);
    return { run, ms: performance.now() - from };
  };
  const check = async (run: string, output: unknown): Promise<void> => {
    const shown = await runShow(await runs.view(run), store.getBlob, digest);
    assert.deepEqual(shown.result, output);
  };

  const measure = async (scenario: Scenario): Promise<{ cost: Cost; ran: readonly string[] }> => {
    const start = { commits: commits(), tokens: seen, cpu: process.cpuUsage(), at: performance.now() };
    const done = await Promise.all(Array.from({ length: scenario.runs }, () => once(scenario)));
    const wallMs = performance.now() - start.at;
    const { user, system } = process.cpuUsage(start.cpu);
    const cost = {
      wallMs,
      cpuMs: (user + system) / 1000,
      commits: commits() - start.commits,
      tokens: seen - start.tokens,
      latencies: done.map(({ ms }) => ms),
    };
    return { cost, ran: done.map(({ run }) => run) };
  };

  return {
    round: async (scenario) => (await measure(scenario)).cost,
    async checked(scenario) {
      const { cost, ran } = await measure(scenario);
      for (const run of ran) await check(run, scenario.output);
      return cost;
    },
    close,
  };
}
