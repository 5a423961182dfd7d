import type { Clock, ModelPart } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DurableBody, EphemeralBody, Timings, Usage } from "../protocol/events.ts";

export interface Generated {
  readonly text: string;
  readonly finish: "stop" | "length";
  readonly usage: Usage;
  readonly timings: Timings;
  readonly model: string;
}

/** Where the parts of one generation go. `text` grows; it is what a late watcher gets as a snapshot. */
export interface GenerationSink {
  readonly instance: string;
  readonly op: number;
  readonly model: string;
  live(body: EphemeralBody): void;
  ride(body: DurableBody): void;
  text: string;
  /** What was told last while no text has come: a late watcher gets it as well. */
  told: EphemeralBody | null;
}

const coalesceMs = 16;
const coalesceParts = 50;
const partialMs = 2000;

/** True for names and addresses of this machine. */
const isLoopback = (host: string): boolean => /^(localhost|.*\.localhost|127(\.\d+){3}|\[?::1\]?)(:\d+)?$/i.test(host);

/** Collects text and hands it on as one event per 16 ms or 50 parts. */
function coalescer(sink: GenerationSink, clock: Clock): { add(text: string): void; end(): void } {
  const ended = new AbortController();
  let offset = 0;
  let parts = 0;
  let isArmed = false;
  const flush = (): void => {
    if (sink.text.length > offset) {
      const { instance, op } = sink;
      const text = sink.text.slice(offset);
      sink.live({ kind: "token-delta", instance, op, offset, text, ...(parts > 1 ? { parts } : {}) });
    }
    offset = sink.text.length;
    parts = 0;
  };
  const later = async (): Promise<void> => {
    await clock.sleep(coalesceMs, ended.signal);
    isArmed = false;
    flush();
  };
  return {
    add(text) {
      sink.text += text;
      parts += 1;
      if (parts >= coalesceParts) flush();
      else if (!isArmed) {
        isArmed = true;
        later().catch(() => undefined);
      }
    },
    end() {
      ended.abort();
      flush();
    },
  };
}

/** Reads a generation to its end, telling the sink of every part. Throws what the stream throws. */
export async function readGeneration(
  parts: AsyncIterable<ModelPart>,
  sink: GenerationSink,
  clock: Clock,
): Promise<Generated> {
  const { instance, op } = sink;
  const tokens = coalescer(sink, clock);
  const tell = (body: EphemeralBody): void => {
    sink.told = body;
    sink.live(body);
  };
  let savedAt = clock.monotonic();
  try {
    for await (const part of parts) {
      switch (part.type) {
        case "wait":
          tell({
            kind: "model-wait",
            instance,
            op,
            position: part.position,
            reason: part.reason,
            etaMs: part.etaMs,
          });
          break;
        case "load":
          tell({
            kind: "model-load",
            instance,
            op,
            elapsedMs: Math.round(part.elapsedMs),
            expectedMs: part.expectedMs === null ? null : Math.round(part.expectedMs),
            model: sink.model,
          });
          break;
        case "prefill":
          tell({ kind: "model-prefill", instance, op, done: part.done, total: part.total });
          break;
        case "fallback":
          sink.ride({ kind: "provider-fallback", instance, op, from: part.from, to: part.to, cause: part.cause });
          break;
        case "sent":
          // The place in the line is a thing of the past; how far the prompt is read only some servers tell.
          tell({ kind: "model-prefill", instance, op, done: 0, total: 0 });
          if (!isLoopback(part.host)) sink.ride({ kind: "egress", instance, op, host: part.host, bytes: part.bytes });
          break;
        case "thinking":
          break;
        case "text":
          sink.told = null;
          tokens.add(part.text);
          if (clock.monotonic() - savedAt >= partialMs) {
            savedAt = clock.monotonic();
            sink.ride({ kind: "model-partial", instance, op, text: sink.text });
          }
          break;
        case "end":
          return {
            text: sink.text,
            finish: part.finish,
            usage: part.usage,
            timings: part.timings,
            model: part.model,
          };
      }
    }
  } finally {
    tokens.end();
  }
  throw new PodiumError("truncated_stream", "The model's answer ended without an end mark; run the step again.");
}
