import type { LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { type PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { CapabilityCard } from "../protocol/models.ts";

type End = Extract<ModelPart, { type: "end" }>;

/** Measured speeds of one model; null = not measured yet. */
export type Speeds = Pick<CapabilityCard, "promptPerSecond" | "tokensPerSecond" | "loadMs">;

export const unmeasured: Speeds = { promptPerSecond: null, tokensPerSecond: null, loadMs: null };

/** A shorter load found the model in memory. */
const coldMs = 500;

/** The speeds after one more call; calls too short to measure change nothing. */
export function learnSpeeds(speeds: Speeds, { usage, timings }: End): Speeds {
  const prompt = rate(usage.in - usage.cached, timings.promptMs, 32);
  const tokens = rate(usage.out, timings.tokensMs, 4);
  return {
    promptPerSecond: blendCold(speeds.promptPerSecond, prompt),
    tokensPerSecond: blend(speeds.tokensPerSecond, tokens),
    loadMs: timings.loadMs !== null && timings.loadMs >= coldMs ? timings.loadMs : speeds.loadMs,
  };
}

function rate(tokens: number, ms: number | null, least: number): number | null {
  return ms === null || ms <= 0 || tokens < least ? null : (tokens / ms) * 1000;
}

function blend(old: number | null, seen: number | null): number | null {
  if (seen === null || old === null) return seen ?? old;
  return 0.7 * old + 0.3 * seen;
}

/** Servers count a cached prefix but take no time for it, so the slowest rates are the true ones. */
function blendCold(old: number | null, seen: number | null): number | null {
  if (old === null || seen === null) return seen ?? old;
  if (seen > 3 * old) return old;
  return seen < old / 3 ? seen : blend(old, seen);
}

export interface Observer {
  ended(end: End, request: ModelRequest): void;
  failed(error: PodiumError, request: ModelRequest): void;
}

/** True for a failure that a schema may have brought about: some engines refuse one, some die of it. */
export function blamesSchema(error: PodiumError, request: ModelRequest): boolean {
  return request.schema !== undefined && (error.code === "engine_dead" || error.code === "bad_request");
}

/** Tells what a call met; changes nothing. */
export function observed(model: LanguageModel, observer: Observer): LanguageModel {
  return { ref: model.ref, stream: (request, signal) => stream(model, observer, request, signal) };
}

async function* stream(
  model: LanguageModel,
  observer: Observer,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  try {
    for await (const part of model.stream(request, signal)) {
      if (part.type === "end") observer.ended(part, request);
      yield part;
    }
  } catch (thrown) {
    const error = toPodiumError(thrown, "engine_dead");
    if (!signal.aborted) observer.failed(error, request);
    throw error;
  }
}
