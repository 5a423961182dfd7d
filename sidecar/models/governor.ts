import type { LanguageModel, ModelCaller, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DeviceQueue } from "./device-queue.ts";

export interface Governance {
  readonly queue: DeviceQueue;
  readonly caller: ModelCaller;
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
    { model: model.ref, callClass: caller.class, run: caller.run, order: caller.order, goesOn: caller.goesOn, loads },
    signal,
  );
  const reading: Reading = { begun: now(), since: now(), done: 0, total: null, step: 0, answered: false };
  let cut = true;
  let dead = false;
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
    dead = !signal.aborted && !(error instanceof PodiumError && error.code === "stalled");
    throw error;
  } finally {
    const left = cut && !dead ? unreadMs(reading, governance, request) : 0;
    const reason = left > coolMs ? `still reading the cancelled prompt, ~${Math.round(left / 1000)} s` : "cooling down";
    await lease.end(cut ? Math.max(coolMs, left) : 0, reason);
  }
  if (end) yield end;
}

/** How far a server is with a prompt: when it began, when that was last known (ms), and tokens. */
interface Reading {
  begun: number;
  since: number;
  done: number;
  total: number | null;
  /** Between two reports of progress. */
  step: number;
  answered: boolean;
}

function note(reading: Reading, part: ModelPart, now: number): void {
  if (part.type === "text" || part.type === "thinking") reading.answered = true;
  if (part.type === "load") {
    reading.begun = now;
    reading.since = now;
  }
  if (part.type !== "prefill") return;
  reading.since = now;
  reading.step = Math.max(reading.step, part.done - reading.done);
  reading.done = part.done;
  reading.total = part.total;
}

/** Tokens per second of a model that was never measured. */
const guessedSpeed = 200;
const longestGuess = 60_000;
/** A speed measured while the machine was busy says too little to hold the device for longer. */
const longestWait = 120_000;

/** How long a server goes on reading a prompt that was cut, ms; 0 when it had begun to answer. */
function unreadMs(reading: Reading, governance: Governance, request: ModelRequest): number {
  if (reading.answered) return 0;
  const passed = governance.now() - reading.since;
  if (reading.total !== null && reading.done > 0) {
    // Servers that tell their progress notice a cut about two steps later.
    const speed = (reading.done / Math.max(1, reading.since - reading.begun)) * 1000;
    const unread = Math.min(reading.total - reading.done, 2 * reading.step);
    return Math.max(0, (unread / speed) * 1000 - passed);
  }
  const left = (governance.promptTokens(request) / (governance.promptPerSecond() ?? guessedSpeed)) * 1000 - passed;
  // It takes longer than was foreseen: what took so long already is likely to take as long again.
  return left > 0 ? Math.min(left, longestWait) : Math.min(passed, longestGuess);
}
