import type { LanguageModel, Message, ModelPart, ModelRequest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Usage } from "../protocol/events.ts";
import type { Flavour, ModelInfo } from "../protocol/models.ts";

/** Tokens of a model whose window nobody knows. */
const unknownWindow = 4096;
/** Room that must be left for an answer. */
const leastAnswer = 256;

/** The window to ask for, in tokens: what fits is what the server holds, or, where a call may ask, what the model knows. */
export function windowOf(flavour: Flavour, context: ModelInfo["context"], maxContext: number): number {
  const { allocated, trained } = context;
  const known = flavour === "ollama" ? (trained ?? allocated) : (allocated ?? trained);
  return Math.min(known ?? unknownWindow, maxContext);
}

/** Counts tokens of one model's prompts before they are sent; learns from what the server reports. */
export interface TokenCounter {
  estimate(messages: readonly Message[]): number;
  /** Calls learnt from. */
  readonly samples: number;
  learn(messages: readonly Message[], tokens: number): void;
}

const perMessage = 4;

export function createTokenCounter(): TokenCounter {
  let charsPerToken = 4;
  let samples = 0;
  const weights = (messages: readonly Message[]) => messages.reduce((sum, { content }) => sum + weight(content), 0);
  return {
    estimate: (messages) => Math.ceil(weights(messages) / charsPerToken) + perMessage * messages.length,
    get samples() {
      return samples;
    },
    learn: (messages, tokens) => {
      const text = tokens - perMessage * messages.length;
      if (text < 32) return;
      const seen = Math.min(12, Math.max(0.5, weights(messages) / text));
      charsPerToken = samples === 0 ? seen : 0.5 * charsPerToken + 0.5 * seen;
      samples += 1;
    },
  };
}

/** Length in characters; those outside ASCII cost more tokens. */
function weight(text: string): number {
  let wide = 0;
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) wide += 1;
  return text.length + 1.5 * wide;
}

export interface Window {
  /** Tokens to ask for. */
  readonly tokens: () => number;
  readonly maxContext: () => number;
  readonly counter: TokenCounter;
  /** What the server holds now; null = it does not say. */
  readonly allocated: (signal: AbortSignal) => Promise<number | null>;
  /** The window verified last; null = never. */
  readonly verified: () => number | null;
  /** Learns what the server holds after it was asked for `wanted` tokens. */
  readonly verify: (held: number, wanted: number) => void;
}

/** Never sends a prompt that would be cut, and throws `context_overflow` (reason `truncated`) when a server cut one anyway. */
export function windowed(model: LanguageModel, window: Window): LanguageModel {
  return { ref: model.ref, stream: (request, signal) => stream(model, window, request, signal) };
}

async function* stream(
  model: LanguageModel,
  window: Window,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelPart> {
  const tokens = window.tokens();
  const estimate = window.counter.estimate(request.messages);
  const room = tokens - estimate;
  if (room < Math.min(request.maxTokens, leastAnswer)) throw overflow(model.ref, request.messages, estimate, window);
  const fitted = { ...request, contextTokens: tokens, maxTokens: Math.min(request.maxTokens, room) };
  let check = (window.verified() ?? 0) < tokens;
  for await (const part of model.stream(fitted, signal)) {
    if (part.type === "load") check = true;
    if (check && (part.type === "thinking" || part.type === "text" || part.type === "end")) {
      check = false;
      const held = await window.allocated(signal);
      if (held !== null) window.verify(held, tokens);
      if (held !== null && held < estimate)
        throw truncated(model.ref, `it holds ${held} tokens of a prompt of ~${estimate}`);
    }
    if (part.type === "end") judge(model.ref, part.usage, estimate, tokens, window, request.messages);
    yield part;
  }
}

/** Compares the server's count with ours; only a count that is plausible teaches the counter. */
function judge(
  ref: string,
  usage: Usage,
  estimate: number,
  tokens: number,
  { counter, verified }: Window,
  messages: readonly Message[],
): void {
  if (usage.estimated || usage.in <= 0) return;
  const least = counter.samples >= 5 ? 0.75 : 0.5;
  const held = Math.min(verified() ?? tokens, tokens);
  if (estimate - usage.in > 200 && usage.in < estimate * least) {
    throw truncated(ref, `it read ${usage.in} tokens of a prompt of ~${estimate}`);
  }
  if (usage.in >= held - 2) throw truncated(ref, `the prompt filled its whole window of ${held} tokens`);
  counter.learn(messages, usage.in);
}

function truncated(ref: string, what: string): PodiumError {
  const text = `${ref} cut the prompt (${what}), so its answer is not used: send less, or raise the server's context window.`;
  return new PodiumError("context_overflow", text, { retryable: false, reason: "truncated" });
}

function overflow(ref: string, messages: readonly Message[], estimate: number, window: Window): PodiumError {
  const parts = messages
    .map((message, index) => ({ tokens: window.counter.estimate([message]), name: partName(message, index) }))
    .sort((a, b) => b.tokens - a.tokens)
    .slice(0, 3)
    .map(({ name, tokens }) => `${name} ~${tokens}`);
  const tokens = window.tokens();
  const cure = tokens < window.maxContext() ? "choose a model with a larger window" : "raise gpu.maxContext";
  const text = `The prompt has ~${estimate} tokens and ${ref} holds ${tokens}: shorten the biggest parts (${parts.join(", ")}) or ${cure}.`;
  return new PodiumError("context_overflow", text, { retryable: false });
}

function partName(message: Message, index: number): string {
  const start = message.content.replace(/\s+/g, " ").trim().slice(0, 32);
  return `${message.role} message ${index + 1} "${start}"`;
}
