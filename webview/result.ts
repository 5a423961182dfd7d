import { html, nothing, type TemplateResult } from "lit";
import type { ErrorShape } from "../sidecar/protocol/errors.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import type { Live } from "../sidecar/protocol/live.ts";
import { AskResult, type Finding, FindingSignal, type HeldFinding, ReviewResult } from "../sidecar/protocol/review.ts";
import type { RunView } from "../sidecar/protocol/run.ts";
import { allDoing, type Doing } from "./activity.ts";
import { type AskActions, askForm } from "./ask-form.ts";
import { renderFacts } from "./facts.ts";
import { renderFindings } from "./findings.ts";
import { type Load, nodeOf } from "./labels.ts";
import { copyButton, type Open, placeLink, plainText, prose } from "./prose.ts";
import { dedented, valueText, visible } from "./text.ts";

export interface ResultActions extends AskActions {
  readonly open: Open;
  readonly copy: (text: string) => void;
}

/** A failure: the code, what happened in one sentence, and what was behind it. */
export const failure = ({ code, message, cause }: ErrorShape): TemplateResult =>
  html`<section class="failure" role="alert"><i class="codicon codicon-error" aria-hidden="true"></i><div><b>${code}</b> ${visible(message)}${cause === undefined ? nothing : html`<div class="muted">${visible(valueText(cause))}</div>`}</div></section>`;

function answerView(answer: AskResult, actions: ResultActions): TemplateResult {
  return html`
    ${answer.extractive ? html`<p class="note">No model answered. These are the lines that fit best.</p>` : nothing}
    <div class="tools">${copyButton(() => answer.text, actions.copy, "the answer")}</div>
    ${prose(answer.text, answer.citations, actions.open)}
    ${
      answer.citations.length > 0
        ? html`<h2>Sources</h2>
          <ol class="sources">
            ${answer.citations.map((citation) => html`<li><span class="muted">[${citation.n}]</span> ${placeLink(citation, actions.open)}<pre>${visible(dedented(citation.quote))}</pre></li>`)}
          </ol>`
        : nothing
    }
  `;
}

/** Values of the durable signal `finding` of a run that has no result yet. */
function signalled(view: RunView): readonly FindingSignal[] {
  return view.signals.flatMap(({ name, value }) => {
    const signal = name === "finding" ? FindingSignal.safeParse(value) : null;
    return signal?.success ? [signal.data] : [];
  });
}

const isHeld = (finding: FindingSignal): finding is HeldFinding => "reason" in finding;
const isShown = (finding: FindingSignal): finding is Finding => !isHeld(finding);

/** A step that was told to answer in a form writes JSON, which is nothing to read while it comes. */
function writesText(view: RunView, instance: string): boolean {
  const node = nodeOf(view.ir.nodes, instance);
  return node?.kind === "step" && node.config["returns"] === undefined;
}

const doingLine = ({ name, what, figure, model }: Doing): TemplateResult => html`<li>
  <i class="codicon codicon-sync codicon-modifier-spin" aria-hidden="true"></i>
  <span>${what} <span class="figure">${figure}</span></span>
  <span class="muted">${name}${model === null ? "" : ` · ${model}`}</span>
</li>`;

/** What goes on now, and the text as it is written. */
function runningView(view: RunView, live: Live, now: number, load: Load, open: Open): TemplateResult {
  const current = allDoing(view, live, now, load);
  const texts = [...live.values()].filter(({ instance, text }) => text !== "" && writesText(view, instance));
  return html`
    ${current.length === 0 ? html`<p class="muted">${view.status === "queued" ? "Queued: the run begins as soon as another ends." : "Between two steps…"}</p>` : current.length === 1 && texts.length === 1 ? nothing : html`<ul class="doing">${current.map(doingLine)}</ul>`}
    ${texts.map(({ text }) => html`<div class="draft" aria-busy="true">${prose(text, [], open)}</div>`)}
    ${texts.length > 0 ? html`<p class="note">As it is written. Statements without a source are taken out at the end.</p>` : nothing}
  `;
}

function outcome(view: RunView, output: Json | undefined, actions: ResultActions): TemplateResult | typeof nothing {
  const answer = AskResult.safeParse(output);
  if (answer.success) return answerView(answer.data, actions);
  const review = ReviewResult.safeParse(output);
  if (review.success || view.workflow === "review_changes") {
    const signals = signalled(view);
    return renderFindings(
      {
        findings: review.data?.findings ?? signals.filter(isShown),
        held: review.data?.heldBack ?? signals.filter(isHeld),
        omitted: review.data?.omitted ?? [],
        files: review.data?.files ?? null,
        isOver: view.endedAt !== null,
        isWhole: view.status === "succeeded",
      },
      actions.open,
    );
  }
  if (output === undefined && view.output !== undefined) return html`<p class="muted">Reading the result…</p>`;
  if (output === undefined || output === null)
    return view.status === "succeeded" ? html`<p class="muted">This workflow gives no result.</p>` : nothing;
  return html`<div class="tools">${copyButton(() => valueText(output), actions.copy, "the result")}</div>
    ${plainText(output)}`;
}

/** The hero: the question that waits, the answer or the findings, what goes on now, or the failure with its cause. */
export function renderResult(
  run: {
    readonly view: RunView;
    readonly live: Live;
    readonly now: number;
    readonly canAct: boolean;
    readonly load: Load;
  },
  output: Json | undefined,
  actions: ResultActions,
): TemplateResult {
  const { view, live, now } = run;
  const isMoving = view.status === "running" || view.status === "queued";
  return html`<div class="result">
    ${[...view.asks.values()].map((ask) => askForm(ask, run.canAct, actions))}
    ${view.error ? failure(view.error) : nothing}
    ${view.fallbacks.map(({ from, to, cause }) => html`<p class="note">${visible(`${from} → ${to}: ${cause.message}`)}</p>`)}
    ${isMoving ? runningView(view, live, now, run.load, actions.open) : nothing}
    ${outcome(view, output, actions)}
    ${view.status === "cancelled" ? html`<p class="muted">Cancelled. What was done until then stays in its steps.</p>` : nothing}
    ${renderFacts(view)}
  </div>`;
}
