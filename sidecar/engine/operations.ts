import { orderKey } from "../graph/paths.ts";
import type { StepContext } from "../ports.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, Effect, ParkReason, Ref, Timings } from "../protocol/events.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { canonicalJson } from "../state/codec.ts";
import { type GenerationSink, readGeneration } from "./generation.ts";
import { putBlob } from "./journal.ts";
import { isGranted, type Notes, notesOf } from "./record.ts";
import { answerOf, errorOf, type ModelCall, noModel, requestJson, sameType } from "./recorded.ts";
import { createOrdinals, replayOf } from "./replay.ts";
import { type Invocation, type OperationScope, waitsForModel } from "./scope.ts";

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const noTime: Timings = { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs: 0 };
type OpEnd = DurableBody & { kind: "op-end" };
type Ended = { readonly value: Json; readonly end: Partial<OpEnd> };

interface Operation {
  readonly kind: "model" | "tool" | "once";
  readonly name: string;
  readonly effect: Effect;
  readonly key: string | undefined;
  /** What decides whether a recorded result belongs to this call. */
  readonly hash: string;
  readonly request: () => Ref;
  /** What a person has to allow first. */
  readonly grant: { readonly title: string; readonly show: Json } | null;
  readonly act: (ordinal: number) => Promise<Ended>;
}

class Operations {
  readonly #scope: OperationScope;
  readonly #invocation: Invocation;
  readonly #notes: Notes;
  readonly #ordinals: ReturnType<typeof createOrdinals>;

  constructor(scope: OperationScope, invocation: Invocation) {
    this.#scope = scope;
    this.#invocation = invocation;
    this.#notes = notesOf(scope.record, invocation.place.instance);
    this.#ordinals = createOrdinals(this.#notes);
  }

  get #instance(): string {
    return this.#invocation.place.instance;
  }

  hash(value: Json): string {
    return this.#scope.ports.digest(canonicalJson(value));
  }

  opKey(ordinal: number): string {
    return this.hash([this.#scope.info.run, this.#instance, ordinal]);
  }

  async run(operation: Operation): Promise<Json> {
    const { journal, load } = this.#scope;
    const invocation = this.#invocation;
    this.#admit();
    if (invocation.isClosed()) return never();
    const ordinal = this.#ordinals.next(operation.key);
    const replay = replayOf(this.#notes, ordinal, operation.hash);
    if (replay.type === "result") return replay.op.result === null ? null : load(replay.op.result);
    if (replay.type === "error" && replay.op.error) throw errorOf(replay.op.error);
    if (replay.type === "unknown") return this.unknown(replay.op.ordinal, operation.name);
    if (operation.grant && replay.type !== "open") await this.#permit(ordinal, operation.grant);
    if (operation.kind === "model") await this.#budget(ordinal);
    const start: DurableBody = {
      kind: "op-start",
      instance: this.#instance,
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
      journal.ride(start);
    } else {
      await journal.commit([start], "synced");
      if (invocation.signal.aborted) throw toPodiumError(invocation.signal.reason, "cancelled");
      invocation.openEffects.add(ordinal);
    }
    return this.#act(operation, ordinal);
  }

  async #act(operation: Operation, ordinal: number): Promise<Json> {
    const invocation = this.#invocation;
    const base = { kind: "op-end", instance: this.#instance, op: ordinal, attempt: invocation.attempt } as const;
    try {
      const { value, end } = await operation.act(ordinal);
      invocation.openEffects.delete(ordinal);
      this.#scope.journal.ride({ ...base, result: this.#scope.journal.refOf(value), ...end });
      return value;
    } catch (error) {
      const failure = toPodiumError(error, operation.kind === "model" ? "bad_output" : "tool_failed");
      if (invocation.signal.aborted) {
        if (operation.effect !== "pure" && failure.code !== "cancelled") invocation.openEffects.delete(ordinal);
        throw toPodiumError(invocation.signal.reason ?? failure, "cancelled");
      }
      if (failure.code === "provider_unavailable" && waitsForModel(this.#scope.record)) {
        invocation.park("provider", failure.message, []);
        return never();
      }
      invocation.openEffects.delete(ordinal);
      this.#scope.journal.ride({ ...base, error: failure.toShape() });
      throw failure;
    }
  }

  /** An aborted step sees why; one that is dropped sees nothing any more. */
  #admit(): void {
    const { signal, isClosed, drop } = this.#invocation;
    if (signal.aborted) throw toPodiumError(signal.reason, "cancelled");
    if (isClosed()) drop();
  }

  /** An effect that may or may not have happened: only a person can say. */
  unknown(op: number, name: string): Promise<never> {
    const title = `It is not known whether ${name} took effect before it was interrupted. Run it again, take it as done, or skip the step?`;
    const shown: Json = { instance: this.#instance, op, name };
    this.#invocation.park("unsafe_unknown", title, [this.#askBody(op, "grant", title, shown, "unsafe_unknown")]);
    return never();
  }

  #askBody(
    op: number,
    askKind: "question" | "grant",
    title: string,
    show: Json,
    reason: ParkReason,
  ): DurableBody & { kind: "ask" } {
    return {
      kind: "ask",
      instance: this.#instance,
      op,
      ask: this.#scope.ports.ids.next("ask"),
      askKind,
      title,
      show,
      digest: this.#digest(show),
      reason,
    };
  }

  #digest(show: Json): string {
    return this.hash([this.#scope.info.run, this.#instance, show]);
  }

  /** Parks, or holds the promise of a step that must not be invoked again. Resolves with the answer. */
  async #grant(op: number, title: string, show: Json, reason: ParkReason): Promise<Json> {
    const body = this.#askBody(op, "grant", title, show, reason);
    if (this.#invocation.effect === "unsafe") return this.#invocation.hold(body);
    const open = [...this.#scope.record.asks.values()].some(
      (ask) => ask.instance === this.#instance && ask.op === op && ask.digest === body.digest,
    );
    this.#invocation.park(reason, title, open ? [] : [body]);
    return never();
  }

  async #permit(ordinal: number, grant: { readonly title: string; readonly show: Json }): Promise<void> {
    const known = this.#notes.grants.get(ordinal);
    const digest = this.#digest(grant.show);
    const value = known?.digest === digest ? known.value : await this.#grant(ordinal, grant.title, grant.show, "ask");
    if (!isGranted(value)) throw new PodiumError("denied", `A person refused: ${grant.title}`);
  }

  async #budget(ordinal: number): Promise<void> {
    const { record, info, journal } = this.#scope;
    const share = info.settings.budget.tokens;
    if (share === undefined) return;
    const limit = share * (1 + record.budgetGrants);
    if (!record.warned && record.tokens >= limit * 0.8) {
      journal.ride({ kind: "budget-warn", used: record.tokens, limit });
    }
    if (record.tokens < limit) return;
    const title = `This run has used ${record.tokens} of its ${limit} tokens. Allow ${share} more?`;
    const refused = [...this.#notes.grants.values()].some((grant) => !isGranted(grant.value));
    if (refused) throw new PodiumError("budget", `The budget of ${limit} tokens is used up and more was refused.`);
    const answer = await this.#grant(ordinal, title, { used: record.tokens, limit }, "budget");
    if (!isGranted(answer))
      throw new PodiumError("budget", `The budget of ${limit} tokens is used up and more was refused.`);
  }

  async ask(question: Parameters<StepContext["ask"]>[0]): Promise<Json> {
    const invocation = this.#invocation;
    this.#admit();
    if (invocation.isClosed()) return never();
    if (invocation.effect === "unsafe") {
      throw new PodiumError(
        "ask_needs_pure_step",
        "A step with effect unsafe cannot ask; declare its effect as pure or idempotent, or move the code into ctx.once.",
      );
    }
    const shown: Json = {
      title: question.title,
      show: question.show ?? null,
      edit: question.edit ?? false,
      key: question.key ?? null,
    };
    const hash = this.hash(shown);
    const ordinal = this.#ordinals.next(question.key);
    const replay = replayOf(this.#notes, ordinal, hash);
    if (replay.type === "result") return replay.op.result === null ? null : this.#scope.load(replay.op.result);
    if (replay.type === "unknown") return this.unknown(replay.op.ordinal, "an operation");
    if (replay.type === "open") {
      invocation.park("ask", question.title, []);
      return never();
    }
    const start: DurableBody = {
      kind: "op-start",
      instance: this.#instance,
      op: ordinal,
      attempt: invocation.attempt,
      opKind: "ask",
      name: "ask",
      ...(question.key === undefined ? {} : { key: question.key }),
      hash,
      effect: "idempotent",
      request: this.#scope.journal.refOf(shown),
    };
    const body = this.#askBody(ordinal, "question", question.title, shown, "ask");
    const { show: _, ...rest } = body;
    const shownBody: DurableBody = {
      ...rest,
      ...(question.show === undefined ? {} : { show: question.show }),
      ...(question.edit === undefined ? {} : { edit: question.edit }),
    };
    invocation.park("ask", question.title, [start, shownBody]);
    return never();
  }

  async model(call: Parameters<StepContext["model"]>[0]): ReturnType<StepContext["model"]> {
    const { ports, info } = this.#scope;
    const { place, signal } = this.#invocation;
    const target = ports.models.resolve(call.role, info.settings);
    const key = call.key ?? null;
    const request: ModelCall = call.request;
    const described: Json = { role: call.role, key, ...requestJson(request) };
    const generate = async (ordinal: number): Promise<Ended> => {
      if (target === null) throw noModel(call.role);
      const caller = { run: info.run, order: orderKey(place.order), class: info.class };
      const sink: GenerationSink = {
        instance: this.#instance,
        op: ordinal,
        model: target.ref,
        live: this.#scope.live,
        ride: this.#scope.journal.ride,
        text: "",
      };
      this.#scope.generations.add(sink);
      try {
        const done = await readGeneration(ports.models.call(target, request, caller, signal), sink, ports.clock);
        const { text, finish, model, usage, timings } = done;
        return { value: { text, finish, model, usage }, end: { usage, timings, model } };
      } finally {
        this.#scope.generations.delete(sink);
      }
    };
    const hash = this.hash(described);
    const value = await this.run({
      kind: "model",
      name: target?.ref ?? call.role,
      effect: "pure",
      key: call.key,
      hash,
      request: () => this.#requestRef(request),
      grant: null,
      act: generate,
    });
    return answerOf(value);
  }

  /** Each message is stored once, however many prompts it is part of. */
  #requestRef(request: ModelCall): Ref {
    const { store, digest } = this.#scope.ports;
    const messages = request.messages.map(({ role, content }) => ({ role, ...putBlob(store, digest, content) }));
    return { inline: { ...requestJson(request), messages } };
  }

  async tool(name: string, input: JsonObject, key: string | undefined): Promise<Json> {
    const { ports, info, journal } = this.#scope;
    const tool = ports.tools.get(name);
    if (!tool)
      throw new PodiumError(
        "definition_missing",
        `There is no tool ${name} here; change the workflow or add the tool.`,
      );
    if (tool.effect === "unsafe" && !info.trusted) {
      throw new PodiumError(
        "trust",
        `${name} can change things and this folder is not trusted; trust it, then run again.`,
      );
    }
    return this.run({
      kind: "tool",
      name,
      effect: tool.effect,
      key,
      hash: this.hash({ tool: name, input, key: key ?? null }),
      request: () => journal.refOf(input),
      grant: tool.effect === "unsafe" ? { title: `Run ${name}?`, show: { tool: name, input } } : null,
      act: async (ordinal) => {
        const began = ports.clock.monotonic();
        const { signal } = this.#invocation;
        const value = await tool.run(input, { root: info.root, env: info.env, opKey: this.opKey(ordinal), signal });
        return { value, end: { timings: { ...noTime, toolMs: Math.round(ports.clock.monotonic() - began) } } };
      },
    });
  }

  async once<T extends Json>(name: string, effect: Effect, work: () => Promise<T>): Promise<Json> {
    const { ports } = this.#scope;
    return this.run({
      kind: "once",
      name,
      effect,
      key: undefined,
      hash: this.hash({ once: name }),
      request: () => ({ inline: { name } }),
      grant: null,
      act: async () => {
        const began = ports.clock.monotonic();
        const value = await work();
        return { value, end: { timings: { ...noTime, toolMs: Math.round(ports.clock.monotonic() - began) } } };
      },
    });
  }
}

/** What a step gets: everything it does through this is recorded, and replayed instead of done again. */
export function createContext(scope: OperationScope, invocation: Invocation): StepContext {
  const operations = new Operations(scope, invocation);
  const { info, ports, record } = scope;
  return {
    run: info.run,
    instance: invocation.place.instance,
    attempt: invocation.attempt,
    signal: invocation.signal,
    settings: info.settings,
    trusted: info.trusted,
    model: (call) => operations.model(call),
    resolve(role) {
      const found = ports.models.resolve(role, info.settings);
      if (found === null && waitsForModel(record) && ports.models.resolve("main", info.settings) === null) {
        invocation.park("provider", noModel(role).message, []);
        throw noModel(role);
      }
      return found;
    },
    tool: (name, input, key) => operations.tool(name, input, key),
    ask: (question) => operations.ask(question),
    async once<T extends Json>(name: string, effect: Effect, work: () => Promise<T>): Promise<T> {
      let live: { readonly value: T } | null = null;
      const value = await operations.once(name, effect, async () => {
        const result = await work();
        live = { value: result };
        return result;
      });
      return sameType<T>(live, value);
    },
    degrade() {
      invocation.degraded = true;
    },
  };
}
