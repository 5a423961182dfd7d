import type { LiveEvent, RunEvent } from "../protocol/events.ts";
import { activityText, applyDurable, applyLive, type Live } from "../protocol/live.ts";
import type { Style } from "./text.ts";

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

const marks: Partial<Record<RunEvent["kind"], string>> = {
  "step-end": "✓",
  "step-error": "✗",
  "step-skip": "–",
  "step-park": "‖",
};
const depthOf = (instance: string): number => instance.split("/").length - 1;

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
      if (event.kind === "run-start") line(output.style.dim(`Plan: ${event.ir.nodes.map(({ id }) => id).join(" → ")}`));
      if (event.kind === "run-adopt") line(output.style.yellow(`↻ taken over: ${event.why}`));
      if (event.kind === "provider-fallback")
        line(output.style.yellow(`↳ ${event.from} → ${event.to}: ${event.cause.message}`));
      const mark = marks[event.kind];
      if (mark !== undefined && "instance" in event) {
        const detail =
          event.kind === "step-error"
            ? ` ${event.error.code}: ${event.error.message}`
            : event.kind === "step-end"
              ? ` ${event.ms} ms`
              : "";
        line(`${"  ".repeat(depthOf(event.instance))}${mark} ${event.instance}${output.style.dim(detail)}`);
      }
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
