import * as z from "zod";
import { badOutput, classify, errorText } from "./classify.ts";
import { parseJson } from "./lines.ts";

// What servers send is read minimally: only what is used, everything nullish.
const Chunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z
          .looseObject({
            content: z.string().nullish(),
            reasoning: z.string().nullish(),
            reasoning_content: z.string().nullish(),
          })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .looseObject({
      prompt_tokens: z.number().nullish(),
      completion_tokens: z.number().nullish(),
      prompt_tokens_details: z.looseObject({ cached_tokens: z.number().nullish() }).nullish(),
    })
    .nullish(),
  system_fingerprint: z.string().nullish(),
  error: z.unknown().optional(),
});

export interface ChunkParts {
  readonly thinking: string;
  readonly text: string;
  readonly finish: string | null;
  /** What the server says it is; null = nothing. */
  readonly fingerprint: string | null;
  readonly usage: { readonly in: number; readonly out: number; readonly cached: number } | null;
}

/** One `data:` of a chat stream. Throws `bad_output` for half JSON and the classified error of an `error` frame. */
export function readChunk(data: string, host: string, model: string): ChunkParts {
  const json = parseJson(data);
  if (!json) throw badOutput(host, "a line that is not JSON", data);
  const { success, data: chunk } = Chunk.safeParse(json.value);
  if (!success) throw badOutput(host, "an unknown message", data);
  if (chunk.error !== undefined && chunk.error !== null)
    throw classify({ status: 0, text: errorText(data), model, host });
  const choice = chunk.choices?.[0];
  const delta = choice?.delta;
  const { usage } = chunk;
  return {
    thinking: delta?.reasoning ?? delta?.reasoning_content ?? "",
    text: delta?.content ?? "",
    finish: choice?.finish_reason ?? null,
    fingerprint: chunk.system_fingerprint ?? null,
    usage: usage
      ? {
          in: Math.round(usage.prompt_tokens ?? 0),
          out: Math.round(usage.completion_tokens ?? 0),
          cached: Math.round(usage.prompt_tokens_details?.cached_tokens ?? 0),
        }
      : null,
  };
}

/** `finish_reason` → ours. Throws `bad_output`, reason `tool_call`: no tools were offered, so a call did not parse. */
export function mapFinish(finish: string, host: string): "stop" | "length" {
  switch (finish) {
    case "length":
    case "max_tokens":
      return "length";
    case "tool_calls":
    case "function_call":
      throw badOutput(host, "a tool call that nobody offered or that does not parse", "", "tool_call");
    case "content_filter":
      throw badOutput(host, "nothing, because its content filter stopped the answer", "", "content_filter");
    default:
      return "stop";
  }
}

/** `keepalive 128/435` of a comment line → tokens read; null = another comment. */
export function readKeepalive(comment: string): { readonly done: number; readonly total: number } | null {
  const match = /keepalive\s+(\d{1,9})\/(\d{1,9})/.exec(comment);
  return match ? { done: Number(match[1]), total: Number(match[2]) } : null;
}
