import { html, nothing, type TemplateResult } from "lit";
import type { Json } from "../sidecar/protocol/json.ts";
import type { Live } from "../sidecar/protocol/live.ts";
import { AskResult } from "../sidecar/protocol/review.ts";
import type { RunView } from "../sidecar/protocol/run.ts";
import { allDoing } from "./activity.ts";
import type { Load } from "./labels.ts";
import { countText, durationText, modelName, plural, visible } from "./text.ts";

/** What the buttons of the header do. */
export interface FrameActions {
  readonly cancel: () => void;
  readonly resume: () => void;
  readonly runAgain: () => void;
}

const isOver = (view: RunView): boolean => view.endedAt !== null;

function buttons(view: RunView, isCancelling: boolean, actions: FrameActions): TemplateResult {
  if (isOver(view)) return html`<button @click=${actions.runAgain}>Run Again</button>`;
  const canResume = view.status === "parked" && view.reason !== "ask" && view.reason !== "unsafe_unknown";
  return html`${canResume ? html`<button class="primary" @click=${actions.resume}>Resume</button>` : nothing}
    <button ?disabled=${isCancelling} @click=${actions.cancel}>${isCancelling ? "Cancelling…" : "Cancel"}</button>`;
}

export const renderHeader = (
  view: RunView,
  title: string,
  run: { readonly canAct: boolean; readonly isCancelling: boolean },
  actions: FrameActions,
): TemplateResult => html`<header>
  <h1>${view.workflow}</h1>
  <span class="title" title=${visible(title)}>${visible(title)}</span>
  ${run.canAct ? html`<span class="buttons">${buttons(view, run.isCancelling, actions)}</span>` : nothing}
</header>`;

const waits: Record<string, string> = {
  ask: "Waiting for you",
  unsafe_unknown: "Waiting for you",
  budget: "Paused: the budget is used up",
  provider: "Waiting for a model server",
  crash_loop: "Paused: a step ended Podium three times",
  paused: "Paused",
  storage: "Paused: the disk is full",
  trust: "Paused: this folder is not trusted",
  definition_missing: "Paused: a step of it is not installed",
};

/** Steps that ended, of those known so far; rows that hold others do not count. */
function progress(view: RunView): string {
  const leaves = [...view.steps.values()].filter(
    ({ instance, n, edges }) => n === undefined && edges === undefined && !instance.endsWith("]"),
  );
  const named = new Set([...view.steps.keys()].map((instance) => instance.split("/")[0]?.replace(/[[.].*$/, "")));
  const ahead = view.ir.nodes.filter(({ id }) => !named.has(id)).length;
  const ended = leaves.filter(({ status }) => status === "done" || status === "failed" || status === "skipped").length;
  return `${countText(ended)} of ${plural(leaves.length + ahead, "step")}`;
}

function endWords(view: RunView, output: Json | undefined): readonly [icon: string, words: string, figure: string] {
  if (view.status === "cancelled") return ["circle-slash", "Cancelled", ""];
  if (view.status === "failed") return ["error", "Failed", view.error?.code ?? ""];
  const answer = AskResult.safeParse(output);
  const sources =
    answer.success && answer.data.citations.length > 0 ? plural(answer.data.citations.length, "source") : "";
  const how = [sources, view.degraded ? "without a model" : "", view.denied ? "answered with No" : ""];
  return ["pass", "Done", how.filter((part) => part !== "").join(" · ")];
}

function nowWords(
  view: RunView,
  live: Live,
  now: number,
  load: Load,
): readonly [icon: string, words: string, figure: string] {
  if (view.status === "queued") return ["clock", "Queued", "begins as soon as another run ends"];
  if (view.status === "parked")
    return ["bell-dot", waits[view.reason ?? ""] ?? "Waiting", view.reason === "ask" ? "" : visible(view.detail ?? "")];
  const [first, ...others] = allDoing(view, live, now, load);
  if (!first) return ["sync", "Running", ""];
  const beside = others.length > 0 ? ` · and ${others.length} more` : "";
  const model = first.model === null ? "" : ` · ${first.model}`;
  return ["sync", `${first.name}: ${first.what}`, `${first.figure}${model}${beside}`];
}

/** The one line that moves: what goes on, how far it is, how long it took. */
export function renderNow(
  view: RunView,
  live: Live,
  output: Json | undefined,
  now: number,
  load: Load,
): TemplateResult {
  const [icon, words, figure] = isOver(view) ? endWords(view, output) : nowWords(view, live, now, load);
  const took = durationText((view.endedAt ?? now) - view.createdAt);
  return html`<div class="now is-${view.status}">
    <i class="codicon codicon-${icon} ${icon === "sync" ? "codicon-modifier-spin" : ""}" aria-hidden="true"></i>
    <span class="words"><b>${words}</b> <span class="figure">${figure}</span></span>
    <span class="figure">${isOver(view) ? "" : `${progress(view)} · `}${took}</span>
  </div>`;
}

/** What is read aloud: it changes with the step and the kind of work, never with a figure. */
export function spokenState(view: RunView, live: Live, output: Json | undefined, load: Load): string {
  const [, words, figure] = isOver(view) ? endWords(view, output) : nowWords(view, live, 0, load);
  const [ask] = view.asks.values();
  if (ask) return `Waiting for you: ${visible(ask.title)}`;
  return isOver(view) ? `${words}. ${figure}` : words;
}

export const renderFooter = (view: RunView): TemplateResult => html`<footer class="muted">
  ${view.usage.in === 0 ? nothing : html`<span>${countText(view.usage.in)} tokens in · ${countText(view.usage.out)} out${view.usage.cached > 0 ? ` · ${countText(view.usage.cached)} from cache` : ""}${view.usage.estimated ? " · estimated" : ""}</span>`}
  ${view.models.size === 0 ? nothing : html`<span>${visible([...view.models].map(modelName).join(", "))}</span>`}
  <span>${view.egress.bytes === 0 ? "0 bytes left this machine" : visible(`${countText(view.egress.bytes)} bytes left, to ${[...view.egress.hosts].join(", ")}`)}</span>
  ${view.attempts > 1 ? html`<span>went on after a crash, attempt ${view.attempts}</span>` : nothing}
</footer>`;
