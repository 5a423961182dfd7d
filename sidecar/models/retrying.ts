import type { Clock, LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { type PodiumError, toPodiumError } from "../protocol/errors.ts";
import { cancelled } from "./device-queue.ts";

const retries = 2;
const baseMs = 500;
const capMs = 8000;
/** Longest wait that a server may ask for, ms. */
const askedCapMs = 60_000;

export interface Retrying {
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
}

/**
 * Repeats a call that failed before the first byte, at most twice; each wait is a part. Waits as long as the server asked
 * (at most 60 s, a little more by jitter), else with full jitter.
 */
export function retrying(model: LanguageModel, options: Retrying): LanguageModel {
  return { ref: model.ref, stream: (request, signal) => stream(model, options, request, signal) };
}

async function* stream(
  model: LanguageModel,
  { clock, random }: Retrying,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  for (let attempt = 0; ; attempt += 1) {
    let answered = false;
    try {
      for await (const part of model.stream(request, signal)) {
        answered ||= isAnswer(part);
        yield part;
      }
      return;
    } catch (thrown) {
      const error = toPodiumError(thrown, "engine_dead");
      if (answered || attempt >= retries || signal.aborted || !isTransient(error)) throw error;
      const asked = askedMs(error);
      const delay = Math.round(
        asked === null ? random() * Math.min(capMs, baseMs * 4 ** attempt) : asked + random() * baseMs,
      );
      const why = asked === null ? error.code : `${error.code}, the server asks to wait`;
      yield { type: "wait", position: 0, reason: `retry in ${Math.ceil(delay / 1000)} s: ${why}`, etaMs: delay };
      await clock.sleep(delay, signal).catch(() => {
        throw cancelled();
      });
    }
  }
}

/** What `retry-after` of the server's refusal said, in ms; null = it said nothing. */
function askedMs({ reason }: PodiumError): number | null {
  const asked = /^retry_after_ms:(\d+)$/.exec(reason ?? "")?.[1];
  return asked === undefined ? null : Math.min(askedCapMs, Number(asked));
}

function isTransient(error: PodiumError): boolean {
  return error.retryable && (error.code === "unreachable" || error.code === "overloaded");
}

function isAnswer(part: ModelPart): boolean {
  return part.type === "prefill" || part.type === "thinking" || part.type === "text" || part.type === "end";
}
