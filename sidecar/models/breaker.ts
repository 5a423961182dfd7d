import type { LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";

const threshold = 5;
const openMs = 60_000;
const probes = 3;

interface Permit {
  readonly opens: number;
  /** Aborts a call that still waits when the breaker opens. */
  readonly refuse: AbortController;
  waiting: boolean;
}

/** Breaker of one (endpoint, model): 5 failures in a row open it for 60 s, then 3 probes pass, and 3 successes close it. */
export class Breaker {
  readonly #ref: string;
  readonly #now: () => number;
  readonly #inside = new Set<Permit>();
  #failures = 0;
  #successes = 0;
  #opens = 0;
  #openedAt: number | null = null;

  constructor(ref: string, now: () => number) {
    this.#ref = ref;
    this.#now = now;
  }

  state(): "closed" | "open" | "half-open" {
    if (this.#openedAt === null) return "closed";
    return this.#now() - this.#openedAt < openMs ? "open" : "half-open";
  }

  /** Lets one call in, or throws `unreachable` with reason `circuit_open`. */
  enter(): Permit {
    const state = this.state();
    const probing = [...this.#inside].filter((permit) => permit.opens === this.#opens).length;
    if (state === "open" || (state === "half-open" && probing + this.#successes >= probes)) throw this.#refusal();
    const permit: Permit = { opens: this.#opens, refuse: new AbortController(), waiting: true };
    this.#inside.add(permit);
    return permit;
  }

  leave(permit: Permit, outcome: "success" | "failure" | "neither"): void {
    this.#inside.delete(permit);
    if (permit.opens !== this.#opens || outcome === "neither") return;
    if (outcome === "failure") {
      this.#failures += 1;
      if (this.#openedAt !== null || this.#failures >= threshold) this.#open();
      return;
    }
    this.#failures = 0;
    if (this.#openedAt === null) return;
    this.#successes += 1;
    if (this.#successes >= probes) this.#openedAt = null;
  }

  #open(): void {
    this.#openedAt = this.#now();
    this.#opens += 1;
    this.#successes = 0;
    this.#failures = 0;
    for (const permit of this.#inside) if (permit.waiting) permit.refuse.abort(this.#refusal());
  }

  #refusal(): PodiumError {
    const left = Math.max(0, openMs - (this.#now() - (this.#openedAt ?? 0)));
    const when = left === 0 ? "when its trial calls have ended" : `in ${Math.ceil(left / 1000)} s`;
    const text = `${this.#ref} failed too often in a row; Podium asks it again ${when}, or choose another model.`;
    return new PodiumError("unreachable", text, { retryable: false, reason: "circuit_open" });
  }
}

/** Only these say that a server is ill; loading, bad requests and a full memory do not. */
function isIllness(error: PodiumError): boolean {
  if (error.reason === "memory" || error.reason === "load") return false;
  return ["unreachable", "stalled", "engine_dead", "overloaded"].includes(error.code);
}

export function breaking(model: LanguageModel, breaker: Breaker): LanguageModel {
  return { ref: model.ref, stream: (request, signal) => stream(model, breaker, request, signal) };
}

async function* stream(
  model: LanguageModel,
  breaker: Breaker,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  const permit = breaker.enter();
  const refused = permit.refuse.signal;
  let outcome: "success" | "failure" | "neither" = "neither";
  try {
    for await (const part of model.stream(request, AbortSignal.any([signal, refused]))) {
      if (part.type !== "wait") permit.waiting = false;
      if (part.type === "end") outcome = "success";
      yield part;
    }
  } catch (thrown) {
    if (refused.aborted && !signal.aborted) throw refused.reason;
    const error = toPodiumError(thrown, "engine_dead");
    if (!signal.aborted && isIllness(error)) outcome = "failure";
    throw error;
  } finally {
    breaker.leave(permit, outcome);
  }
}
