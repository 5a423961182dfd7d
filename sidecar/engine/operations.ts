import { toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, Effect, Ref } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { canonicalJson } from "../state/codec.ts";
import { type Notes, notesOf } from "./record.ts";
import { errorOf } from "./recorded.ts";
import { createOrdinals, type Ordinals, replayOf } from "./replay.ts";
import { type Invocation, type OperationScope, waitsForModel } from "./scope.ts";

export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
type OpEnd = DurableBody & { kind: "op-end" };
export type Ended = { readonly value: Json; readonly end: Partial<OpEnd> };

/** The durable unit inside a step: a call whose result is recorded once and replayed ever after. */
export interface Operation {
  readonly kind: "model" | "tool" | "once";
  readonly name: string;
  readonly effect: Effect;
  readonly key: string | undefined;
  /** What decides whether a recorded result belongs to this call. */
  readonly hash: string;
  readonly request: () => Ref;
  /** What must be allowed before it begins; throws when it is refused. */
  readonly permit?: (ordinal: number) => Promise<void>;
  readonly act: (ordinal: number) => Promise<Ended>;
}

/** The operations of one attempt, in call order. */
export class Operations {
  readonly scope: OperationScope;
  readonly invocation: Invocation;
  readonly notes: Notes;
  readonly ordinals: Ordinals;

  constructor(scope: OperationScope, invocation: Invocation) {
    this.scope = scope;
    this.invocation = invocation;
    this.notes = notesOf(scope.record, invocation.place.instance);
    this.ordinals = createOrdinals(this.notes);
  }

  get instance(): string {
    return this.invocation.place.instance;
  }

  hash(value: Json): string {
    return this.scope.ports.digest(canonicalJson(value));
  }

  /** The same after a crash, without the attempt; new in a fork. */
  opKey(ordinal: number): string {
    return this.hash([this.scope.info.run, this.instance, ordinal]);
  }

  /** False when nothing may begin any more: the caller then waits for ever. Throws why the attempt was aborted. */
  admits(): boolean {
    const { invocation } = this;
    if (invocation.isAborted) throw toPodiumError(invocation.signal.reason, "cancelled");
    if (!invocation.isClosed()) return true;
    invocation.drop();
    return false;
  }

  async run(operation: Operation): Promise<Json> {
    const { scope, invocation } = this;
    if (!this.admits()) return never();
    const ordinal = this.ordinals.next(operation.key);
    const replay = replayOf(this.notes, ordinal, operation.hash);
    if (replay.type === "result") return replay.op.result === null ? null : scope.load(replay.op.result);
    if (replay.type === "error" && replay.op.error) throw errorOf(replay.op.error);
    if (replay.type === "unknown") return this.unknown(replay.op.ordinal, operation.name);
    // A permission was given before an interrupted operation began, and is not asked for again.
    if (replay.type !== "open" || operation.kind === "model") await operation.permit?.(ordinal);
    const start: DurableBody = {
      kind: "op-start",
      instance: this.instance,
      op: ordinal,
      attempt: invocation.attempt,
      opKind: operation.kind,
      name: operation.name,
      ...(operation.key === undefined ? {} : { key: operation.key }),
      hash: operation.hash,
      effect: operation.effect,
      request: operation.request(),
    };
    if (operation.effect === "pure") {
      scope.journal.ride(start);
    } else {
      await scope.journal.commit([start]);
      if (invocation.isAborted) throw toPodiumError(invocation.signal.reason, "cancelled");
      invocation.openEffects.add(ordinal);
    }
    return this.#act(operation, ordinal);
  }

  async #act(operation: Operation, ordinal: number): Promise<Json> {
    const { scope, invocation } = this;
    const base = { kind: "op-end", instance: this.instance, op: ordinal, attempt: invocation.attempt } as const;
    try {
      const { value, end } = await operation.act(ordinal);
      invocation.openEffects.delete(ordinal);
      scope.journal.ride({ ...base, result: scope.journal.refOf(value), ...end });
      return value;
    } catch (error) {
      const failure = toPodiumError(error, operation.kind === "model" ? "bad_output" : "tool_failed");
      if (invocation.isAborted) {
        if (operation.effect !== "pure" && failure.code !== "cancelled") invocation.openEffects.delete(ordinal);
        throw toPodiumError(invocation.signal.reason ?? failure, "cancelled");
      }
      if (failure.code === "provider_unavailable" && waitsForModel(scope.record)) {
        invocation.park("provider", failure.message, []);
        return never();
      }
      invocation.openEffects.delete(ordinal);
      scope.journal.ride({ ...base, error: failure.toShape() });
      throw failure;
    }
  }

  /** An effect that may or may not have happened: only a person can say. */
  unknown(op: number, name: string): Promise<never> {
    const title = `It is not known whether ${name} took effect before it was interrupted. Run it again, take it as done, or skip the step?`;
    const shown: Json = { instance: this.instance, op, name };
    const ask = this.askBody({ op, askKind: "grant", title, show: shown, reason: "unsafe_unknown" });
    this.invocation.park("unsafe_unknown", title, [ask]);
    return never();
  }

  /** An ask is bound to the exact bytes that are shown. */
  askBody(
    asked: Pick<DurableBody & { kind: "ask" }, "op" | "askKind" | "title" | "reason"> & { readonly show: Json },
  ): DurableBody & { kind: "ask" } {
    const ask = this.scope.ports.ids.next("ask");
    return { kind: "ask", instance: this.instance, ask, ...asked, digest: this.digestOf(asked.show) };
  }

  digestOf(show: Json): string {
    return this.hash([this.scope.info.run, this.instance, show]);
  }
}
