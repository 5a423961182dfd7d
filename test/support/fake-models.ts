import type { ModelPart, ModelRequest, Models, ResolvedModel } from "../../sidecar/ports.ts";

type Call = Omit<ModelRequest, "contextTokens" | "keepAlive">;
export type Script = (
  call: Call,
  signal: AbortSignal,
  number: number,
) => AsyncIterable<ModelPart> | readonly ModelPart[];

const card = {
  tools: "unknown",
  jsonSchema: "yes",
  thinking: "no",
  vision: "no",
  embeddings: "no",
  promptPerSecond: null,
  tokensPerSecond: null,
  loadMs: null,
} as const;

const endPart = (tokens = 10): ModelPart => ({
  type: "end",
  finish: "stop",
  usage: { in: 20, out: tokens, cached: 0, estimated: false },
  timings: { waitMs: 0, loadMs: 0, promptMs: 5, tokensMs: 10, toolMs: 0, youMs: 0 },
  model: "fake/model",
});

export const say = (text: string, tokens?: number): readonly ModelPart[] => [
  ...text.split(/(?<= )/).map((part): ModelPart => ({ type: "text", text: part })),
  endPart(tokens),
];

/** A Models port that answers from a script and counts its calls. `available: false` = no server. */
export function createFakeModels(script: Script): Models & { available: boolean; calls: number } {
  const target: ResolvedModel = { ref: "fake/model", contextTokens: 8192, card, state: "answers" };
  const models = {
    available: true,
    calls: 0,
    resolve: () => (models.available ? target : null),
    whyNone: () => null,
    async *call(
      _target: ResolvedModel,
      request: Call,
      _caller: unknown,
      signal: AbortSignal,
    ): AsyncGenerator<ModelPart> {
      models.calls += 1;
      for await (const part of script(request, signal, models.calls)) {
        signal.throwIfAborted();
        yield part;
      }
    },
    ready: () => Promise.resolve(),
  };
  return models;
}
