import type { Place, StartCause } from "../graph/place.ts";
import type { Clock, Step, StepResult } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, Effect, ParkReason } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import type { Invocation } from "./scope.ts";

/** How long work may take to settle after it was aborted, ms. */
const settleMs = 5000;

/** How an attempt ended. `dropped` leaves no record: the step is invoked again at the next start. */
export type Outcome =
  | { readonly type: "done"; readonly result: StepResult }
  | { readonly type: "failed"; readonly error: PodiumError }
  | { readonly type: "parked"; readonly bodies: readonly DurableBody[] }
  | { readonly type: "dropped" };

interface AttemptOptions {
  readonly clock: Clock;
  readonly place: Place;
  readonly step: Step;
  readonly attempt: number;
  readonly cause: StartCause;
  /** True once the hub drains. */
  readonly isDraining: () => boolean;
  readonly ride: (body: DurableBody) => void;
}

/** One invocation of a step under way: it ends by its work, by parking, by being dropped, or by an abort. */
export class Attempt implements Invocation {
  readonly place: Place;
  readonly step: Step;
  readonly attempt: number;
  readonly cause: StartCause;
  readonly openEffects = new Set<number>();
  degraded = false;
  readonly #options: AttemptOptions;
  readonly #began: number;
  #controller: AbortController | null = null;
  #reason: PodiumError | null = null;
  #outcome: Outcome | null = null;
  #settle: (outcome: Outcome) => void = () => undefined;
  #timer: AbortController | null = null;
  #held: Map<string, (value: Json) => void> | null = null;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.place = options.place;
    this.step = options.step;
    this.attempt = options.attempt;
    this.cause = options.cause;
    this.#began = options.clock.monotonic();
  }

  get effect(): Effect {
    return this.step.effect;
  }

  /** Made when somebody first looks at it, which most steps never do. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#reason !== null;
  }

  /** Whole ms since it began. */
  get ms(): number {
    return Math.round(this.#options.clock.monotonic() - this.#began);
  }

  /** Runs the work, with an end after `timeoutMs`; never rejects. */
  run(work: () => Promise<StepResult>, timeoutMs: number | undefined): Promise<Outcome> {
    if (this.#outcome !== null) return Promise.resolve(this.#outcome);
    const ended = new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    if (timeoutMs !== undefined) this.#armTimeout(timeoutMs);
    if (this.#reason !== null) this.#end({ type: "failed", error: this.#reason });
    else
      work().then(
        (result) => this.#end({ type: "done", result }),
        (error: unknown) => this.#end({ type: "failed", error: toPodiumError(error, "step_failed") }),
      );
    return ended;
  }

  /** Asks the work to end; what ignores its signal is left behind after 5 s. */
  abort(reason: PodiumError): void {
    if (this.#reason !== null || this.#outcome !== null) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#timer?.abort(reason);
    const timer = new AbortController();
    this.#timer = timer;
    this.#options.clock.sleep(settleMs, timer.signal).then(
      () => this.#end({ type: "failed", error: reason }),
      () => undefined,
    );
  }

  isClosed(): boolean {
    return this.#outcome !== null || this.#reason !== null || this.#options.isDraining();
  }

  park(reason: ParkReason, detail: string, bodies: readonly DurableBody[]): void {
    if (this.#reason !== null) return;
    const { instance } = this.place;
    this.#end({ type: "parked", bodies: [...bodies, { kind: "step-park", instance, reason, detail }] });
  }

  drop(): void {
    this.#end({ type: "dropped" });
  }

  hold(ask: DurableBody & { kind: "ask" }): Promise<Json> {
    this.#held ??= new Map();
    const held = this.#held;
    return new Promise((resolve) => {
      held.set(ask.ask, resolve);
      this.#options.ride(ask);
    });
  }

  /** Hands an answer to the promise that waits for it, if there is one. */
  release(ask: string, value: Json): void {
    this.#held?.get(ask)?.(value);
    this.#held?.delete(ask);
  }

  #armTimeout(ms: number): void {
    const timer = new AbortController();
    this.#timer = timer;
    this.#options.clock.sleep(ms, timer.signal).then(
      () => this.abort(new PodiumError("deadline", `The step took longer than its timeout of ${ms / 1000} s.`)),
      () => undefined,
    );
  }

  /** The first end counts. */
  #end(outcome: Outcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#timer?.abort();
    this.#settle(outcome);
  }
}
