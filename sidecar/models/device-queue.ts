import type { CallClass, Clock, Lanes, LaneTake, ModelPart } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import { type Affinity, afterPick, rank, type Waiting } from "./rank.ts";

export type Pressure = () => Promise<"ok" | "high">;
type WaitPart = Extract<ModelPart, { type: "wait" }>;

/** One generation's right to use the device. `end` gives it back once; more calls do nothing. */
export interface Lease {
  readonly waitMs: number;
  end(coolMs: number, reason: string): Promise<void>;
}

/** A call that asks for a lane. `loads` = this call would make the server load the model. */
export interface LaneRequest extends Omit<Waiting, "since"> {
  loads(): boolean;
  /** True while the item that calls may call again. */
  readonly goesOn?: (() => boolean) | undefined;
}

interface Place extends Waiting {
  readonly loads: () => boolean;
  readonly goesOn?: (() => boolean) | undefined;
  readonly news: Mailbox<WaitPart | { type: "lease"; lease: Lease } | { type: "failed"; error: PodiumError }>;
  told: string;
  gatedSince: number | null;
  lease: Lease | null;
}

/** The lane is kept free for the earlier calls of a run until `until`, moved on to at most `last` while the item goes on. */
interface Hold {
  readonly run: string;
  readonly order: string;
  until: number;
  readonly last: number;
  readonly goesOn: (() => boolean) | undefined;
}

export interface DeviceQueueOptions {
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly width: () => number;
  readonly pressure: Pressure;
}

export const cancelled = () => new PodiumError("cancelled", "The model call was cancelled.", { retryable: false });

const holdMs = 50;
/** An item that works on without a model, with a tool say, keeps the device waiting no longer than this. */
const longestHoldMs = 2000;
const pollMs = 50;
const gatePollMs = 1000;
const gateLimitMs = 60_000;
const classOrder: readonly CallClass[] = ["interactive", "review", "background"];

/** The line before one device (ENGINE E8). One loop decides; callers only join, leave and give back. */
export class DeviceQueue {
  readonly device: string;
  readonly #options: DeviceQueueOptions;
  readonly #running = new Map<Place, number>();
  #waiting: Place[] = [];
  #affinity: Affinity = { model: null, picks: 0, since: 0 };
  #hold: Hold | null = null;
  #cool = { until: 0, reason: "" };
  #ticket: { readonly id: string; readonly callClass: CallClass } | null = null;
  #averageMs: number | null = null;
  #changed = new AbortController();
  #version = 0;
  #looping = false;

  constructor(device: string, options: DeviceQueueOptions) {
    this.device = device;
    this.#options = options;
  }

  /** Refs that run now and how many calls wait. */
  state(): { readonly device: string; readonly running: readonly string[]; readonly waiting: number } {
    const running = [...this.#running.keys()].map((place) => place.model);
    return { device: this.device, running, waiting: this.#waiting.length };
  }

  /** Yields every change of the place in the line; returns when a lane is granted. An abort leaves the line at once. */
  async *acquire(request: LaneRequest, signal: AbortSignal): AsyncGenerator<WaitPart, Lease> {
    if (signal.aborted) throw cancelled();
    const place: Place = {
      ...request,
      since: this.#options.clock.monotonic(),
      news: createMailbox(),
      told: "",
      gatedSince: null,
      lease: null,
    };
    const leave = () => this.#fail(place, cancelled());
    let handed = false;
    signal.addEventListener("abort", leave, { once: true });
    this.#waiting.push(place);
    this.#wake();
    try {
      for (;;) {
        const news = await place.news.take();
        if (signal.aborted) throw cancelled();
        if (news.type === "failed") throw news.error;
        if (news.type === "lease") {
          handed = true;
          return news.lease;
        }
        yield news;
      }
    } finally {
      signal.removeEventListener("abort", leave);
      if (!handed) {
        leave();
        await place.lease?.end(0, "");
      }
    }
  }

  #fail(place: Place, error: PodiumError): void {
    if (!this.#waiting.includes(place)) return;
    this.#waiting = this.#waiting.filter((other) => other !== place);
    place.news.push({ type: "failed", error });
    this.#wake();
  }

  #wake(): void {
    this.#version += 1;
    this.#changed.abort();
    this.#changed = new AbortController();
    if (this.#looping) return;
    this.#looping = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    for (;;) {
      const version = this.#version;
      try {
        if (this.#waiting.length === 0 && this.#ticket === null) break;
        const pause = this.#waiting.length === 0 ? await this.#dropTicket() : await this.#step();
        if (pause !== 0 && version === this.#version) await this.#nap(pause);
      } catch (error) {
        this.#ticket = null;
        for (const place of this.#waiting) this.#fail(place, toPodiumError(error, "storage"));
      }
    }
    this.#looping = false;
  }

  /** One decision; returns how many ms to pause before the next, null = until something changes. */
  async #step(): Promise<number | null> {
    const { clock, lanes } = this.#options;
    const now = clock.monotonic();
    const width = this.#options.width();
    if (this.#running.size >= width) return this.#tell(null, null);
    const hold = width === 1 ? this.#holdLeft(now) : 0;
    if (hold > 0) return this.#tell(null, hold);
    if (this.#cool.until > now) return this.#tell(this.#cool.reason, this.#cool.until - now);
    await this.#gate(now);
    const head = this.#ranked(now)[0];
    if (!head) return this.#tell("waiting for memory", gatePollMs);
    const ticket = await this.#ticketFor(head.callClass);
    const take = await lanes.take(ticket, width);
    if (!take.taken) return this.#tellOther(take);
    this.#ticket = null;
    const chosen = this.#ranked(clock.monotonic())[0];
    if (chosen) this.#grant(chosen, ticket);
    else await lanes.release(ticket, 0);
    return 0;
  }

  #ranked(now: number): readonly Place[] {
    const open = this.#waiting.filter((place) => place.gatedSince === null);
    return rank(open, this.#affinity, now);
  }

  /** Keeps the lane for the item that was begun, as long as only its own run waits. */
  #holdLeft(now: number): number {
    const hold = this.#hold;
    if (!hold || this.#waiting.some((place) => place.run !== hold.run || place.order < hold.order)) return 0;
    // What the item found reaches the person in the moment after its end, before the next item is asked.
    if (now < hold.last && hold.goesOn?.() === true) hold.until = Math.min(hold.last, now + 2 * holdMs);
    return Math.min(holdMs, Math.max(0, hold.until - now));
  }

  async #gate(now: number): Promise<void> {
    const loading = this.#waiting.filter((place) => place.model !== this.#affinity.model && place.loads());
    const high = loading.length > 0 && (await this.#options.pressure()) === "high";
    for (const place of this.#waiting) {
      if (!high || !loading.includes(place)) place.gatedSince = null;
      else place.gatedSince ??= now;
      if (place.gatedSince === null || now - place.gatedSince < gateLimitMs) continue;
      const text = `Memory is too full to load ${place.model}: close other programs or choose a smaller model.`;
      this.#fail(place, new PodiumError("overloaded", text, { retryable: false, reason: "memory" }));
    }
  }

  async #ticketFor(callClass: CallClass): Promise<string> {
    const held = this.#ticket;
    if (held && classOrder.indexOf(held.callClass) <= classOrder.indexOf(callClass)) return held.id;
    if (held) await this.#dropTicket();
    const id = await this.#options.lanes.ticket(this.device, callClass);
    this.#ticket = { id, callClass };
    return id;
  }

  async #dropTicket(): Promise<number> {
    const held = this.#ticket;
    this.#ticket = null;
    if (held) await this.#options.lanes.release(held.id, 0);
    return 0;
  }

  #grant(place: Place, ticket: string): void {
    const { clock, lanes } = this.#options;
    const started = clock.monotonic();
    this.#waiting = this.#waiting.filter((other) => other !== place);
    this.#running.set(place, started);
    this.#affinity = afterPick(this.#affinity, place.model, started);
    this.#hold = null;
    let ended = false;
    const end = async (coolMs: number, reason: string): Promise<void> => {
      if (ended) return;
      ended = true;
      try {
        await lanes.release(ticket, coolMs);
      } finally {
        this.#free(place, started, coolMs, reason);
      }
    };
    place.lease = { waitMs: Math.round(started - place.since), end };
    place.news.push({ type: "lease", lease: place.lease });
  }

  #free(place: Place, started: number, coolMs: number, reason: string): void {
    const now = this.#options.clock.monotonic();
    this.#running.delete(place);
    if (coolMs > 0) this.#cool = { until: Math.max(this.#cool.until, now + coolMs), reason };
    else this.#averageMs = this.#averageMs === null ? now - started : 0.7 * this.#averageMs + 0.3 * (now - started);
    const orders = this.#waiting.filter((other) => other.run === place.run).map((other) => other.order);
    const first = orders.sort()[0];
    const { run, goesOn } = place;
    this.#hold =
      first === undefined ? null : { run, order: first, until: now + holdMs, last: now + longestHoldMs, goesOn };
    this.#wake();
  }

  #tellOther(take: Extract<LaneTake, { taken: false }>): number {
    if (take.coolMs > 0) this.#tell("cooling down", take.coolMs);
    else this.#tell(take.holder === null ? null : `another Podium process (pid ${take.holder})`, null, take.before + 1);
    return pollMs;
  }

  /** Tells each waiting call its place if that changed. Position 0 = next, but held for `reason`. */
  #tell(reason: string | null, pause: number | null, first = 0): number | null {
    const ranked = rank(this.#waiting, this.#affinity, this.#options.clock.monotonic());
    const [busy] = this.#running.keys();
    const gated = this.#waiting.length > 0 && this.#waiting.every((place) => place.gatedSince !== null);
    for (const [index, place] of ranked.entries()) {
      const held = index === 0 && reason !== null && first === 0;
      const position = held || (gated && reason !== null) ? 0 : index + Math.max(1, first);
      const why = reason ?? behind(place, busy ?? null);
      const told = `${position} ${why}`;
      if (told === place.told) continue;
      place.told = told;
      const etaMs = held && pause !== null ? pause : this.#averageMs === null ? null : this.#averageMs * position;
      place.news.push({ type: "wait", position, reason: why, etaMs: etaMs === null ? null : Math.round(etaMs) });
    }
    return pause;
  }

  async #nap(ms: number | null): Promise<void> {
    const { signal } = this.#changed;
    if (ms === null) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    else await this.#options.clock.sleep(ms, signal).then(ignore, ignore);
  }
}

function ignore(): void {}

function behind(place: Place, busy: Place | null): string {
  if (!busy) return "waiting for the GPU";
  return busy.run === place.run ? "behind another step of this run" : `behind ${busy.run}`;
}
