import type { Clock, LanguageModel, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { cancelled } from "./classify.ts";
import type { Pulse } from "./transport.ts";

/** The four clocks of one call, ms. */
export interface Deadlines {
  readonly connectMs: number;
  readonly loadMs: number;
  readonly firstTokenMs: number;
  readonly betweenMs: number;
}
const deadlines: Deadlines = { connectMs: 2_000, loadMs: 600_000, firstTokenMs: 300_000, betweenMs: 60_000 };

/** Ms that a slow machine without a GPU may take to read one token of a prompt. */
const slowestTokenMs = 100;

/** The usual clocks; a long prompt gets more time to be read, as some servers tell nothing while they read. */
function deadlinesFor(request: ModelRequest, given: Partial<Deadlines> | undefined): Deadlines {
  const tokens = request.messages.reduce((sum, { content }) => sum + content.length, 0) / 4;
  const firstTokenMs = Math.max(deadlines.firstTokenMs, tokens * slowestTokenMs);
  return { ...deadlines, firstTokenMs, ...given };
}

/** The bare protocol: no clock, no queue. Tells by `pulse` what the socket did. Throws PodiumErrors. */
export type Wire = (request: ModelRequest, signal: AbortSignal, pulse: Pulse) => AsyncIterable<ModelPart>;

export interface ClockedOptions {
  readonly ref: string;
  readonly clock: Clock;
  readonly deadlines?: Partial<Deadlines>;
  /** Asked every second while the headers are awaited; true ends the load clock. Without it the headers end it. */
  readonly isLoaded?: (signal: AbortSignal) => Promise<boolean>;
  /** Learns how the call ended: null = answered. */
  readonly ended?: (error: PodiumError | null) => void;
}

type Phase = "connect" | "load" | "first" | "between";
const loadTickMs = 1_000;

const expired = (phase: Phase, ref: string, ms: number): PodiumError => {
  const seconds = Math.round(ms / 1000);
  switch (phase) {
    case "connect":
      return new PodiumError(
        "unreachable",
        `The server of ${ref} did not accept a connection within ${seconds} s; is it running?`,
      );
    case "load":
      return new PodiumError(
        "stalled",
        `${ref} was not loaded within ${seconds} s; restart its server or use a smaller model.`,
        {
          reason: "load",
        },
      );
    case "first":
      return new PodiumError("stalled", `${ref} sent no first token within ${seconds} s; restart its server.`, {
        reason: "first_token",
      });
    case "between":
      return new PodiumError(
        "stalled",
        `${ref} stopped in the middle of its answer for ${seconds} s; restart its server.`,
        {
          reason: "inter_token",
        },
      );
  }
};

/** Where one call stands, and since when. */
class Watch {
  #phase: Phase = "connect";
  #since: number;
  #rearmed = false;
  #plan = 0;
  readonly #clock: Clock;
  readonly #limits: Deadlines;

  constructor(clock: Clock, limits: Deadlines) {
    this.#clock = clock;
    this.#limits = limits;
    this.#since = clock.monotonic();
  }

  get phase() {
    return this.#phase;
  }

  get limit() {
    const { connectMs, loadMs, firstTokenMs, betweenMs } = this.#limits;
    return { connect: connectMs, load: loadMs, first: firstTokenMs, between: betweenMs }[this.#phase];
  }

  get left() {
    return this.limit - (this.#clock.monotonic() - this.#since);
  }

  /** Ms to sleep before looking again. */
  get planned() {
    this.#plan = this.#phase === "load" ? Math.min(loadTickMs, this.left) : this.left;
    return this.#plan;
  }

  touch() {
    this.#since = this.#clock.monotonic();
    this.#rearmed = false;
  }

  enter(phase: Phase) {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.touch();
  }

  /** After a laptop's sleep all timers fire late at once: the first such gap is forgiven. */
  forgive(slept: number): boolean {
    if (this.#rearmed || slept <= 2 * Math.max(this.#plan, loadTickMs)) return false;
    this.touch();
    this.#rearmed = true;
    return true;
  }
}

const beat =
  (watch: Watch): Pulse =>
  (kind) => {
    switch (kind) {
      case "connected":
        if (watch.phase === "connect") watch.enter("load");
        return;
      case "headers":
        if (watch.phase !== "between") watch.enter("first");
        return;
      case "bytes":
        if (watch.phase === "connect" || watch.phase === "load") watch.enter("first");
        watch.touch();
        return;
      case "token":
        watch.enter("between");
        watch.touch();
        return;
    }
  };

type Turn = { readonly part: IteratorResult<ModelPart> } | { readonly slept: number };

/** The next part, or how long was slept without one. An abort ends the sleep at once. */
async function nextTurn(
  part: Promise<IteratorResult<ModelPart>>,
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<Turn> {
  const timer = new AbortController();
  const before = clock.monotonic();
  const slept = () => ({ slept: clock.monotonic() - before });
  const tick = clock.sleep(Math.max(1, ms), AbortSignal.any([timer.signal, signal])).then(slept, slept);
  try {
    return await Promise.race([part.then((value) => ({ part: value })), tick]);
  } finally {
    timer.abort();
  }
}

/** Polls whether the model is loaded; answers from the last poll, null before the first one. */
function loadPoll(watch: Watch, options: ClockedOptions, signal: AbortSignal): () => boolean | null {
  let loaded: boolean | null = options.isLoaded ? null : false;
  return () => {
    void options.isLoaded?.(signal).then(
      (answer) => {
        loaded = answer;
        if (answer && watch.phase === "load") watch.enter("first");
      },
      () => undefined,
    );
    return loaded;
  };
}

async function* run(
  wire: Wire,
  options: ClockedOptions,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  const { clock, ref } = options;
  if (signal.aborted) throw cancelled(signal);
  const own = new AbortController();
  const linked = AbortSignal.any([signal, own.signal]);
  const watch = new Watch(clock, deadlinesFor(request, options.deadlines));
  const started = clock.monotonic();
  const pollLoaded = loadPoll(watch, options, linked);
  const parts = wire(request, linked, beat(watch))[Symbol.asyncIterator]();
  const pull = () => {
    const part = parts.next();
    part.catch(() => undefined);
    return part;
  };
  let next = pull();
  try {
    for (;;) {
      const turn = await nextTurn(next, clock, watch.planned, linked);
      if ("part" in turn) {
        const { done, value } = turn.part;
        if (done) return;
        if (value.type === "text" || value.type === "thinking") watch.enter("between");
        yield value;
        watch.touch();
        next = pull();
        continue;
      }
      if (signal.aborted) throw cancelled(signal);
      if (watch.left <= 0 && !watch.forgive(turn.slept)) throw expired(watch.phase, ref, watch.limit);
      if (watch.phase === "load" && pollLoaded() === false) {
        yield { type: "load", elapsedMs: Math.round(clock.monotonic() - started), expectedMs: null };
      }
    }
  } finally {
    own.abort();
    void parts.return?.()?.then(undefined, () => undefined);
  }
}

/** Gives a wire its deadlines. Emits `load` parts each second while the model is being loaded. */
export function clocked(wire: Wire, options: ClockedOptions): LanguageModel {
  async function* stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart> {
    try {
      yield* run(wire, options, request, signal);
      options.ended?.(null);
    } catch (error) {
      if (error instanceof PodiumError) options.ended?.(error);
      throw error;
    }
  }
  return { ref: options.ref, stream };
}
