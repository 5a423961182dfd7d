import type { DiffFile } from "../ports.ts";
import { type NewLine, newSides } from "./lines.ts";

/** Where a quote stands: 1-based lines of the new side, and their exact text joined by \n. */
export interface Anchor {
  readonly line: number;
  readonly endLine: number;
  readonly quote: string;
}

export const normalise = (text: string): string => text.replace(/\s+/g, " ").trim();

const fuzzyLimit = 0.9;
const maxQuoteLines = 40;

/** 1 - edit distance / longer length, 0 to 1; gives up with 0 when the lengths alone put it under the limit. */
function similarity(a: string, b: string): number {
  const longer = Math.max(a.length, b.length);
  if (longer === 0) return 1;
  if (longer > 600 || Math.min(a.length, b.length) / longer < fuzzyLimit) return 0;
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return 1 - (above[b.length] ?? longer) / longer;
}

type Match = (line: string, quoted: string, edge: boolean) => boolean;
const exact: Match = (line, quoted, edge) =>
  line === quoted || (edge && quoted.trim().length >= 4 && line.includes(quoted));
const spaced: Match = (line, quoted, edge) => {
  const [a, b] = [normalise(line), normalise(quoted)];
  return a === b || (edge && b.length >= 4 && a.includes(b));
};
const fuzzy: Match = (line, quoted) =>
  normalise(quoted).length >= 20 && similarity(normalise(line), normalise(quoted)) >= fuzzyLimit;

function at(side: readonly NewLine[], start: number, quoted: readonly string[], match: Match): boolean {
  return quoted.every((text, index) => {
    const line = side[start + index];
    const edge = quoted.length === 1;
    return line !== undefined && match(line.text, text, edge);
  });
}

function place(side: readonly NewLine[], quoted: readonly string[], match: Match): Anchor | null {
  for (let start = 0; start + quoted.length <= side.length; start += 1) {
    const lines = side.slice(start, start + quoted.length);
    const [first, last] = [lines[0], lines.at(-1)];
    if (first === undefined || last === undefined || !lines.some(({ changed }) => changed)) continue;
    if (at(side, start, quoted, match)) {
      return { line: first.line, endLine: last.line, quote: lines.map(({ text }) => text).join("\n") };
    }
  }
  return null;
}

function quoteLines(quote: string): readonly string[] {
  const lines = quote.replace(/^```\w*\n|\n```\s*$/g, "").split(/\r?\n/);
  while (lines.length > 1 && lines[0]?.trim() === "") lines.shift();
  while (lines.length > 1 && lines.at(-1)?.trim() === "") lines.pop();
  return lines;
}

/**
 * Finds the quote inside the changed lines of a file: exact, then without regard to white space, then at least 0.9 alike.
 * Null when it is not there: a finding whose place cannot be proved is not shown.
 */
export function anchorQuote(file: DiffFile, quote: string): Anchor | null {
  const written = quoteLines(quote);
  if (written.join("").trim() === "" || written.length > maxQuoteLines) return null;
  const sides = newSides(file);
  // Models copy the plus signs of the hunk along with the line.
  const unsigned = written.map((line) => line.replace(/^[+ ]/, ""));
  const variants = written.every((line) => /^[+ ]/.test(line)) ? [written, unsigned] : [written];
  for (const match of [exact, spaced, fuzzy]) {
    for (const quoted of variants) {
      for (const side of sides) {
        const found = place(side, quoted, match);
        if (found !== null) return found;
      }
    }
  }
  return null;
}
