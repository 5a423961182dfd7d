import type { ModelRequest, StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Json, JsonObject } from "../protocol/json.ts";

export type ModelCall = Omit<ModelRequest, "contextTokens" | "keepAlive">;

export const requestJson = (request: ModelCall): JsonObject => ({
  messages: request.messages.map(({ role, content }) => ({ role, content })),
  maxTokens: request.maxTokens,
  temperature: request.temperature,
  think: request.think,
  ...(request.schema === undefined ? {} : { schema: request.schema }),
});

export const noModel = (role: string): PodiumError =>
  new PodiumError(
    "provider_unavailable",
    `No model can answer for the role ${role}; start a model server, for example: ollama serve.`,
  );

export const errorOf = (shape: {
  code: PodiumError["code"];
  message: string;
  retryable: boolean;
  reason?: string | undefined;
}): PodiumError =>
  new PodiumError(shape.code, shape.message, {
    retryable: shape.retryable,
    ...(shape.reason === undefined ? {} : { reason: shape.reason }),
  });

type Answer = Awaited<ReturnType<StepContext["model"]>>;
const isAnswer = (value: unknown): value is Answer =>
  typeof value === "object" &&
  value !== null &&
  "text" in value &&
  "finish" in value &&
  "model" in value &&
  "usage" in value;

export function answerOf(value: Json): Answer {
  if (isAnswer(value)) return value;
  throw new PodiumError("data_corrupt", "The recorded answer of a model cannot be read; run the step again.");
}

/** A replayed value has the type it had when it was recorded, which no runtime check can name. */
export function sameType<T extends Json>(live: { readonly value: T } | null, recorded: Json): T {
  const isRecorded = (_value: Json): _value is T => true;
  if (live) return live.value;
  if (isRecorded(recorded)) return recorded;
  throw new PodiumError("data_corrupt", "A recorded value cannot be read; run the step again.");
}
