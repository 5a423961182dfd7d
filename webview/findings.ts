import { html, nothing, type TemplateResult } from "lit";
import type { Finding, HeldFinding, ReviewResult } from "../sidecar/protocol/review.ts";
import { type Open, placeLink } from "./prose.ts";
import { plural, visible } from "./text.ts";

interface Findings {
  readonly findings: readonly Finding[];
  readonly held: readonly HeldFinding[];
  readonly omitted: ReviewResult["omitted"];
  readonly files: number | null;
  readonly isOver: boolean;
  readonly isWhole: boolean;
}

const icon = { high: "bug", medium: "info", low: "lightbulb" } as const;
const reasons: Record<HeldFinding["reason"], string> = {
  not_anchored: "its quote is not in the change",
  evidence_not_found: "its evidence was not found",
  not_real: "the check says it is not real",
  unsure: "the check was not sure",
  not_verified: "it could not be checked",
  low: "low severity",
  cap: "enough is shown already",
  duplicate: "said already",
  tool_said_it: "another tool says it already",
  dismissed: "dismissed before",
};

function findingView(finding: Finding | HeldFinding, open: Open): TemplateResult {
  const state = "reason" in finding ? reasons[finding.reason] : finding.verified ? "verified" : "not verified";
  return html`<li class="finding">
    <i class="codicon codicon-${icon[finding.severity]} severity-${finding.severity}" aria-hidden="true"></i>
    <div>
      <div class="title">${visible(finding.title)}</div>
      <div class="muted"><span>${finding.severity}</span> · ${placeLink(finding, open)} · ${state}</div>
      <div>${visible(finding.claim)}</div>
      ${finding.trigger ? html`<div class="muted">Trigger: ${visible(finding.trigger)}</div>` : nothing}
    </div>
  </li>`;
}

const list = (findings: readonly (Finding | HeldFinding)[], open: Open): TemplateResult =>
  html`<ul class="plain">${findings.map((finding) => findingView(finding, open))}</ul>`;

function headline({ findings, files, isOver, isWhole }: Findings): TemplateResult {
  if (findings.length > 0)
    return html`<h2 class="first">${plural(findings.length, "finding")}${isOver ? "" : " so far"}</h2>`;
  if (!isOver) return html`<p class="muted">Nothing found so far.</p>`;
  if (!isWhole) return html`<p class="muted">Nothing was found until it ended.</p>`;
  return html`<p class="clean"><i class="codicon codicon-pass-filled" aria-hidden="true"></i> Nothing to report${files === null ? "." : ` in ${plural(files, "file")}.`}</p>`;
}

/** The findings of a review, those so far while it runs; what was held back and what was not looked at, each with why. */
export function renderFindings(review: Findings, open: Open): TemplateResult {
  const { findings, held, omitted } = review;
  return html`
    ${headline(review)}
    ${findings.length > 0 ? list(findings, open) : nothing}
    ${held.length > 0 ? html`<details><summary>Held back (${held.length})</summary>${list(held, open)}</details>` : nothing}
    ${
      omitted.length > 0
        ? html`<details><summary>Not looked at (${omitted.length})</summary><ul>${omitted.map(({ path, why }) => html`<li>${visible(`${path}: ${why}`)}</li>`)}</ul></details>`
        : nothing
    }
  `;
}
