import type { LiveEvent, RunEvent } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { activityText, applyDurable, applyLive, type Live } from "../protocol/live.ts";
import { FindingSignal } from "../protocol/review.ts";
import { type Style, seconds, visible } from "./text.ts";

export interface Progress {
  durable(event: RunEvent): void;
  live(event: LiveEvent): void;
  /** Ends the repainted line. */
  end(): void;
}

interface Output {
  readonly write: (text: string) => void;
  readonly tty: boolean;
  readonly columns: () => number;
  readonly now: () => number;
  readonly style: Style;
}

const depthOf = (instance: string): number => instance.split("/").length - 1;

/** The line of an event, in its colour; null = nothing that a person waits for, such as the end of an inner choice. */
function lineOf(event: RunEvent, style: Style): string | null {
  switch (event.kind) {
    case "run-start":
      return style.dim(`Plan: ${event.ir.nodes.map(({ id }) => id).join(" → ")}`);
    case "run-adopt":
      return style.yellow(`↻ taken over: ${event.why}`);
    case "provider-fallback":
      return style.yellow(`↳ ${event.from} → ${event.to}: ${visible(event.cause.message)}`);
    case "step-end":
      if (event.ms === 0 && depthOf(event.instance) > 0) return null;
      return `${indent(event.instance)}✓ ${event.instance}${event.ms === 0 ? "" : style.dim(` ${seconds(event.ms)}`)}`;
    case "step-error":
      return `${indent(event.instance)}✗ ${event.instance}${style.dim(` ${event.error.code}: ${visible(event.error.message)}`)}`;
    case "step-park":
      return `${indent(event.instance)}‖ ${event.instance}${style.dim(` ${visible(event.detail)}`)}`;
    case "signal":
      return findingLine(event.value, style);
    default:
      return null;
  }
}

const indent = (instance: string): string => "  ".repeat(depthOf(instance));

/** A finding at the moment it is verified, long before the review ends. */
function findingLine(value: Json, style: Style): string | null {
  const parsed = FindingSignal.safeParse(value);
  if (!parsed.success || "reason" in parsed.data) return null;
  const { severity, path, line, title } = parsed.data;
  return style.yellow(`! ${severity} ${visible(path)}${line === null ? "" : `:${line}`} ${visible(title)}`);
}

/** The live plan on stderr: a line per step that ended, and on a terminal one repainted line for what happens now. */
export function createProgress(output: Output): Progress {
  const live: Live = new Map();
  const started = output.now();
  let painted = false;
  let ticker: NodeJS.Timeout | null = null;
  const clear = (): void => {
    if (painted) output.write("\r\u001b[2K");
    painted = false;
  };
  const paint = (): void => {
    if (!output.tty) return;
    const open = [...live.values()];
    const current = open.find(({ label }) => label !== "queued") ?? open[0];
    const now = output.now();
    const elapsed = `${Math.round((now - started) / 1000)} s`;
    const text = current
      ? `● ${current.instance} · ${activityText(current, now)}${open.length > 1 ? ` · +${open.length - 1}` : ""} · ${elapsed}`
      : `● ${elapsed}`;
    clear();
    output.write(output.style.dim(text.slice(0, output.columns() - 1)));
    painted = true;
  };
  const line = (text: string): void => {
    clear();
    output.write(`${text}\n`);
  };
  if (output.tty) ticker = setInterval(paint, 250);
  return {
    durable(event) {
      applyDurable(live, event);
      const text = lineOf(event, output.style);
      if (text !== null) line(text);
      paint();
    },
    live(event) {
      applyLive(live, event);
    },
    end() {
      if (ticker) clearInterval(ticker);
      clear();
    },
  };
}

export const silentProgress: Progress = { durable: () => undefined, live: () => undefined, end: () => undefined };
