import { orderKey } from "../graph/paths.ts";
import { itemGoesOn } from "../graph/place.ts";
import type { StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Effect, Ref, Timings } from "../protocol/events.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { ask, checkBudget, permit } from "./asks.ts";
import { type GenerationSink, readGeneration } from "./generation.ts";
import { putBlob } from "./journal.ts";
import { type Ended, Operations } from "./operations.ts";
import { answerOf, type ModelCall, noModel, requestJson, sameType } from "./recorded.ts";
import { type Invocation, type OperationScope, waitsForModel } from "./scope.ts";

const noTime: Timings = { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs: 0 };

async function model(
  operations: Operations,
  call: Parameters<StepContext["model"]>[0],
): ReturnType<StepContext["model"]> {
  const { scope, invocation, instance } = operations;
  const { ports, info, journal, generations } = scope;
  const target = ports.models.resolve(call.role, info.settings);
  const request: ModelCall = call.request;
  const described: Json = { role: call.role, key: call.key ?? null, ...requestJson(request) };
  const generate = async (ordinal: number): Promise<Ended> => {
    if (target === null) throw noModel(call.role);
    const { place } = invocation;
    const goesOn = (): boolean => itemGoesOn(place);
    const caller = { run: info.run, order: orderKey(place.order), class: info.class, goesOn };
    const { live } = scope;
    const sink: GenerationSink = {
      instance,
      op: ordinal,
      model: target.ref,
      live,
      ride: journal.ride,
      text: "",
      told: null,
    };
    generations.add(sink);
    try {
      const parts = ports.models.call(target, request, caller, invocation.signal);
      const { text, finish, model: answered, usage, timings } = await readGeneration(parts, sink, ports.clock);
      return { value: { text, finish, model: answered, usage }, end: { usage, timings, model: answered } };
    } finally {
      generations.delete(sink);
    }
  };
  const value = await operations.run({
    kind: "model",
    name: target?.ref ?? call.role,
    effect: "pure",
    key: call.key,
    hash: operations.hash(described),
    request: () => requestRef(scope, request),
    permit: (ordinal) => checkBudget(operations, ordinal),
    act: generate,
  });
  return answerOf(value);
}

/** Each message is stored once, however many prompts it is part of. */
function requestRef({ ports }: OperationScope, request: ModelCall): Ref {
  const { store, digest } = ports;
  const messages = request.messages.map(({ role, content }) => ({ role, ...putBlob(store, digest, content) }));
  return { inline: { ...requestJson(request), messages } };
}

async function tool(operations: Operations, name: string, input: JsonObject, key: string | undefined): Promise<Json> {
  const { scope, invocation } = operations;
  const { ports, info, journal } = scope;
  const found = ports.tools.get(name);
  if (!found) {
    const sentence = `There is no tool ${name} here; change the workflow or add the tool.`;
    throw new PodiumError("definition_missing", sentence);
  }
  const { effect } = found;
  if (effect === "unsafe" && !info.trusted) {
    const sentence = `${name} can change things and this folder is not trusted; trust it, then run again.`;
    throw new PodiumError("trust", sentence);
  }
  return operations.run({
    kind: "tool",
    name,
    effect,
    key,
    hash: operations.hash({ tool: name, input, key: key ?? null }),
    request: () => journal.refOf(input),
    permit: async (ordinal) => {
      await checkBudget(operations, ordinal);
      if (effect === "unsafe") await permit(operations, ordinal, `Run ${name}?`, { tool: name, input });
    },
    act: (ordinal) => {
      const { root, env } = info;
      const opKey = operations.opKey(ordinal);
      return timed(scope, () => found.run(input, { root, env, opKey, signal: invocation.signal }));
    },
  });
}

function once(operations: Operations, name: string, effect: Effect, work: () => Promise<Json>): Promise<Json> {
  return operations.run({
    kind: "once",
    name,
    effect,
    key: undefined,
    hash: operations.hash({ once: name }),
    request: () => ({ inline: { name } }),
    act: () => timed(operations.scope, work),
  });
}

async function timed({ ports }: OperationScope, work: () => Promise<Json>): Promise<Ended> {
  const began = ports.clock.monotonic();
  const value = await work();
  return { value, end: { timings: { ...noTime, toolMs: Math.round(ports.clock.monotonic() - began) } } };
}

/** What a step gets: everything it does through this is recorded, and replayed instead of done again. */
export function createContext(scope: OperationScope, invocation: Invocation): StepContext {
  const { info, ports, record } = scope;
  let operations: Operations | null = null;
  const mine = (): Operations => {
    operations ??= new Operations(scope, invocation);
    return operations;
  };
  return {
    run: info.run,
    instance: invocation.place.instance,
    attempt: invocation.attempt,
    get signal() {
      return invocation.signal;
    },
    settings: info.settings,
    trusted: info.trusted,
    model: (call) => model(mine(), call),
    resolve(role) {
      const found = ports.models.resolve(role, info.settings);
      if (found === null && waitsForModel(record) && ports.models.resolve("main", info.settings) === null) {
        invocation.park("provider", noModel(role).message, []);
        throw noModel(role);
      }
      return found;
    },
    whyNone: () => ports.models.whyNone(info.settings),
    tool: (name, input, key) => tool(mine(), name, input, key),
    ask: (question) => ask(mine(), question),
    async once<T extends Json>(name: string, effect: Effect, work: () => Promise<T>): Promise<T> {
      let live: { readonly value: T } | null = null;
      const value = await once(mine(), name, effect, async () => {
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
