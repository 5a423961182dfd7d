import { PodiumError } from "../protocol/errors.ts";

// Text first, status second: servers agree on neither (mlx_lm answers 404 to a dead engine, Ollama 500 to a wrong option).

const clip = (text: string, length = 200) => (text.length > length ? `${text.slice(0, length)}…` : text);

/** Control and format characters made harmless, at most 200 characters. */
const visible = (text: string): string => clip(text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim());

/** Our own abort. */
export function cancelled(signal: AbortSignal): PodiumError {
  const reason: unknown = signal.reason;
  return new PodiumError("cancelled", "The call was cancelled.", {
    retryable: false,
    ...(reason instanceof PodiumError ? { reason: reason.code } : {}),
  });
}

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error.cause === undefined ? "" : codeOf(error.cause);
};

/** A connection that failed: while connecting, after the request was sent, or inside the body. */
export function brokenSend(error: Error, url: string, phase: "connect" | "sent" | "body"): PodiumError {
  if (error instanceof PodiumError) return error;
  const host = URL.parse(url)?.host ?? url;
  const code = codeOf(error);
  if (phase === "body") {
    return new PodiumError(
      "truncated_stream",
      `${host} broke the connection in the middle of its answer; restart it if its process died, then run this again.`,
      {
        cause: error,
      },
    );
  }
  if (phase === "connect") {
    const why =
      code === "UND_ERR_CONNECT_TIMEOUT" ? "does not accept connections" : "is not running or refuses connections";
    return new PodiumError("unreachable", `The model server at ${host} ${why}; start it or choose another.`, {
      cause: error,
      ...(code === "" ? {} : { reason: code }),
    });
  }
  return new PodiumError(
    "bad_request",
    `${host} closed the connection without an answer, which it does to requests it cannot read.`,
    {
      reason: "closed_without_answer",
      cause: error,
    },
  );
}

/** The sentence inside an error body: `{error: string}`, `{error: {message}}`, `{detail}`, `{message}` or plain text. */
export function errorText(body: string): string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return visible(body);
  }
  return visible(sentence(value) ?? body);
}

function sentence(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return null;
  if ("error" in value) return sentence(value.error);
  if ("message" in value) return sentence(value.message);
  return "detail" in value ? sentence(value.detail) : null;
}

interface Failure {
  /** 0 = an error line inside a stream. */
  readonly status: number;
  readonly text: string;
  readonly model: string;
  readonly host: string;
  readonly retryAfter?: string | undefined;
}

/** Ms that the server asks to wait, at most 60 s; null = it does not say. */
function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined || header === "") return null;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.round(Math.min(60_000, Math.max(0, ms)));
}

const byText: readonly (readonly [RegExp, (failure: Failure) => PodiumError])[] = [
  [
    /context (size|length|window)|input length .* exceeds|maximum context|prompt is longer than/i,
    ({ text, model }) =>
      new PodiumError("context_overflow", `The prompt is longer than the context window of ${model}: ${text}`, {
        retryable: false,
      }),
  ],
  [
    /out of memory|insufficient memory|metal.*alloc|requires more system memory/i,
    ({ text, host }) =>
      new PodiumError("engine_dead", `${host} ran out of memory: ${text}; use a smaller model or window.`, {
        reason: "oom",
      }),
  ],
  [
    /generation thread died|model runner has unexpectedly stopped|error was encountered while running the model|llama runner process has terminated/i,
    ({ text, host }) =>
      new PodiumError("engine_dead", `The engine of ${host} died: ${text}; restart the model server.`),
  ],
  [
    /does not support (thinking|tools|chat|generate|embed)|think value .* is not supported|invalid format|invalid json schema|option ".*" must be/i,
    ({ text, host }) => new PodiumError("bad_request", `${host} refused the request: ${text}`),
  ],
  [
    /model .*not found|no such model|cached snapshot folder|repository not found|repo id must|try pulling it|model_not_found/i,
    ({ text, model, host }) =>
      new PodiumError("model_missing", `${host} has no model ${model}; choose a listed one or install it. (${text})`),
  ],
  [
    /loading model|model is (still )?loading|not ready|still initializing/i,
    ({ host, model }) =>
      new PodiumError("model_loading", `${host} is still loading ${model}; it answers when that is done.`),
  ],
  [
    /server busy|maximum pending requests|overloaded|rate limit|queue is full/i,
    ({ host, text, retryAfter }) => overloaded(host, text, retryAfter),
  ],
];

const overloaded = (host: string, text: string, retryAfter: string | undefined) => {
  const wait = retryAfterMs(retryAfter, Date.now());
  return new PodiumError("overloaded", `${host} is busy: ${text || "too many requests"}; it is tried again.`, {
    ...(wait === null ? {} : { reason: `retry_after_ms:${wait}` }),
  });
};

/** An error status or an error line → one of the closed codes. `retry-after` becomes reason `retry_after_ms:<n>`. */
export function classify(failure: Failure): PodiumError {
  const { status, text, model, host } = failure;
  if (status === 401 || status === 403) {
    return new PodiumError("auth", `${host} needs a key or a sign-in: ${text || status}; set it for this server.`);
  }
  for (const [pattern, make] of byText) if (pattern.test(text)) return make(failure);
  if (status === 429 || status === 503 || status === 529) return overloaded(host, text, failure.retryAfter);
  if (status === 404 || status === 405) {
    return new PodiumError("bad_request", `${host} refused the request for ${model} (${status}): ${text}`);
  }
  if (status >= 400 && status < 500)
    return new PodiumError("bad_request", `${host} refused the request (${status}): ${text}`);
  return new PodiumError(
    "engine_dead",
    `${host} failed${status === 0 ? "" : ` (${status})`}: ${text || "no reason given"}`,
  );
}

/** An answer that is not what the protocol says. */
export const badOutput = (host: string, what: string, sample: string, reason = "protocol"): PodiumError =>
  new PodiumError("bad_output", `${host} answered with ${what}${sample === "" ? "" : `: ${visible(sample)}`}`, {
    reason,
  });
