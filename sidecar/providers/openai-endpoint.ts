import * as z from "zod";
import type { Endpoint } from "../ports.ts";
import { toPodiumError } from "../protocol/errors.ts";
import type { CapabilityCard, EndpointInfo, Flavour, ModelInfo, Role } from "../protocol/models.ts";
import { badOutput, classify, errorText } from "./classify.ts";
import { clocked } from "./clocks.ts";
import type { EndpointOptions } from "./endpoint-state.ts";
import { Evidence, notInTime, slowDetail, soonOf, unknownCard } from "./endpoint-state.ts";
import { parseJson } from "./lines.ts";
import { trainedContext } from "./mlx-config.ts";
import { openAiWire } from "./openai-compatible.ts";
import { endpointName, profiles } from "./profiles.ts";
import { readText } from "./transport.ts";

export type OpenAiFlavour = Exclude<Flavour, "ollama">;

const List = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), owned_by: z.string().nullish(), loaded: z.boolean().nullish() })),
});
/** /api/v1/models of LM Studio: the best metadata of all. */
const Studio = z.looseObject({
  models: z.array(
    z.looseObject({
      key: z.string(),
      type: z.string().nullish(),
      size_bytes: z.number().nullish(),
      max_context_length: z.number().nullish(),
      loaded_instances: z
        .array(z.looseObject({ config: z.looseObject({ context_length: z.number().nullish() }).nullish() }))
        .nullish(),
      capabilities: z
        .looseObject({ vision: z.boolean().nullish(), trained_for_tool_use: z.boolean().nullish() })
        .nullish(),
    }),
  ),
});
const Health = z.looseObject({
  status: z.string().nullish(),
  loaded_model: z.string().nullish(),
  model_name: z.string().nullish(),
  model_id: z.string().nullish(),
  effective_context_limit: z.number().nullish(),
  version: z.string().nullish(),
});
type Listed = z.infer<typeof List>["data"][number];
type Health = z.infer<typeof Health>;
type StudioModel = z.infer<typeof Studio>["models"][number];

const embedder = /embed|minilm|\bbge\b|\be5\b|\bgte\b/i;
const roles = (listed: Listed, studio: StudioModel | undefined): Role[] => {
  if (studio?.type === "embedding" || studio?.type === "embeddings") return ["embed"];
  if (embedder.test(listed.id) || listed.owned_by?.endsWith("-embedding")) return ["embed"];
  if (listed.owned_by?.endsWith("-reranker")) return [];
  return studio?.capabilities?.vision === true ? ["main", "fast", "vision"] : ["main", "fast"];
};

const yes = (value: boolean | null | undefined) =>
  value === undefined || value === null ? "unknown" : value ? "yes" : "no";
const whole = (value: number | null | undefined) => (typeof value === "number" && value > 0 ? Math.round(value) : null);

const versionOf = (version: string | null): { readonly version?: string } => (version === null ? {} : { version });

/** A server that speaks /v1/chat/completions. */
class OpenAiEndpoint implements Endpoint {
  readonly url: string;
  readonly flavour: OpenAiFlavour;
  readonly name: string;
  readonly #options: EndpointOptions;
  readonly #evidence = new Evidence();
  #listed: readonly Listed[] | null = null;
  #version: string | null = null;

  constructor(options: EndpointOptions, flavour: OpenAiFlavour) {
    this.#options = options;
    this.url = options.url;
    this.flavour = flavour;
    this.name = endpointName(flavour, options.url);
  }

  async look(signal: AbortSignal): Promise<EndpointInfo> {
    const soon = soonOf(signal);
    const base = { url: this.url, flavour: this.flavour };
    try {
      const [listed, health, studio] = await Promise.all([this.#list(soon), this.#health(soon), this.#studio(soon)]);
      const trained = await this.#trained(listed);
      const models = listed.map((model) =>
        this.#info(model, listed.length, health, studio, trained.get(model.id) ?? null),
      );
      const chat = models.filter(({ roles: able }) => able.includes("main")).length;
      const judged = this.#evidence.state(chat, `${this.url} runs but lists no model; load one there.`);
      return {
        ...base,
        ...versionOf(health?.version ?? this.#version),
        ...(unwell(health, this.url) ?? judged),
        models,
      };
    } catch (error) {
      const { code, message } = toPodiumError(error, "bad_output");
      const slow = code === "cancelled" && !signal.aborted;
      const spoke =
        code === "auth" || code === "bad_output" || code === "bad_request" || code === "model_loading" || slow;
      return {
        ...base,
        state: spoke ? "reachable" : "down",
        detail: slow ? slowDetail(this.url) : message,
        models: [],
      };
    }
  }

  model(id: string) {
    const ref = `${this.name}/${id}`;
    const { transport, clock, deadlines } = this.#options;
    const wire = openAiWire({
      url: this.url,
      ref,
      id,
      profile: profiles[this.flavour],
      transport,
      clock,
      listed: async (signal) => {
        const known = this.#listed?.some((model) => model.id === id) ? this.#listed : null;
        const listed =
          known ?? (await this.#list(soonOf(signal)).catch((error: unknown) => notInTime(error, signal, this.url)));
        return listed.map((model) => model.id);
      },
      fingerprint: (text) => {
        // mlx_lm names its version nowhere else: `0.32.2-0.32.4-<platform>…`.
        if (this.flavour === "mlx_lm") this.#version = /^\d+(\.\d+)+/.exec(text)?.[0] ?? this.#version;
      },
    });
    return clocked(wire, { ref, clock, ended: this.#evidence.ended, ...(deadlines ? { deadlines } : {}) });
  }

  async allocated(id: string, signal: AbortSignal): Promise<number | null> {
    const soon = soonOf(signal);
    const [health, studio] = await Promise.all([this.#health(soon), this.#studio(soon)]).catch(
      () => [null, []] as const,
    );
    const held = studio.find(({ key }) => key === id)?.loaded_instances?.[0]?.config?.context_length;
    return whole(held) ?? (health?.loaded_model === id ? whole(health.effective_context_limit) : null);
  }

  /** These servers have no common way to unload; they do it by themselves. */
  async unload(): Promise<void> {
    await Promise.resolve();
  }

  async #get(path: string, signal: AbortSignal) {
    const answer = await this.#options.transport.send({ url: `${this.url}${path}`, method: "GET", signal });
    return { ...answer, text: await readText(answer.body) };
  }

  async #list(signal: AbortSignal): Promise<readonly Listed[]> {
    const { status, text, host } = await this.#get("/v1/models", signal);
    if (text.trimStart().startsWith("<")) {
      throw badOutput(host, "a web page, so it is no model server; enter its API address", "");
    }
    if (status >= 400) throw classify({ status, text: errorText(text), model: "its models", host });
    // mlx_lm without a Hugging Face cache answers 200 with nothing.
    if (text.trim() === "") return [];
    const parsed = List.safeParse(parseJson(text)?.value);
    if (!parsed.success) throw badOutput(host, "something that is not a model list", text);
    this.#listed = parsed.data.data;
    return this.#listed;
  }

  async #health(signal: AbortSignal): Promise<Health | null> {
    const { status, text } = await this.#get("/health", signal);
    const health = Health.safeParse(parseJson(text)?.value);
    if (!health.success) return null;
    return status === 503 ? { ...health.data, status: health.data.status ?? "unavailable" } : health.data;
  }

  async #studio(signal: AbortSignal): Promise<readonly StudioModel[]> {
    if (this.flavour !== "lmstudio") return [];
    const { text } = await this.#get("/api/v1/models", signal);
    const parsed = Studio.safeParse(parseJson(text)?.value);
    return parsed.success ? parsed.data.models : [];
  }

  /** Windows by id that lie on this machine's disk; the MLX servers do not tell them. */
  async #trained(listed: readonly Listed[]): Promise<ReadonlyMap<string, number | null>> {
    const cache = this.#options.modelCache;
    if (cache === undefined || this.flavour === "lmstudio" || this.flavour === "openai-compatible") return new Map();
    return new Map(await Promise.all(listed.map(async ({ id }) => [id, await trainedContext(id, cache)] as const)));
  }

  #info(
    listed: Listed,
    count: number,
    health: Health | null,
    studio: readonly StudioModel[],
    trained: number | null,
  ): ModelInfo {
    const known = studio.find(({ key }) => key === listed.id);
    const named = health?.loaded_model ?? health?.model_name ?? health?.model_id;
    const loaded = known
      ? (known.loaded_instances ?? []).length > 0
      : (listed.loaded ?? (named ? named === listed.id : count === 1));
    const limit = named === listed.id ? whole(health?.effective_context_limit) : null;
    return {
      ref: `${this.name}/${listed.id}`,
      loaded,
      ...(known?.size_bytes ? { sizeBytes: Math.round(known.size_bytes) } : {}),
      context: {
        trained: whole(known?.max_context_length) ?? trained,
        allocated: whole(known?.loaded_instances?.[0]?.config?.context_length) ?? limit,
      },
      roles: roles(listed, known),
      card: this.#card(known, roles(listed, known)),
    };
  }

  #card(studio: StudioModel | undefined, able: readonly Role[]): CapabilityCard {
    return {
      ...unknownCard,
      jsonSchema: profiles[this.flavour].jsonSchema ? "unknown" : "no",
      tools: yes(studio?.capabilities?.trained_for_tool_use),
      vision: yes(studio?.capabilities?.vision),
      embeddings: this.flavour === "mlx_lm" ? "no" : able.includes("embed") ? "yes" : "unknown",
    };
  }
}

/** What /health says when the engine is not fine. */
function unwell(health: Health | null, url: string): Pick<EndpointInfo, "state" | "detail"> | null {
  if (health?.status !== "unavailable" && health?.status !== "unhealthy") return null;
  return {
    state: "reachable",
    detail: `${url} runs, but its engine is dead or not ready; restart it if that stays so.`,
  };
}

export const createOpenAiEndpoint = (options: EndpointOptions, flavour: OpenAiFlavour): Endpoint =>
  new OpenAiEndpoint(options, flavour);
