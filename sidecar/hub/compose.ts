import { realpath } from "node:fs/promises";
import { freemem, homedir, networkInterfaces, totalmem } from "node:os";
import { join } from "node:path";
import { readLog } from "../engine/load.ts";
import { createRuns, type Runs } from "../engine/runs.ts";
import { createModels } from "../models/models.ts";
import type { RunObserver } from "../ports.ts";
import type { RunEvent } from "../protocol/events.ts";
import type { Build, Notice } from "../protocol/hub.ts";
import type { ModelsResult } from "../protocol/models.ts";
import { discover } from "../providers/discover.ts";
import { installed } from "../providers/installed.ts";
import { createTransport } from "../providers/transport.ts";
import { createReview } from "../review/review.ts";
import type { Handlers, Streams } from "../server/caller.ts";
import { createFindingBoard, type FindingBoard } from "../server/findings.ts";
import { createHandlers } from "../server/handlers.ts";
import { createStreams, type StreamParts } from "../server/streams.ts";
import { approveStep } from "../steps/approve.ts";
import { createAskStep } from "../steps/ask.ts";
import { setStep } from "../steps/set.ts";
import { useStep } from "../steps/use.ts";
import { openLanes } from "../store/sqlite/lanes.ts";
import { openStore } from "../store/sqlite/store.ts";
import { createTools } from "../tools/tools.ts";
import { createWorkspace } from "../workspace/workspace.ts";
import { type AttentionBoard, createAttention } from "./attention.ts";
import { doctor } from "./doctor.ts";
import { createLibrary, loadAgents } from "./library.ts";
import type { Assets } from "./paths.ts";
import { resumeWhenServed } from "./resume.ts";
import { reviewScopes } from "./scopes.ts";
import { createSettings, type SettingsBoard } from "./settings.ts";
import { runEnvironment, sha256, systemClock, systemIds } from "./system.ts";

export interface HubOptions {
  /** The data directory; the caller holds its lock. */
  readonly home: string;
  /** Where lanes.db lies: the OS user's, whatever the data directory. */
  readonly lanesHome: string;
  readonly assets: Assets;
  readonly workerUrl: URL;
  readonly build: Build;
  readonly env: NodeJS.ProcessEnv;
  readonly onStop: (now: boolean) => void;
  readonly clients: () => number;
  readonly onWritePoint?: (name: string) => void;
}

export interface Hub {
  readonly handlers: Handlers;
  readonly streams: Streams;
  readonly settings: SettingsBoard;
  readonly findings: FindingBoard;
  readonly attention: AttentionBoard;
  readonly epoch: number;
  /** What was wrong with the stored data and what was done; null = nothing. */
  readonly notice: Notice | null;
  readonly realRoots: (roots: readonly string[]) => Promise<readonly string[]>;
  /** The log of a workspace's newest review; none when there is no such run. */
  readonly newestReview: (root: string) => Promise<readonly RunEvent[]>;
  /** Takes over the runs that were open when the last process ended; resolves with those that could not be read, and why. */
  adopt(): ReturnType<Runs["adoptOpen"]>;
  /** Admits no new operation and waits for those under way; `now` aborts them. */
  drain(now: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Constructs every part and wires it to the others, by hand, in this one place. */
export async function composeHub(options: HubOptions): Promise<Hub> {
  const { home, env, assets, build, onWritePoint } = options;
  const clock = systemClock;
  const settings = createSettings(home, env);
  const { store, recovered, salvaged } = await openStore({
    directory: home,
    clock,
    ...(onWritePoint ? { onWritePoint } : {}),
  });
  const notice = recovered === null ? null : noticeOf(recovered, salvaged);
  const lanes = await openLanes({ directory: options.lanesHome, clock });
  const transport = createTransport({ network: () => settings.machine().network });
  const models = createModels({
    endpoints: (only) =>
      discover({
        servers: only ?? settings.servers,
        extra: only === null ? settings.machine().servers : [],
        detect: settings.machine().detectServers,
        ollamaHost: env["OLLAMA_HOST"] ?? null,
        modelCache: join(env["HF_HOME"] ?? join(homedir(), ".cache", "huggingface"), "hub"),
        transport,
        clock,
      }),
    clock,
    lanes,
    settings: () => {
      const machine = settings.machine();
      return {
        roles: machine.roles,
        servers: machine.servers,
        network: machine.network,
        gpuParallel: machine["gpu.parallel"],
        maxContext: machine["gpu.maxContext"],
        keepAlive: machine["gpu.keepLoaded"],
      };
    },
    memoryBytes: totalmem(),
    pressure: async () => (freemem() / totalmem() < 0.03 ? "high" : "ok"),
    random: Math.random,
    platform: {
      os: process.platform,
      arch: process.arch,
      ollamaParallel: Number(env["OLLAMA_NUM_PARALLEL"]) || null,
      addresses: ownAddresses(),
    },
  });
  const stopped = await installed((env["PATH"] ?? "").split(process.platform === "win32" ? ";" : ":"));
  const withInstalled = (result: ModelsResult): ModelsResult => {
    const running = new Set(result.endpoints.map(({ flavour }) => flavour));
    return { ...result, installed: stopped.filter(({ flavour }) => !running.has(flavour)) };
  };
  const listModels = async (refresh: boolean, servers?: readonly string[]): Promise<ModelsResult> =>
    withInstalled(await models.list({ refresh, servers: servers ?? null }));

  const workspace = createWorkspace({
    dataDirectory: home,
    workerUrl: options.workerUrl,
    indexEnabled: () => settings.machine()["index.enabled"],
    clock,
  });
  const tools = createTools({ workspace, review: createReview(), digest: sha256 });
  const agents = loadAgents(assets.agents);
  const steps = new Map([createAskStep({ agents }), useStep, setStep, approveStep].map((step) => [step.name, step]));
  const runs = createRuns({ store, models, tools, steps, clock, ids: systemIds, digest: sha256, width: 8 });
  const workflows = createLibrary({
    builtin: assets.workflows,
    home,
    digest: sha256,
    known: {
      steps: new Set(steps.keys()),
      tools,
      agents: new Set(agents.keys()),
      roles: new Set(["main", "fast", "embed", "vision"]),
    },
  });
  const findings = createFindingBoard();
  const attention = createAttention(store);
  const modelListeners = new Set<(models: ModelsResult) => void>();
  const drainListeners = new Set<(calls: number) => void>();
  const observer: RunObserver = {
    durable: (event) => {
      findings.take(event);
      attention.take(event);
    },
    live: () => undefined,
  };
  runs.subscribeAll(observer);
  const startedAt = clock.now();
  const parts: StreamParts = {
    runs,
    store,
    digest: sha256,
    now: () => clock.now(),
    models: { list: listModels },
    workflows,
    scopes: (root) => reviewScopes(workspace, root, runEnvironment(env), store),
    settingsFor: settings.forRun,
    runEnv: () => runEnvironment(env),
    doctor: (rebuild) =>
      doctor({ home, store, models: { list: listModels }, warnings: settings.warnings, notice }, rebuild),
    status: async () => ({
      pid: process.pid,
      startedAt,
      clients: options.clients(),
      openRuns: (await store.open()).length,
      home,
      version: build.version,
    }),
    stop: options.onStop,
    findings,
    onModels: (listener) => {
      const stop = models.subscribe((result) => listener(withInstalled(result)));
      modelListeners.add(listener);
      return () => {
        stop();
        modelListeners.delete(listener);
      };
    },
    attention,
    onDrain: (listener) => {
      drainListeners.add(listener);
      return () => drainListeners.delete(listener);
    },
    after: (ms, work) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
  };
  // What a person changes in the editor counts at once, also where only the choice among the same models changes.
  const attach: SettingsBoard["attach"] = (connection, chosen) => {
    const before = JSON.stringify(settings.machine());
    settings.attach(connection, chosen);
    if (chosen !== null && JSON.stringify(settings.machine()) !== before)
      // A look that fails is told by the next one, to whoever asks.
      listModels(true)
        .then((result) => {
          for (const listener of modelListeners) listener(result);
        })
        .catch(() => undefined);
  };
  resumeWhenServed({ store, runs, onModels: parts.onModels, onAttention: attention.onChange });
  return {
    handlers: createHandlers(parts),
    streams: createStreams(parts),
    settings: { ...settings, attach },
    findings,
    attention,
    epoch: store.epoch,
    notice,
    realRoots: async (roots) => {
      const found = await Promise.all(roots.map((root) => realpath(root).catch(() => null)));
      return found.filter((root): root is string => root !== null);
    },
    newestReview: async (root) => {
      const rows = await store.list({ roots: [root], limit: 200 });
      const newest = rows.find(({ workflow, imported }) => workflow === "review_changes" && imported !== true);
      return newest ? readLog(store, newest.run) : [];
    },
    adopt: async () => {
      await attention.refresh();
      // A review that goes on must find its earlier findings on the board.
      for (const run of await store.open()) {
        if ((await store.row(run))?.workflow !== "review_changes") continue;
        for (const event of await readLog(store, run)) findings.take(event);
      }
      return runs.adoptOpen();
    },
    drain: async (now) => {
      for (const listener of drainListeners)
        listener(models.working().reduce((sum, device) => sum + device.running.length, 0));
      await runs.drain(now);
    },
    close: async () => {
      models.close();
      await workspace.close();
      await transport.close();
      await lanes.close();
      await store.close();
    },
  };
}

/** Addresses of this machine's own interfaces: a server found under one of them shares this machine's GPU. */
const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

const noticeOf = (recovered: string, salvaged: number): Notice => ({
  code: "data_corrupt",
  message: `The database was damaged: ${salvaged} runs were read out of it, and it is kept as ${recovered}; look at the rest with podium doctor.`,
});
