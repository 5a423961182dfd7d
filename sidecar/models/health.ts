import type { Clock, Endpoint } from "../ports.ts";
import type { PodiumError } from "../protocol/errors.ts";
import type { EndpointInfo } from "../protocol/models.ts";

const healthyMs = 10_000;
const firstRetryMs = 2000;
const lastRetryMs = 30_000;

/** What is known of one server: the last look, corrected by what real calls met. */
export interface Health {
  readonly endpoint: Endpoint;
  /** Null before the first look. */
  info(): EndpointInfo | null;
  /** Monotonic ms at which the next look is due. */
  due(): number;
  /** Looks now; looks at the same time share one. */
  look(signal: AbortSignal): Promise<EndpointInfo>;
  succeeded(): void;
  /** A server that stalled or lost its engine is not `answers` again until a real call succeeds, whatever its health page says. */
  failed(error: PodiumError): void;
}

export function createHealth(endpoint: Endpoint, clock: Clock): Health {
  let last: EndpointInfo | null = null;
  let suspicion: string | null = null;
  let due = 0;
  let retryMs = firstRetryMs;
  let flight: Promise<EndpointInfo> | null = null;

  const plan = (state: EndpointInfo["state"]): void => {
    const healthy = state === "answers";
    due = clock.monotonic() + (healthy ? healthyMs : retryMs);
    retryMs = healthy ? firstRetryMs : Math.min(lastRetryMs, retryMs * 2);
  };
  const look = async (signal: AbortSignal): Promise<EndpointInfo> => {
    const seen = await endpoint.look(signal);
    if (seen.state === "down") suspicion = null;
    last = suspicion !== null && seen.state === "answers" ? { ...seen, state: "reachable", detail: suspicion } : seen;
    plan(last.state);
    return last;
  };

  return {
    endpoint,
    info: () => last,
    due: () => due,
    look: (signal) => {
      flight ??= look(signal).finally(() => {
        flight = null;
      });
      return flight;
    },
    succeeded: () => {
      suspicion = null;
      if (!last) return;
      const { detail: _, ...rest } = last;
      if (last.state !== "answers") last = { ...rest, state: "answers" };
      plan("answers");
    },
    failed: (error) => {
      if (!last || error.reason === "circuit_open") return;
      if (error.code === "unreachable") {
        last = { ...last, state: "down", detail: error.message };
        retryMs = firstRetryMs;
        plan("down");
      } else if (error.code === "stalled" || error.code === "engine_dead") {
        suspicion = error.message;
        last = { ...last, state: "reachable", detail: error.message };
        retryMs = firstRetryMs;
        plan("reachable");
      }
    },
  };
}
