import type { LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";

/** Failures that another model would not cure, or must not hide. */
const final: ReadonlySet<string> = new Set(["cancelled", "context_overflow", "bad_request"]);

/**
 * Tries models in order until one gives its first token; each hop is a part.
 * When all fail: `provider_unavailable` with every cause. After the first token the failure is the model's own.
 */
export function fallback(first: LanguageModel, others: readonly LanguageModel[]): LanguageModel {
  return { ref: first.ref, stream: (request, signal) => stream([first, ...others], request, signal) };
}

async function* stream(
  models: readonly LanguageModel[],
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  const causes: { readonly ref: string; readonly error: PodiumError }[] = [];
  for (const [index, model] of models.entries()) {
    let begun = false;
    try {
      for await (const part of model.stream(request, signal)) {
        begun ||= part.type === "thinking" || part.type === "text" || part.type === "end";
        yield part;
      }
      return;
    } catch (thrown) {
      const error = toPodiumError(thrown, "engine_dead");
      // A prompt that is too long for a stand-in says nothing about the model that was chosen.
      const isStandInsOwn = index > 0 && error.code === "context_overflow" && error.reason !== "truncated";
      if (begun || signal.aborted || (final.has(error.code) && !isStandInsOwn)) throw error;
      causes.push({ ref: model.ref, error });
      const next = models[index + 1];
      if (next) yield { type: "fallback", from: model.ref, to: next.ref, cause: error.toShape() };
    }
  }
  throw unavailable(causes);
}

function unavailable(causes: readonly { readonly ref: string; readonly error: PodiumError }[]): PodiumError {
  const list = causes.map(({ ref, error }) => `${ref}: ${error.code}, ${error.message}`).join(" | ");
  const reason = causes[0]?.error.code;
  return new PodiumError("provider_unavailable", `No model could answer. ${list}`, {
    retryable: false,
    ...(reason === undefined ? {} : { reason }),
    cause: causes[0]?.error,
  });
}
