import { Ollama } from "ollama";
import * as z from "zod";
import type { Endpoint } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { CapabilityCard, EndpointInfo, Fact, ModelInfo, Role } from "../protocol/models.ts";
import { classify, errorText } from "./classify.ts";
import { clocked } from "./clocks.ts";
import { type EndpointOptions, Evidence, notInTime, slowDetail, soonOf, unknownCard } from "./endpoint-state.ts";
import { type OllamaTraits, ollamaWire } from "./ollama-chat.ts";
import { endpointName } from "./profiles.ts";
import { readText } from "./transport.ts";

const Tags = z.looseObject({
  models: z.array(
    z.looseObject({
      name: z.string(),
      digest: z.string().nullish(),
      size: z.number().nullish(),
      remote_host: z.string().nullish(),
      details: z.looseObject({ format: z.string().nullish(), family: z.string().nullish() }).nullish(),
      capabilities: z.array(z.string()).nullish(),
    }),
  ),
});
const Ps = z.looseObject({
  models: z.array(z.looseObject({ name: z.string(), context_length: z.number().nullish() })),
});
const Show = z.looseObject({
  capabilities: z.array(z.string()).nullish(),
  model_info: z.record(z.string(), z.unknown()).nullish(),
});
type Tag = z.infer<typeof Tags>["models"][number];
/** What /api/show says once per digest. */
interface Shown {
  readonly capabilities: readonly string[] | null;
  readonly trained: number | null;
}

const remoteHostOf = (tag: Tag): string | null => {
  if (tag.remote_host) return URL.parse(tag.remote_host)?.host ?? tag.remote_host;
  return /[:-]cloud$/.test(tag.name) ? "ollama.com" : null;
};

/** A client for one call: the library's own abort does nothing before the headers. */
const clientFor = (options: EndpointOptions, signal: AbortSignal): Ollama =>
  new Ollama({
    host: options.url,
    fetch: async (input, init) => {
      const answer = await options.transport.send({
        url: String(input),
        method: init?.method === "POST" ? "POST" : "GET",
        ...(typeof init?.body === "string" ? { body: init.body } : {}),
        signal,
      });
      const text = await readText(answer.body);
      const { status, headers, host } = answer;
      // The library prints to stdout when an error is not JSON, so it never sees one.
      if (status >= 400) throw classify({ status, text: errorText(text), model: "the model", host });
      if (text.trimStart().startsWith("<")) {
        throw new PodiumError(
          "bad_output",
          `${host} answered with a web page, so it is no Ollama; enter its API address.`,
          {
            reason: "protocol",
          },
        );
      }
      return new Response(text, { status, headers });
    },
  });

const fact = (capabilities: readonly string[] | null, name: string): Fact => {
  if (capabilities === null) return "unknown";
  return capabilities.includes(name) ? "yes" : "no";
};

const cardOf = (tag: Tag, capabilities: readonly string[] | null): CapabilityCard => ({
  ...unknownCard,
  tools: fact(capabilities, "tools"),
  thinking: fact(capabilities, "thinking"),
  vision: fact(capabilities, "vision"),
  embeddings: fact(capabilities, "embedding"),
  // GGUF models obey a schema; the MLX engine ignored it in many versions.
  jsonSchema: tag.details?.format === "gguf" ? "yes" : "unknown",
});

const rolesOf = (capabilities: readonly string[] | null): Role[] => {
  if (capabilities === null) return ["main", "fast"];
  const chat: Role[] = capabilities.includes("completion") ? ["main", "fast"] : [];
  return [
    ...chat,
    ...(capabilities.includes("embedding") ? (["embed"] as const) : []),
    ...(capabilities.includes("vision") ? (["vision"] as const) : []),
  ];
};

/** One Ollama server. What it lists is remembered from the last look; `show` is asked once per digest. */
class OllamaEndpoint implements Endpoint {
  readonly flavour = "ollama" as const;
  readonly url: string;
  readonly name: string;
  readonly #options: EndpointOptions;
  readonly #evidence = new Evidence();
  readonly #shown = new Map<string, Shown>();
  #tags: readonly Tag[] | null = null;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.url = options.url;
    this.name = endpointName("ollama", options.url);
  }

  /** GETs, and /api/show once per digest, which only reads. */
  async look(signal: AbortSignal): Promise<EndpointInfo> {
    const soon = soonOf(signal);
    const base = { url: this.url, flavour: this.flavour };
    try {
      const [version, tags, ps] = await Promise.all([
        clientFor(this.#options, soon).version(),
        this.#list(soon),
        this.#ps(soon),
      ]);
      await Promise.all(tags.map((tag) => this.#show(tag, soon).catch(() => null)));
      const models = tags.map((tag) => this.#info(tag, ps));
      const local = models.filter(({ roles }) => roles.includes("main"));
      return {
        ...base,
        version: String(version.version),
        ...this.#evidence.state(
          local.length,
          "Ollama runs but has no chat model; install one with: ollama pull <model>",
        ),
        models,
      };
    } catch (error) {
      const { code, message } = toPodiumError(error, "bad_output");
      const slow = code === "cancelled" && !signal.aborted;
      return {
        ...base,
        state: code === "auth" || code === "bad_output" || slow ? "reachable" : "down",
        detail: slow ? slowDetail(this.url) : message,
        models: [],
      };
    }
  }

  model(id: string) {
    const ref = `${this.name}/${id}`;
    const wire = ollamaWire({
      url: this.url,
      ref,
      id,
      transport: this.#options.transport,
      traits: (signal) => this.#traits(id, signal),
    });
    return clocked(wire, {
      ref,
      clock: this.#options.clock,
      isLoaded: async (signal) => (await this.#ps(soonOf(signal))).has(id),
      ended: this.#evidence.ended,
      ...(this.#options.deadlines ? { deadlines: this.#options.deadlines } : {}),
    });
  }

  async allocated(id: string, signal: AbortSignal): Promise<number | null> {
    const ps = await this.#ps(soonOf(signal)).catch(() => new Map<string, number | null>());
    return ps.get(id) ?? null;
  }

  async unload(id: string): Promise<void> {
    await clientFor(this.#options, AbortSignal.timeout(10_000)).chat({ model: id, messages: [], keep_alive: 0 });
  }

  async #list(signal: AbortSignal): Promise<readonly Tag[]> {
    this.#tags = Tags.parse(await clientFor(this.#options, signal).list()).models;
    return this.#tags;
  }

  async #ps(signal: AbortSignal): Promise<ReadonlyMap<string, number | null>> {
    const { models } = Ps.parse(await clientFor(this.#options, signal).ps());
    return new Map(models.map(({ name, context_length }) => [name, context_length ?? null]));
  }

  async #show(tag: Tag, signal: AbortSignal): Promise<Shown> {
    const key = `${tag.name}@${tag.digest ?? ""}`;
    const known = this.#shown.get(key);
    if (known) return known;
    const { capabilities, model_info } = Show.parse(await clientFor(this.#options, signal).show({ model: tag.name }));
    const [, length] = Object.entries(model_info ?? {}).find(([field]) => field.endsWith(".context_length")) ?? [];
    const shown: Shown = {
      capabilities: capabilities ?? null,
      trained: typeof length === "number" ? Math.round(length) : null,
    };
    this.#shown.set(key, shown);
    return shown;
  }

  #info(tag: Tag, ps: ReadonlyMap<string, number | null>): ModelInfo {
    const shown = this.#shown.get(`${tag.name}@${tag.digest ?? ""}`);
    const capabilities = tag.capabilities ?? shown?.capabilities ?? null;
    return {
      ref: `${this.name}/${tag.name}`,
      loaded: ps.has(tag.name),
      ...(tag.size ? { sizeBytes: Math.round(tag.size) } : {}),
      context: { trained: shown?.trained ?? null, allocated: ps.get(tag.name) ?? null },
      roles: rolesOf(capabilities),
      ...(remoteHostOf(tag) === null ? {} : { remote: true }),
      card: cardOf(tag, capabilities),
    };
  }

  async #traits(id: string, signal: AbortSignal): Promise<OllamaTraits | null> {
    const soon = soonOf(signal);
    const tags = this.#tags?.some(({ name }) => name === id)
      ? this.#tags
      : await this.#list(soon).catch((error: unknown) => notInTime(error, signal, this.url));
    const tag = tags.find(({ name }) => name === id);
    if (!tag) return null;
    const shown = await this.#show(tag, soon).catch(() => null);
    const thinking = (tag.capabilities ?? shown?.capabilities ?? []).includes("thinking");
    return { thinking, levels: /^gpt-?oss$/.test(tag.details?.family ?? ""), remoteHost: remoteHostOf(tag) };
  }
}

export const createOllamaEndpoint = (options: EndpointOptions): Endpoint => new OllamaEndpoint(options);
