import type {
  Clock,
  Endpoint,
  Lanes,
  LanguageModel,
  ModelCaller,
  ModelSettings,
  Models,
  ResolvedModel,
} from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { type EndpointInfo, type ModelInfo, type ModelsResult, roles } from "../protocol/models.ts";
import { Breaker, breaking } from "./breaker.ts";
import { type Catalog, createCatalog } from "./catalog.ts";
import { allows, deviceOf, type Platform, reachOf, thisMachine, widthOf } from "./device.ts";
import { DeviceQueue, type Pressure } from "./device-queue.ts";
import { blamesSchema, learnSpeeds, observed, type Speeds, unmeasured } from "./evidence.ts";
import { fallback } from "./fallback.ts";
import { governed } from "./governor.ts";
import type { Health } from "./health.ts";
import { retrying } from "./retrying.ts";
import { type Candidate, type Choice, candidateReach, modelId, pickModel, rankModels } from "./roles.ts";
import { createTokenCounter, type TokenCounter, windowed, windowOf } from "./window.ts";

export interface ModelsOptions {
  /** Discovery: the servers that are there now, or only those of a list; called again by a refresh. */
  readonly endpoints: (only: readonly string[] | null) => Promise<readonly Endpoint[]>;
  readonly clock: Clock;
  readonly lanes: Lanes;
  /** The person's settings now; `roles`, `servers` and `network` are used for lists only, runs bring their own. */
  readonly settings: () => ModelSettings & {
    readonly gpuParallel: { readonly [flavour: string]: number };
    readonly maxContext: number;
    readonly keepAlive: string;
  };
  readonly memoryBytes: number;
  /** The system's memory pressure; "high" holds back calls that would load a model on this machine. */
  readonly pressure: Pressure;
  readonly random: () => number;
  readonly platform: Platform;
}

export interface ModelsHub extends Models {
  /** `servers` = only these, which a command named. */
  list(options: { readonly refresh: boolean; readonly servers?: readonly string[] | null }): Promise<ModelsResult>;
  /** Called with the new list after every change; returns the way to end it. */
  subscribe(listener: (result: ModelsResult) => void): () => void;
  /** What each device does now. */
  working(): readonly { readonly device: string; readonly running: readonly string[]; readonly waiting: number }[];
  unload(ref: string): Promise<void>;
  /** Ends the looking; calls under way go on. */
  close(): void;
}

/** What Podium learnt about one (endpoint, model). */
interface Knowledge {
  readonly breaker: Breaker;
  readonly counter: TokenCounter;
  speeds: Speeds;
  /** The window that the server held last, and the one it holds at most because it held less than it was asked for. */
  verified: number | null;
  largest: number | null;
  /** How often in a row the engine failed over a call with a schema. */
  schemaFailures: number;
}

export function createModels(options: ModelsOptions): ModelsHub {
  const { clock, platform, memoryBytes } = options;
  const found = createCatalog(() => options.endpoints(null), clock);
  const named = new Map<string, Catalog>();
  /** A run that names its servers sees these and nobody else does, so each list of them is looked at apart. */
  const catalogOf = (servers: readonly string[] | null): Catalog => {
    if (servers === null) return found;
    const key = servers.join(" ");
    const catalog = named.get(key) ?? createCatalog(() => options.endpoints(servers), clock);
    named.set(key, catalog);
    return catalog;
  };
  const catalogs = (): readonly Catalog[] => [found, ...named.values()];
  const knowledge = new Map<string, Knowledge>();
  const queues = new Map<string, DeviceQueue>();

  const know = (endpoint: EndpointInfo, model: ModelInfo): Knowledge => {
    const key = `${endpoint.url} ${modelId(model)}`;
    const known = knowledge.get(key);
    if (known) return known;
    const fresh: Knowledge = {
      breaker: new Breaker(model.ref, () => clock.monotonic()),
      counter: createTokenCounter(),
      speeds: unmeasured,
      verified: null,
      largest: null,
      schemaFailures: 0,
    };
    knowledge.set(key, fresh);
    return fresh;
  };
  const queueFor = (url: string): DeviceQueue => {
    const device = deviceOf(url, platform);
    const known = queues.get(device);
    if (known) return known;
    const width = () => {
      const there = catalogs()
        .flatMap((catalog) => catalog.infos())
        .filter((endpoint) => endpoint.state !== "down" && deviceOf(endpoint.url, platform) === device);
      const flavours = there.map(({ flavour }) => flavour);
      return widthOf(device, flavours, options.settings().gpuParallel, platform);
    };
    const pressure: Pressure = device === thisMachine ? options.pressure : async () => "ok";
    const queue = new DeviceQueue(device, { clock, lanes: options.lanes, width, pressure });
    queues.set(device, queue);
    return queue;
  };
  const choice = (settings: ModelSettings): Choice => ({
    endpoints: learnt(catalogOf(ownServers(settings))),
    settings,
    memoryBytes,
    platform,
  });
  const learnt = (catalog: Catalog): readonly EndpointInfo[] =>
    catalog.infos().map((endpoint) => ({
      ...endpoint,
      models: endpoint.models.map((model) => withKnowledge(model, know(endpoint, model))),
    }));
  const windowTokens = ({ endpoint, model }: Candidate): number => {
    const { largest } = know(endpoint, model);
    const asked = windowOf(endpoint.flavour, model.context, options.settings().maxContext);
    return largest === null ? asked : Math.min(asked, largest);
  };
  const resolved = (candidate: Candidate, servers: readonly string[] | null): ResolvedModel => ({
    ...(servers === null ? {} : { servers }),
    ref: candidate.model.ref,
    contextTokens: windowTokens(candidate),
    card: candidate.model.card,
    state: candidate.endpoint.state,
  });
  const wrap = (catalog: Catalog, candidate: Candidate, health: Health, caller: ModelCaller): LanguageModel => {
    const { endpoint, model } = candidate;
    const known = know(endpoint, model);
    const id = modelId(model);
    const seen = observed(health.endpoint.model(id), {
      ended: (end, request) => {
        if (request.schema !== undefined) known.schemaFailures = 0;
        known.speeds = learnSpeeds(known.speeds, end);
        catalog.note(health, null);
      },
      failed: (error, request) => {
        if (blamesSchema(error, request)) known.schemaFailures += 1;
        catalog.note(health, error);
      },
    });
    const waited = governed(seen, {
      queue: queueFor(endpoint.url),
      caller,
      loads: () => health.info()?.models.some((now) => now.ref === model.ref && now.loaded) !== true,
      now: () => clock.monotonic(),
      promptPerSecond: () => known.speeds.promptPerSecond,
      promptTokens: (request) => known.counter.estimate(request.messages),
    });
    return windowed(retrying(breaking(waited, known.breaker), { clock, random: options.random }), {
      tokens: () => windowTokens(candidate),
      maxContext: () => options.settings().maxContext,
      counter: known.counter,
      allocated: (signal) => health.endpoint.allocated(id, signal).catch(() => null),
      verified: () => known.verified,
      verify: (held, wanted) => {
        known.verified = held;
        known.largest = held < wanted ? held : null;
      },
    });
  };
  /** The best model of every other server, never farther away than the one that was chosen. */
  const alternatives = (chosen: Candidate, servers: readonly string[] | null): readonly Candidate[] => {
    const settings: ModelSettings = { ...among(servers), network: candidateReach(chosen, platform) };
    const seen = new Set([chosen.endpoint.url]);
    return rankModels("main", choice(settings)).filter(({ endpoint }) => {
      const fresh = !seen.has(endpoint.url) && allows(options.settings().network, reachOf(endpoint.url, platform));
      seen.add(endpoint.url);
      return fresh;
    });
  };
  const findRef = (ref: string, servers: readonly string[] | null): Candidate => {
    const settings: ModelSettings = { ...among(servers), network: "cloud" };
    const candidate = pickModel(ref, choice(settings));
    if (candidate) return candidate;
    throw new PodiumError(
      "provider_unavailable",
      `No model server answers, so ${ref} cannot be asked: start its server.`,
    );
  };
  const result = (servers: readonly string[] | null = null): ModelsResult => {
    const { roles: wanted, network } = options.settings();
    const settings: ModelSettings = { ...among(servers), roles: wanted, network };
    const chosen: Record<string, string> = {};
    for (const role of roles) {
      const ref = resolveOrNull(role, choice(settings));
      if (ref !== null) chosen[role] = ref;
    }
    const endpoints = learnt(catalogOf(servers)).map((endpoint) => ({
      ...endpoint,
      models: endpoint.models.map((model) => ({ ...model, roles: roles.filter((role) => chosen[role] === model.ref) })),
    }));
    return { endpoints, roles: chosen };
  };

  return {
    ready: async (settings) => {
      const servers = settings ? ownServers(settings) : null;
      const catalog = catalogOf(servers);
      // Nobody else looks at a run's own servers, so a step that begins does.
      await (servers === null ? catalog.ready() : catalog.fresh());
      // A server that was started a moment ago is found before a step is told that there is none.
      if (settings && lacks(settings, catalog.infos())) await catalog.again();
    },
    resolve: (role, settings) => {
      const servers = ownServers(settings);
      catalogOf(servers).touch();
      const candidate = pickModel(role, choice(settings));
      return candidate && resolved(candidate, servers);
    },
    whyNone: (settings) => {
      const infos = catalogOf(ownServers(settings)).infos();
      const silent = infos.filter(({ state, models }) => state === "down" || models.length === 0);
      const said = silent.slice(0, 2).map(({ url, detail }) => (detail ?? `${url} does not answer`).replace(/\.$/, ""));
      return said.length === 0 ? null : said.join("; ");
    },
    call: (target, request, caller, signal) => {
      const { servers = null } = target;
      const catalog = catalogOf(servers);
      const chosen = findRef(target.ref, servers);
      const models = [chosen, ...alternatives(chosen, servers)].flatMap((candidate) => {
        const health = catalog.find(candidate.endpoint.url);
        return health ? [wrap(catalog, candidate, health, caller)] : [];
      });
      const [first, ...others] = models;
      if (!first) throw new PodiumError("provider_unavailable", `The server of ${target.ref} is gone: start it again.`);
      const { schema, ...rest } = request;
      const constrained = schema !== undefined && chosen.model.card.jsonSchema === "yes" ? { schema } : {};
      const keepAlive = options.settings().keepAlive;
      const full = { ...rest, ...constrained, contextTokens: windowTokens(chosen), keepAlive };
      return fallback(first, others).stream(full, signal);
    },
    list: async ({ refresh, servers = null }) => {
      const catalog = catalogOf(servers);
      await (refresh ? catalog.refresh() : catalog.ready());
      catalog.touch();
      return result(servers);
    },
    subscribe: (listener) => found.subscribe(() => listener(result())),
    working: () => [...queues.values()].map((queue) => queue.state()),
    unload: async (ref) => {
      const { endpoint, model } = findRef(ref, null);
      await found.find(endpoint.url)?.endpoint.unload(modelId(model));
      await found.refresh();
    },
    close: () => {
      for (const catalog of catalogs()) catalog.close();
    },
  };
}

/** True when no server answers, or none lists a model that was chosen by name. */
function lacks({ roles }: ModelSettings, infos: readonly EndpointInfo[]): boolean {
  const up = infos.filter(({ state }) => state !== "down");
  const listed = up.flatMap(({ models }) => models.map(({ ref }) => ref.replace(/^[^/]*\//, "")));
  const isListed = (id: string): boolean => listed.includes(id) || listed.includes(`${id}:latest`);
  return up.length === 0 || Object.values(roles).some((ref) => !isListed(ref.replace(/^[^/]*\//, "")));
}

/** The servers that a run named for itself; null = all that were found. */
const ownServers = ({ onlyServers, servers }: ModelSettings): readonly string[] | null =>
  onlyServers ? servers : null;

/** Settings that leave only the choice of the servers. */
const among = (servers: readonly string[] | null): Omit<ModelSettings, "network"> => ({
  roles: {},
  servers: servers ?? [],
  onlyServers: servers !== null,
});

function resolveOrNull(role: string, choice: Choice): string | null {
  try {
    return pickModel(role, choice)?.model.ref ?? null;
  } catch {
    return null;
  }
}

function withKnowledge(model: ModelInfo, { speeds, verified, schemaFailures }: Knowledge): ModelInfo {
  const measured = {
    promptPerSecond: speeds.promptPerSecond ?? model.card.promptPerSecond,
    tokensPerSecond: speeds.tokensPerSecond ?? model.card.tokensPerSecond,
    loadMs: speeds.loadMs ?? model.card.loadMs,
  };
  const context = { ...model.context, allocated: model.context.allocated ?? verified };
  const jsonSchema = schemaFailures < 2 ? model.card.jsonSchema : "no";
  return { ...model, context, card: { ...model.card, ...measured, jsonSchema } };
}
