import type { Clock, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { badOutput, classify, errorText } from "./classify.ts";
import type { Wire } from "./clocks.ts";
import { type ChunkParts, mapFinish, readChunk, readKeepalive } from "./openai-chunk.ts";
import { durationSeconds, type Profile } from "./profiles.ts";
import { sse } from "./sse.ts";
import { type Incoming, readText, type Transport } from "./transport.ts";

export interface OpenAiWireOptions {
  readonly url: string;
  readonly ref: string;
  /** The id as the server lists it. */
  readonly id: string;
  readonly profile: Profile;
  readonly transport: Transport;
  readonly clock: Clock;
  /** The ids the server lists now; asked before the first send, because a name may be an order to download. */
  readonly listed: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Learns what the server says it is. */
  readonly fingerprint: (text: string) => void;
}

/** The request body: unset fields are absent, never null; no seed, no tools. */
function openAiBody(request: ModelRequest, model: string, profile: Profile): { readonly [key: string]: unknown } {
  return {
    model,
    messages: request.messages.map(({ role, content }) => ({ role, content })),
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: request.maxTokens,
    temperature: request.temperature,
    ...(profile.jsonSchema && request.schema
      ? {
          response_format: {
            type: "json_schema",
            json_schema: { name: "answer", strict: true, schema: request.schema },
          },
        }
      : {}),
    ...(profile.templateArguments ? { chat_template_kwargs: { enable_thinking: request.think !== "off" } } : {}),
    ...(profile.ttl ? { ttl: durationSeconds(request.keepAlive) } : {}),
  };
}

/** Refuses what is not an event stream, with the server's own words. */
async function requireStream(incoming: Incoming, model: string): Promise<void> {
  const { status, headers, host } = incoming;
  const type = headers["content-type"] ?? "";
  if (status === 200 && type.includes("text/event-stream")) return;
  const text = await readText(incoming.body, 64 * 1024);
  if (status !== 200)
    throw classify({ status, text: errorText(text), model, host, retryAfter: headers["retry-after"] });
  if (type.includes("json") && /"error"\s*:/.test(text))
    throw classify({ status: 0, text: errorText(text), model, host });
  throw badOutput(
    host,
    type.includes("html") ? "a web page instead of a model's answer" : "something that is not a stream",
    text,
  );
}

/** Folds chunks: what was seen so far, and the `end` it makes. */
class Answer {
  #finish: string | null = null;
  #usage: ChunkParts["usage"] = null;
  #characters = 0;
  #firstAt: number | null = null;
  #headersAt = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open() {
    this.#headersAt = this.#clock.monotonic();
  }

  add(chunk: ChunkParts) {
    this.#finish = chunk.finish ?? this.#finish;
    this.#usage = chunk.usage ?? this.#usage;
    this.#characters += chunk.text.length + chunk.thinking.length;
    if (this.#firstAt === null && this.#characters > 0) this.#firstAt = this.#clock.monotonic();
  }

  end(request: ModelRequest, ref: string, host: string): ModelPart {
    if (this.#finish === null) {
      throw new PodiumError(
        "truncated_stream",
        `${host} ended its answer in the middle, without a finish; its process may have died.`,
      );
    }
    const promptCharacters = request.messages.reduce((sum, { content }) => sum + content.length, 0);
    const now = this.#clock.monotonic();
    const firstAt = this.#firstAt ?? now;
    return {
      type: "end",
      finish: mapFinish(this.#finish, host),
      usage: this.#usage
        ? { ...this.#usage, estimated: false }
        : { in: Math.ceil(promptCharacters / 4), out: Math.ceil(this.#characters / 4), cached: 0, estimated: true },
      timings: {
        waitMs: 0,
        loadMs: null,
        promptMs: Math.round(firstAt - this.#headersAt),
        tokensMs: Math.round(now - firstAt),
        toolMs: 0,
        youMs: 0,
      },
      model: ref,
    };
  }
}

/** The stream up to `[DONE]`, folded into `answer` on its way. */
async function* chatParts(
  incoming: Incoming,
  answer: Answer,
  { id, fingerprint }: OpenAiWireOptions,
): AsyncGenerator<ModelPart> {
  for await (const item of sse(incoming.body, incoming.host)) {
    if ("comment" in item) {
      const progress = readKeepalive(item.comment);
      if (progress) yield { type: "prefill", ...progress };
      continue;
    }
    if (item.data === "[DONE]") return;
    const chunk = readChunk(item.data, incoming.host, id);
    answer.add(chunk);
    if (chunk.fingerprint !== null) fingerprint(chunk.fingerprint);
    if (chunk.thinking !== "") yield { type: "thinking", text: chunk.thinking };
    if (chunk.text !== "") yield { type: "text", text: chunk.text };
  }
}

/** The chat protocol of OpenAI as MLX servers, LM Studio and llama.cpp speak it. */
export function openAiWire(options: OpenAiWireOptions): Wire {
  const { url, ref, id, profile, transport, clock } = options;
  return async function* stream(request, signal, pulse) {
    const listed = await options.listed(signal);
    if (!listed.includes(id)) {
      throw new PodiumError(
        "model_missing",
        `${new URL(url).host} does not list ${id}; choose a listed model. Nothing is downloaded.`,
      );
    }
    const model = profile.defaultModel && listed.length === 1 ? "default_model" : id;
    const incoming = await transport.send({
      url: `${url}/v1/chat/completions`,
      method: "POST",
      body: JSON.stringify(openAiBody(request, model, profile)),
      signal,
      pulse,
    });
    const { host, bytes } = incoming;
    if (bytes > 0) yield { type: "sent", host, bytes };
    await requireStream(incoming, id);
    const answer = new Answer(clock);
    answer.open();
    yield* chatParts(incoming, answer, options);
    yield answer.end(request, ref, host);
  };
}
