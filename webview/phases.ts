import type { Timings } from "../sidecar/protocol/events.ts";
import type { OpView, RunView, StepView } from "../sidecar/protocol/run.ts";

/** Where time goes; `span` is only the length of a row that holds others, `server` what a model server did not explain. */
export const phases = ["wait", "load", "prompt", "tokens", "server", "tool", "you"] as const;
export type Phase = (typeof phases)[number] | "span";

export const phaseWords: Record<(typeof phases)[number], string> = {
  wait: "waiting for the model to be free",
  load: "loading the model",
  prompt: "reading the prompt",
  tokens: "writing the answer",
  server: "model server, no details given",
  tool: "tools",
  you: "waiting for you",
};

/** One phase of a bar, ms from the run's start. */
export interface Segment {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
}

const parts = [
  ["waitMs", "wait"],
  ["loadMs", "load"],
  ["promptMs", "prompt"],
  ["tokensMs", "tokens"],
  ["toolMs", "tool"],
  ["youMs", "you"],
] as const;

const reported = (timings: Timings): number => parts.reduce((sum, [key]) => sum + (timings[key] ?? 0), 0);

function opSegments(op: OpView, origin: number, now: number): readonly Segment[] {
  const from = op.startedAt - origin;
  const to = Math.max(from, (op.endedAt ?? now) - origin);
  const whole = op.kind === "ask" ? "you" : op.kind === "model" ? "server" : "tool";
  if (!op.timings || reported(op.timings) === 0) return [{ phase: whole, from, to }];
  const { timings } = op;
  // What nobody reported comes before the tokens: the server was silent then.
  const rest = to - from - reported(timings);
  const segments: Segment[] = [];
  let at = from;
  const add = (phase: Phase, ms: number): void => {
    if (ms > 0) segments.push({ phase, from: at, to: at + ms });
    at += Math.max(0, ms);
  };
  for (const [key, phase] of parts) {
    if (phase === "tokens") add(whole, rest);
    add(phase, timings[key] ?? 0);
  }
  return segments;
}

/** The bar of one step. */
export const phaseSegments = (step: StepView, origin: number, now: number): readonly Segment[] =>
  step.ops.flatMap((op) => opSegments(op, origin, now));

/** Ms by phase over the whole run, the longest first; calls that ran at once count each. */
export function phaseSums(view: RunView): readonly { readonly phase: (typeof phases)[number]; readonly ms: number }[] {
  const sums = new Map<Phase, number>();
  for (const step of view.steps.values())
    for (const { phase, from, to } of phaseSegments(step, view.createdAt, view.endedAt ?? view.createdAt))
      sums.set(phase, (sums.get(phase) ?? 0) + to - from);
  return phases
    .map((phase) => ({ phase, ms: sums.get(phase) ?? 0 }))
    .filter(({ ms }) => ms > 0)
    .toSorted((left, right) => right.ms - left.ms);
}
