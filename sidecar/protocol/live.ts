import type { LiveEvent, RunEvent } from "./events.ts";

/** The nine labels of a step that takes time: never a spinner without a reason. */
const stallLabels = [
  "connecting",
  "queued",
  "loading",
  "prefill",
  "first_token",
  "generating",
  "tool",
  "you",
  "held",
] as const;
type StallLabel = (typeof stallLabels)[number];

/** What one open operation is doing now. Times in ms, speeds in tokens per second. */
export interface Activity {
  readonly instance: string;
  readonly op: number;
  label: StallLabel;
  since: number;
  text: string;
  model: string | null;
  position: number | null;
  reason: string | null;
  elapsedMs: number | null;
  expectedMs: number | null;
  done: number | null;
  total: number | null;
  tokens: number;
  firstTokenAt: number | null;
}

export type Live = Map<string, Activity>;
const keyOf = (instance: string, op: number): string => `${instance}:${op}`;

function activity(live: Live, instance: string, op: number, at: number): Activity {
  const key = keyOf(instance, op);
  const known = live.get(key);
  if (known) return known;
  const fresh: Activity = {
    instance,
    op,
    label: "connecting",
    since: at,
    text: "",
    model: null,
    position: null,
    reason: null,
    elapsedMs: null,
    expectedMs: null,
    done: null,
    total: null,
    tokens: 0,
    firstTokenAt: null,
  };
  live.set(key, fresh);
  return fresh;
}

function relabel(current: Activity, label: StallLabel, at: number): void {
  if (current.label === label) return;
  current.label = label;
  current.since = at;
}

/** Folds an ephemeral event into what each open operation is doing. */
export function applyLive(live: Live, event: LiveEvent): void {
  if (event.kind === "log") return;
  // The middle of a text whose beginning was not seen belongs to a call that is over, or a snapshot of it follows.
  if (event.kind === "token-delta" && event.offset > 0 && !live.has(keyOf(event.instance, event.op))) return;
  const current = activity(live, event.instance, event.op, event.at);
  switch (event.kind) {
    case "model-wait":
      relabel(current, event.position > 0 ? "queued" : "held", event.at);
      current.position = event.position;
      current.reason = event.reason;
      current.expectedMs = event.etaMs;
      return;
    case "model-load":
      relabel(current, "loading", event.at);
      current.model = event.model;
      current.elapsedMs = event.elapsedMs;
      current.expectedMs = event.expectedMs;
      return;
    case "model-prefill":
      relabel(current, event.done >= event.total ? "first_token" : "prefill", event.at);
      current.done = event.done;
      current.total = event.total;
      return;
    case "token-delta":
      if (event.offset > current.text.length) return;
      relabel(current, "generating", event.at);
      current.firstTokenAt ??= event.at;
      current.tokens += event.parts ?? 1;
      current.text = current.text.slice(0, event.offset) + event.text;
      return;
    case "model-snapshot":
      // A call that was joined before its first word is not writing yet.
      if (event.text === "") return;
      relabel(current, "generating", event.at);
      current.firstTokenAt ??= event.at;
      current.text = event.text;
      return;
  }
}

/** Durable events open and close activities. */
export function applyDurable(live: Live, event: RunEvent): void {
  // What a call said before its beginning was stored is kept.
  if (event.kind === "op-start" && !live.has(keyOf(event.instance, event.op))) {
    const current = activity(live, event.instance, event.op, event.at);
    current.label =
      event.opKind === "tool" || event.opKind === "once" ? "tool" : event.opKind === "ask" ? "you" : "connecting";
    current.reason = event.name;
  }
  if (event.kind === "op-end") live.delete(keyOf(event.instance, event.op));
  if (event.kind === "run-end" || event.kind === "run-adopt") live.clear();
}

const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))} s`;

/** One short line for a person; `now` in ms. At most 28 characters for the usual values. */
export function activityText(current: Activity, now: number): string {
  switch (current.label) {
    case "connecting":
      return "connecting";
    case "queued":
      return `queued #${current.position ?? 1}`;
    case "loading":
      return current.expectedMs === null
        ? `load ${seconds(current.elapsedMs ?? now - current.since)}`
        : `load ${Math.round((current.elapsedMs ?? 0) / 1000)}/~${seconds(current.expectedMs)}`;
    case "prefill":
      return `prompt ${Math.floor((100 * (current.done ?? 0)) / Math.max(1, current.total ?? 1))} %`;
    case "first_token":
      return `first token ${seconds(now - current.since)}`;
    case "generating": {
      const elapsed = (now - (current.firstTokenAt ?? now)) / 1000;
      return elapsed < 0.5 ? "generating" : `${Math.round(current.tokens / elapsed)} tok/s`;
    }
    case "tool":
      return current.reason ?? "tool";
    case "you":
      return "waiting for you";
    case "held":
      return current.reason ?? "held";
  }
}
