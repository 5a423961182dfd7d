import type { Clock, Endpoint, LanguageModel, ModelPart, ModelRequest } from "../../sidecar/ports.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { EndpointInfo, ModelInfo } from "../../sidecar/protocol/models.ts";

/** A clock that moves only when told; `advance` wakes sleepers in order and lets promises run between them. */
export interface TestClock extends Clock {
  advance(ms: number): Promise<void>;
}

export const settled = async (turns = 40) => {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
};

export function testClock(): TestClock {
  let time = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => time,
    monotonic: () => time,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper = { at: time + ms, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          "abort",
          () => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            reject(signal.reason);
          },
          { once: true },
        );
      }),
    advance: async (ms) => {
      const end = time + ms;
      await settled();
      for (;;) {
        const next = sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        sleepers = sleepers.filter((other) => other !== next);
        time = Math.max(time, next.at);
        next.wake();
        await settled();
      }
      time = end;
      await settled();
    },
  };
}

export const request: ModelRequest = {
  messages: [{ role: "user", content: "hello" }],
  maxTokens: 100,
  temperature: 0,
  contextTokens: 4096,
  think: "off",
  keepAlive: "5m",
};

export function endPart(model: string, into = 10, out = 5): Extract<ModelPart, { type: "end" }> {
  const timings = { waitMs: null, loadMs: 0, promptMs: 100, tokensMs: 100, toolMs: 0, youMs: 0 };
  return { type: "end", finish: "stop", usage: { in: into, out, cached: 0, estimated: false }, timings, model };
}

/** A model whose n-th call plays the n-th script (the last one again and again); numbers are ms to sleep. */
export function scripted(
  ref: string,
  clock: Clock,
  ...scripts: readonly (readonly (ModelPart | number | PodiumError)[])[]
): LanguageModel & { readonly calls: ModelRequest[] } {
  const calls: ModelRequest[] = [];
  return {
    ref,
    calls,
    async *stream(given, signal) {
      const script = scripts[Math.min(calls.length, scripts.length - 1)] ?? [];
      calls.push(given);
      for (const item of script) {
        if (signal.aborted) throw new PodiumError("cancelled", "cut");
        if (item instanceof PodiumError) throw item;
        if (typeof item !== "number") yield item;
        else
          await clock.sleep(item, signal).catch(() => {
            throw new PodiumError("cancelled", "cut");
          });
      }
    },
  };
}

export const text = (content: string): ModelPart => ({ type: "text", text: content });
export const sent: ModelPart = { type: "sent", host: "127.0.0.1", bytes: 10 };
export const failure = (code: PodiumError["code"]) => new PodiumError(code, `made up ${code}`);

export interface Outcome {
  readonly parts: ModelPart[];
  error: PodiumError | null;
  ended: boolean;
}

/** Reads a stream in the background; `parts` grows while it runs. */
export function collect(stream: AsyncIterable<ModelPart>): Outcome {
  const outcome: Outcome = { parts: [], error: null, ended: false };
  const read = async () => {
    try {
      for await (const part of stream) outcome.parts.push(part);
    } catch (error) {
      outcome.error = error as PodiumError;
    }
    outcome.ended = true;
  };
  void read();
  return outcome;
}

export const kinds = (outcome: Outcome) => outcome.parts.map(({ type }) => type);
export const never = () => new AbortController().signal;

export function modelInfo(ref: string, extra: Partial<ModelInfo> = {}): ModelInfo {
  const unknown = "unknown" as const;
  const facts = { tools: unknown, jsonSchema: unknown, thinking: unknown, vision: unknown, embeddings: unknown };
  return {
    ref,
    loaded: false,
    context: { trained: 8192, allocated: null },
    roles: [],
    card: { ...facts, promptPerSecond: null, tokensPerSecond: null, loadMs: null },
    ...extra,
  };
}

export function endpointInfo(models: ModelInfo[], extra: Partial<EndpointInfo> = {}): EndpointInfo {
  return { url: "http://127.0.0.1:11434", flavour: "ollama", state: "answers", models, ...extra };
}

/** An endpoint whose look and models are given; `info` may change between looks. */
export function endpoint(
  info: () => EndpointInfo,
  model: (id: string) => LanguageModel,
  allocated: () => number | null = () => null,
): Endpoint & { looks: number } {
  const { flavour, url } = info();
  return {
    url,
    flavour,
    name: flavour,
    looks: 0,
    async look() {
      this.looks += 1;
      return info();
    },
    model,
    allocated: async () => allocated(),
    unload: async () => undefined,
  };
}
