import { html, nothing, svg, type TemplateResult } from "lit";
import { type Phase, phases, type Segment } from "./phases.ts";

// Bars are SVG: the content policy forbids style attributes, and attributes of shapes are no styles.
// Every phase has a pattern beside its colour, drawn over it in the colour of the page.

/** The patterns, once per page; a phase without one is plain. */
export const patterns = (): TemplateResult => html`<svg class="patterns" aria-hidden="true" width="0" height="0">
  <defs>
    <pattern id="hatch-wait" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 3h6" stroke-width="3"></path></pattern>
    <pattern id="hatch-load" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M1 0v5" stroke-width="2"></path></pattern>
    <pattern id="hatch-prompt" width="4" height="4" patternUnits="userSpaceOnUse"><path class="hatch" d="M1 0v4" stroke-width="1.5"></path></pattern>
    <pattern id="hatch-server" width="5" height="5" patternUnits="userSpaceOnUse"><circle class="dot" cx="2.5" cy="2.5" r="1.4"></circle></pattern>
    <pattern id="hatch-tool" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><path class="hatch" d="M1 0v5" stroke-width="1.5"></path></pattern>
    <pattern id="hatch-you" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 0l6 6M6 0l-6 6" stroke-width="1.2"></path></pattern>
  </defs>
</svg>`;

const plain: readonly Phase[] = ["tokens", "span"];
const percent = (share: number): string => `${(100 * share).toFixed(3)}%`;

/** One bar; `total` is its length in ms, and so short a phase that it would vanish is drawn 3 units wide. */
export function bar(segments: readonly Segment[], total: number): TemplateResult {
  const length = Math.max(1, total);
  return html`<svg class="bar" aria-hidden="true">
    ${segments.map(({ phase, from, to }) => {
      const x = percent(Math.min(0.99, from / length));
      const width = percent(Math.max(0.01, (to - from) / length));
      return svg`<rect class="phase-${phase}" x=${x} y="0" width=${width} height="100%"></rect>${
        plain.includes(phase) || to - from < length / 50
          ? nothing
          : svg`<rect fill="url(#hatch-${phase})" x=${x} y="0" width=${width} height="100%"></rect>`
      }`;
    })}
  </svg>`;
}

/** A square in the colour and pattern of a phase. */
export const swatch = (phase: Phase): TemplateResult =>
  html`<span class="swatch">${bar([{ phase, from: 0, to: 1 }], 1)}</span>`;

/** What the colours of these bars mean. */
export function legend(bars: readonly (readonly Segment[])[]): TemplateResult {
  const used = new Set(bars.flatMap((segments) => segments.map(({ phase }) => phase)));
  return html`<div class="legend muted" aria-hidden="true">${phases.filter((phase) => used.has(phase)).map((phase) => html`<span>${swatch(phase)}${phase}</span>`)}</div>`;
}
