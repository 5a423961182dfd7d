import * as z from "zod";
import type { ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { badOutput, classify, errorText } from "./classify.ts";
import type { Wire } from "./clocks.ts";
import { lines, parseJson } from "./lines.ts";
import { type Incoming, readText, type Transport } from "./transport.ts";

/** What the wire must know of a model before it is called. */
export interface OllamaTraits {
  readonly thinking: boolean;
  /** gpt-oss thinks by level and cannot stop thinking. */
  readonly levels: boolean;
  /** Where the model runs when it is a cloud model. */
  readonly remoteHost: string | null;
}

export interface OllamaWireOptions {
  readonly url: string;
  readonly ref: string;
  readonly id: string;
  readonly transport: Transport;
  /** Traits of a listed model; null = the server does not list it. */
  readonly traits: (signal: AbortSignal) => Promise<OllamaTraits | null>;
}

const Line = z.looseObject({
  message: z.looseObject({ content: z.string().nullish(), thinking: z.string().nullish() }).nullish(),
  done: z.boolean().nullish(),
  done_reason: z.string().nullish(),
  error: z.unknown().optional(),
  load_duration: z.number().nullish(),
  prompt_eval_count: z.number().nullish(),
  prompt_eval_duration: z.number().nullish(),
  eval_count: z.number().nullish(),
  eval_duration: z.number().nullish(),
});
type Line = z.infer<typeof Line>;

const think = (wanted: ModelRequest["think"], traits: OllamaTraits): boolean | "low" | "high" => {
  if (traits.levels) return wanted === "high" ? "high" : "low";
  return traits.thinking && wanted !== "off";
};

/** The body of /api/chat. Every field that decides what is cut, loaded or thought is set on every call. */
function ollamaBody(request: ModelRequest, id: string, traits: OllamaTraits): { readonly [key: string]: unknown } {
  return {
    model: id,
    messages: request.messages.map(({ role, content }) => ({ role, content })),
    stream: true,
    options: { num_ctx: request.contextTokens, num_predict: request.maxTokens, temperature: request.temperature },
    truncate: false,
    shift: false,
    keep_alive: /^-?\d+$/.test(request.keepAlive) ? Number(request.keepAlive) : request.keepAlive,
    think: think(request.think, traits),
    ...(request.schema ? { format: request.schema } : {}),
  };
}

const milliseconds = (nanoseconds: number | null | undefined) => Math.round((nanoseconds ?? 0) / 1_000_000);

/** The last line → `end`. An absent number is 0, as Ollama leaves zeros out. */
function endPart(line: Line, request: ModelRequest, ref: string): ModelPart {
  const prompt = Math.round(line.prompt_eval_count ?? 0);
  if (prompt >= request.contextTokens) {
    throw new PodiumError(
      "context_overflow",
      `${ref} read only ${prompt} tokens and cut the rest of the prompt; shorten it.`,
      {
        reason: "truncated",
        retryable: false,
      },
    );
  }
  return {
    type: "end",
    finish: line.done_reason === "length" ? "length" : "stop",
    usage: { in: prompt, out: Math.round(line.eval_count ?? 0), cached: 0, estimated: line.eval_count === undefined },
    timings: {
      waitMs: 0,
      loadMs: milliseconds(line.load_duration),
      promptMs: milliseconds(line.prompt_eval_duration),
      tokensMs: milliseconds(line.eval_duration),
      toolMs: 0,
      youMs: 0,
    },
    model: ref,
  };
}

function readLine(text: string, host: string, id: string): Line {
  const json = parseJson(text);
  if (!json) throw badOutput(host, "a line that is not JSON", text);
  const { success, data } = Line.safeParse(json.value);
  if (!success) throw badOutput(host, "an unknown message", text);
  if (data.error !== undefined && data.error !== null)
    throw classify({ status: 0, text: errorText(text), model: id, host });
  return data;
}

async function requireStream({ status, headers, host, body }: Incoming, id: string): Promise<void> {
  const type = headers["content-type"] ?? "";
  if (status === 200 && !type.includes("html")) return;
  const text = await readText(body, 64 * 1024);
  if (status !== 200)
    throw classify({ status, text: errorText(text), model: id, host, retryAfter: headers["retry-after"] });
  throw badOutput(host, "a web page instead of a model's answer", text);
}

async function* chatParts(
  incoming: Incoming,
  request: ModelRequest,
  ref: string,
  id: string,
): AsyncGenerator<ModelPart> {
  const { host } = incoming;
  for await (const text of lines(incoming.body, host)) {
    const line = readLine(text, host, id);
    const thinking = line.message?.thinking ?? "";
    const content = line.message?.content ?? "";
    if (thinking !== "") yield { type: "thinking", text: thinking };
    if (content !== "") yield { type: "text", text: content };
    if (line.done === true) {
      yield endPart(line, request, ref);
      return;
    }
  }
  throw new PodiumError(
    "truncated_stream",
    `${host} ended its answer in the middle, without its last line; its process may have died.`,
  );
}

/** Ollama's own chat protocol: lines of JSON. The `/v1` one has no `num_ctx`. */
export function ollamaWire(options: OllamaWireOptions): Wire {
  const { url, ref, id, transport } = options;
  return async function* stream(request, signal, pulse) {
    const traits = await options.traits(signal);
    if (!traits) {
      throw new PodiumError(
        "model_missing",
        `${new URL(url).host} does not list ${id}; choose a listed model or run: ollama pull ${id}`,
      );
    }
    if (traits.remoteHost !== null && transport.network() !== "cloud") {
      throw new PodiumError(
        "unreachable",
        `${id} runs on ${traits.remoteHost}, and the setting "network" is "${transport.network()}"; choose a model of this machine.`,
        { reason: "network", retryable: false },
      );
    }
    const body = JSON.stringify(ollamaBody(request, id, traits));
    const incoming = await transport
      .send({ url: `${url}/api/chat`, method: "POST", body, signal, pulse })
      .catch((error) => {
        throw deadBeforeAnswer(error);
      });
    if (traits.remoteHost !== null) yield { type: "sent", host: traits.remoteHost, bytes: Buffer.byteLength(body) };
    else if (incoming.bytes > 0) yield { type: "sent", host: incoming.host, bytes: incoming.bytes };
    await requireStream(incoming, id);
    yield* chatParts(incoming, request, ref, id);
  };
}

/** Ollama always answers a request it cannot read; a silent close means that its process ended. */
function deadBeforeAnswer(error: unknown): unknown {
  if (!(error instanceof PodiumError) || error.reason !== "closed_without_answer") return error;
  return new PodiumError(
    "engine_dead",
    "Ollama closed the connection without an answer; its process may have died: restart it.",
    {
      cause: error,
    },
  );
}
