import type { CallClass, LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DeviceQueue } from "./device-queue.ts";

/** Who calls, for the order in the line; `order` compares as text. */
export interface Caller {
  readonly run: string;
  readonly order: string;
  readonly class: CallClass;
}

export interface Governance {
  readonly queue: DeviceQueue;
  readonly caller: Caller;
  readonly loads: () => boolean;
  readonly now: () => number;
  /** Learned tokens per second of reading a prompt; null = not known. */
  readonly promptPerSecond: () => number | null;
  readonly promptTokens: (request: ModelRequest) => number;
}

const coolMs = 2000;

/** Refusals that come before a server began to work, after which the device need not cool down. */
const harmless: ReadonlySet<string> = new Set([
  "unreachable",
  "auth",
  "bad_request",
  "model_missing",
  "context_overflow",
  "overloaded",
]);

/** Waits for a lane, holds it from connect to the last byte, and lets the device cool down after a cut. */
export function governed(model: LanguageModel, governance: Governance): LanguageModel {
  return { ref: model.ref, stream: (request, signal) => stream(model, governance, request, signal) };
}

async function* stream(
  model: LanguageModel,
  governance: Governance,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  const { caller, queue, loads, now } = governance;
  const lease = yield* queue.acquire(
    { model: model.ref, callClass: caller.class, run: caller.run, order: caller.order, loads },
    signal,
  );
  const reading: Reading = { since: null, done: 0, total: null, answered: false };
  let cut = true;
  let end: ModelPart | null = null;
  try {
    for await (const part of model.stream(request, signal)) {
      note(reading, part, now());
      if (part.type === "end") end = { ...part, timings: { ...part.timings, waitMs: lease.waitMs } };
      else yield part;
    }
    cut = false;
  } catch (error) {
    cut = signal.aborted || !(error instanceof PodiumError && harmless.has(error.code));
    throw error;
  } finally {
    const left = cut ? unreadMs(reading, governance, request) : 0;
    const reason = left > coolMs ? `still reading the cancelled prompt, ~${Math.round(left / 1000)} s` : "cooling down";
    await lease.end(cut ? Math.max(coolMs, left) : 0, reason);
  }
  if (end) yield end;
}

interface Reading {
  since: number | null;
  done: number;
  total: number | null;
  answered: boolean;
}

function note(reading: Reading, part: ModelPart, now: number): void {
  if (part.type === "sent") reading.since = now;
  if (part.type === "text" || part.type === "thinking") reading.answered = true;
  if (part.type !== "prefill") return;
  reading.since = now;
  reading.done = part.done;
  reading.total = part.total;
}

/** How long a server goes on reading a prompt that was cut, by the speed learned; 0 when it had begun to answer or is unknown. */
function unreadMs(reading: Reading, governance: Governance, request: ModelRequest): number {
  const speed = governance.promptPerSecond();
  if (reading.answered || reading.since === null || speed === null || speed <= 0) return 0;
  const total = reading.total ?? governance.promptTokens(request);
  return Math.max(0, ((total - reading.done) / speed) * 1000 - (governance.now() - reading.since));
}
