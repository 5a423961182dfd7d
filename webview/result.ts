import { html, nothing, type TemplateResult } from "lit";
import type { Json } from "../sidecar/protocol/json.ts";
import {
  AskResult,
  type Citation,
  type Finding,
  FindingSignal,
  type HeldFinding,
  ReviewResult,
} from "../sidecar/protocol/review.ts";
import type { AskView, RunView } from "../sidecar/protocol/run.ts";
import { secondsText } from "./tree.ts";

export interface ResultActions {
  readonly open: (path: string, line: number | null, endLine: number | null) => void;
  readonly answer: (ask: string, value: Json) => void;
  readonly followUp: (question: string) => void;
}

const place = (path: string, line: number | null): string => (line === null ? path : `${path}:${line}`);

/** Text as text: [n] becomes a link to its citation, nothing else is interpreted. */
function cited(
  text: string,
  citations: readonly Citation[],
  actions: ResultActions,
): readonly (string | TemplateResult)[] {
  return text.split(/(\[\d+\])/).map((part) => {
    const citation = citations.find(({ n }) => part === `[${n}]`);
    if (!citation) return part;
    const { path, line, endLine } = citation;
    return html`<button class="link" title=${`${place(path, line)}\n${citation.quote}`} @click=${() => actions.open(path, line, endLine)}>${part}</button>`;
  });
}

function answerView(answer: AskResult, actions: ResultActions): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const question = String(new FormData(form).get("question") ?? "").trim();
    if (question !== "") actions.followUp(question);
  };
  return html`
    ${answer.extractive ? html`<p class="note">No model answered. These are the lines that fit best.</p>` : nothing}
    ${answer.text.split(/\n{2,}/).map((paragraph) => html`<p class="answer">${cited(paragraph, answer.citations, actions)}</p>`)}
    ${
      answer.citations.length > 0
        ? html`<h2>Sources</h2>
          <ul class="plain">
            ${answer.citations.map((citation) => html`<li><button class="link" @click=${() => actions.open(citation.path, citation.line, citation.endLine)}>[${citation.n}] ${place(citation.path, citation.line)}</button><pre>${citation.quote}</pre></li>`)}
          </ul>`
        : nothing
    }
    <form class="follow" @submit=${submit}><input name="question" aria-label="Ask a follow-up" placeholder="Ask a follow-up" /><button type="submit">Ask</button></form>
  `;
}

function findingView(finding: Finding | HeldFinding, actions: ResultActions): TemplateResult {
  return html`<li class="finding">
    <div><span class="severity-${finding.severity}">${finding.severity}</span> <b>${finding.title}</b></div>
    <button class="link" @click=${() => actions.open(finding.path, finding.line, finding.endLine)}>${place(finding.path, finding.line)}</button>
    <span class="muted">${"reason" in finding ? `held back: ${finding.reason} (${finding.by})` : finding.verified ? "verified" : "not verified"} · ${finding.rule}</span>
    <div>${finding.claim}</div>
    ${finding.trigger ? html`<div class="muted">Trigger: ${finding.trigger}</div>` : nothing}
  </li>`;
}

function reviewView(
  findings: readonly Finding[],
  held: readonly HeldFinding[],
  ended: boolean,
  omitted: ReviewResult["omitted"],
  actions: ResultActions,
): TemplateResult {
  return html`
    ${
      findings.length > 0
        ? html`<h2>${findings.length} ${findings.length === 1 ? "finding" : "findings"}${ended ? "" : " so far"}</h2><ul class="plain">${findings.map((finding) => findingView(finding, actions))}</ul>`
        : ended
          ? html`<p class="clean"><i class="codicon codicon-pass-filled" aria-hidden="true"></i> Nothing to report.</p>`
          : html`<p class="muted">Nothing found so far.</p>`
    }
    ${held.length > 0 ? html`<details><summary>Held back (${held.length})</summary><ul class="plain">${held.map((finding) => findingView(finding, actions))}</ul></details>` : nothing}
    ${omitted.length > 0 ? html`<details><summary>Not looked at (${omitted.length})</summary><ul>${omitted.map(({ path, why }) => html`<li>${path}: ${why}</li>`)}</ul></details>` : nothing}
  `;
}

function askForm(ask: AskView, actions: ResultActions): TemplateResult {
  return html`<section class="ask" aria-label="Waiting for you">
    <h2><i class="codicon codicon-bell-dot" aria-hidden="true"></i> ${ask.title}</h2>
    ${ask.show === undefined ? nothing : html`<pre>${typeof ask.show === "string" ? ask.show : JSON.stringify(ask.show, null, 2)}</pre>`}
    <button class="primary" @click=${() => actions.answer(ask.ask, { approved: true })}>Yes</button>
    <button @click=${() => actions.answer(ask.ask, { approved: false })}>No</button>
  </section>`;
}

/** Where the time of the whole run went, in words, and what left the machine. */
function facts(view: RunView): TemplateResult | typeof nothing {
  if (view.endedAt === null) return nothing;
  const sums = { load: 0, wait: 0, tokens: 0, prompt: 0 };
  for (const step of view.steps.values()) {
    for (const { timings } of step.ops) {
      sums.load += timings?.loadMs ?? 0;
      sums.wait += timings?.waitMs ?? 0;
      sums.tokens += timings?.tokensMs ?? 0;
      sums.prompt += timings?.promptMs ?? 0;
    }
  }
  const took = Math.max(1, view.endedAt - view.createdAt);
  const shares = Object.entries(sums)
    .filter(([, ms]) => ms / took > 0.05)
    .map(
      ([name, ms]) =>
        `${Math.round((100 * ms) / took)} % ${{ load: "loading the model", wait: "waiting", tokens: "writing the answer", prompt: "reading the prompt" }[name] ?? name}`,
    );
  return html`<h2>Why it took ${secondsText(took)} s</h2>
    <p class="muted">${shares.length > 0 ? shares.join(" · ") : "No model was asked; search and rules took the time."}</p>`;
}

/** The hero: the answer, the findings so far, the question that waits, or the failure with its cause. */
export function renderResult(view: RunView, output: Json | undefined, actions: ResultActions): TemplateResult {
  const answer = AskResult.safeParse(output);
  const review = ReviewResult.safeParse(output);
  const signals = view.signals.flatMap(({ name, value }) =>
    name === "finding" ? [FindingSignal.safeParse(value).data].filter((signal) => signal !== undefined) : [],
  );
  const isReview = review.success || view.workflow === "review_changes";
  return html`<div class="result">
    ${[...view.asks.values()].map((ask) => askForm(ask, actions))}
    ${view.error ? html`<section class="failure" role="alert"><b>${view.error.code}</b> ${view.error.message}${view.error.cause ? html`<div class="muted">${view.error.cause}</div>` : nothing}</section>` : nothing}
    ${view.fallbacks.map(({ from, to, cause }) => html`<p class="note">${from} → ${to}: ${cause.message}</p>`)}
    ${
      answer.success
        ? answerView(answer.data, actions)
        : isReview
          ? reviewView(
              review.data?.findings ?? signals.filter((signal): signal is Finding => !("reason" in signal)),
              review.data?.heldBack ?? signals.filter((signal): signal is HeldFinding => "reason" in signal),
              view.status === "succeeded",
              review.data?.omitted ?? [],
              actions,
            )
          : output === undefined || output === null
            ? nothing
            : html`<pre>${typeof output === "string" ? output : JSON.stringify(output, null, 2)}</pre>`
    }
    ${facts(view)}
  </div>`;
}
