import { html, nothing, type TemplateResult } from "lit";
import type { Citation } from "../sidecar/protocol/review.ts";
import { type Block, blocksOf, piecesOf } from "./markdown.ts";
import { clipped, countText, placeText, valueText, visible } from "./text.ts";

export type Open = (path: string, line: number | null, endLine: number | null) => void;

/** A file and its line, as a link that opens it in the editor. */
export const placeLink = (
  place: { readonly path: string; readonly line: number | null; readonly endLine: number | null },
  open: Open,
): TemplateResult =>
  html`<button class="link place" @click=${() => open(place.path, place.line, place.endLine)}>${placeText(place.path, place.line)}</button>`;

type Inline = TemplateResult | string;

function inline(text: string, citations: readonly Citation[], open: Open): readonly Inline[] {
  return piecesOf(text).map((piece) => {
    if (piece.kind === "code") return html`<code>${piece.text}</code>`;
    if (piece.kind === "strong") return html`<strong>${piece.text}</strong>`;
    const citation = piece.kind === "citation" ? citations.find(({ n }) => piece.text === `[${n}]`) : undefined;
    if (!citation) return piece.text;
    const place = placeText(citation.path, citation.line);
    return html`<button class="link cite" title=${`${place}\n${visible(citation.quote)}`} aria-label="Source ${citation.n}, ${place}" @click=${() => open(citation.path, citation.line, citation.endLine)}>${piece.text}</button>`;
  });
}

function blockView(block: Block, citations: readonly Citation[], open: Open): TemplateResult {
  switch (block.kind) {
    case "text":
      return html`<p class="answer">${inline(block.text, citations, open)}</p>`;
    case "heading":
      return html`<p class="answer heading">${inline(block.text, citations, open)}</p>`;
    case "item":
      return html`<p class="answer item level-${block.level}"><span class="bullet">${block.mark}</span><span>${inline(block.text, citations, open)}</span></p>`;
    case "code":
      return html`<pre>${block.text}</pre>`;
  }
}

/** An answer as text: paragraphs, lists, code and [n] as links to their sources; nothing else in it means anything. */
export const prose = (text: string, citations: readonly Citation[], open: Open): readonly TemplateResult[] =>
  blocksOf(visible(clipped(text).text)).map((block) => blockView(block, citations, open));

/** Any value as it is, in the font of code; a very long one is cut with a word on it. */
export function plainText(value: unknown): TemplateResult {
  const { text, more } = clipped(valueText(value));
  return html`<pre tabindex="0">${visible(text)}</pre>
    ${more > 0 ? html`<p class="note">${countText(more)} more characters are not shown. Copy gives all of it.</p>` : nothing}`;
}

/** A button that copies text. */
export const copyButton = (text: () => string, copy: (text: string) => void, what: string): TemplateResult =>
  html`<button class="icon" title="Copy ${what}" aria-label="Copy ${what}" @click=${() => copy(text())}><i class="codicon codicon-copy" aria-hidden="true"></i></button>`;
