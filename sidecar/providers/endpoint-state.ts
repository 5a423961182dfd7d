import type { Clock } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { CapabilityCard, EndpointState } from "../protocol/models.ts";
import type { Deadlines } from "./clocks.ts";
import type { Transport } from "./transport.ts";

export interface EndpointOptions {
  readonly url: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly deadlines?: Partial<Deadlines>;
  /** The Hugging Face cache of this machine (`~/.cache/huggingface/hub`); absent = not read. */
  readonly modelCache?: string;
}

/** Ms that a look may take. */
const lookMs = 1_500;

/** `signal`, or the end of a look. */
export const soonOf = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(lookMs)]);

export const slowDetail = (url: string): string => `${url} accepts connections but did not answer within 1.5 s.`;

/** Our own deadline is not the caller's abort. */
export function notInTime(error: unknown, signal: AbortSignal, url: string): never {
  if (error instanceof PodiumError && error.code === "cancelled" && !signal.aborted) {
    throw new PodiumError("unreachable", `${slowDetail(url)} Restart it or choose another.`);
  }
  throw error;
}

export const unknownCard: CapabilityCard = {
  tools: "unknown",
  jsonSchema: "unknown",
  thinking: "unknown",
  vision: "unknown",
  embeddings: "unknown",
  promptPerSecond: null,
  tokensPerSecond: null,
  loadMs: null,
};

/** What calls taught about an endpoint: a server whose engine hangs or died still answers its health check. */
export class Evidence {
  #trouble: PodiumError | null = null;

  /** For `clocked`: an answer clears it, a dead or stalled engine sets it. */
  readonly ended = (error: PodiumError | null): void => {
    if (error === null) this.#trouble = null;
    else if (error.code === "engine_dead" || (error.code === "stalled" && error.reason !== "load"))
      this.#trouble = error;
  };

  get trouble(): PodiumError | null {
    return this.#trouble;
  }

  /** `answers` unless there is no model or the last call found the engine silent. */
  state(models: number, none: string): { readonly state: EndpointState; readonly detail?: string } {
    if (this.#trouble) return { state: "reachable", detail: this.#trouble.message };
    return models > 0 ? { state: "answers" } : { state: "reachable", detail: none };
  }
}
