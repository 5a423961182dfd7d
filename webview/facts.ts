import { html, nothing, type TemplateResult } from "lit";
import type { RunView } from "../sidecar/protocol/run.ts";
import { bar, swatch } from "./bar.ts";
import { type Phase, phaseSums, phaseWords } from "./phases.ts";
import { durationText } from "./text.ts";

interface Share {
  readonly phase: Phase;
  readonly words: string;
  readonly ms: number;
}

/** The phases from the longest on, then what no call took; below half a percent nothing is said. */
function sharesOf(view: RunView, took: number): readonly Share[] {
  const sums = phaseSums(view).map(({ phase, ms }): Share => ({ phase, words: phaseWords[phase], ms }));
  const called = sums.reduce((sum, { ms }) => sum + ms, 0);
  const rest: Share = { phase: "span", words: "between the calls", ms: took - called };
  return [...sums, rest].filter(({ ms }) => ms > Math.max(took, called) / 200);
}

/** Where the time of the whole run went: one bar, and the same as a table. */
export function renderFacts(view: RunView): TemplateResult | typeof nothing {
  if (view.endedAt === null) return nothing;
  const took = Math.max(1, view.endedAt - view.createdAt);
  const shares = sharesOf(view, took);
  const whole = shares.reduce((sum, { ms }) => sum + ms, 0);
  const segments = shares.map(({ phase, ms }, index) => {
    const from = shares.slice(0, index).reduce((sum, share) => sum + share.ms, 0);
    return { phase, from, to: from + ms };
  });
  const row = ({ phase, words, ms }: Share): TemplateResult =>
    html`<tr><td>${swatch(phase)}${words}</td><td class="number">${durationText(ms)}</td><td class="number">${Math.round((100 * ms) / whole)} %</td></tr>`;
  return html`<section class="facts">
    <h2>Why it took ${durationText(took)}</h2>
    ${bar(segments, whole)}
    <table><tbody>${shares.map(row)}</tbody></table>
  </section>`;
}
