import type { Citation } from "../protocol/review.ts";
import { contentWords, sharedWords, wordList } from "./words.ts";

/** A piece of a file that may be cited: `text` is exactly its lines, joined by \n. */
export interface Passage {
  readonly path: string;
  readonly line: number;
  readonly endLine: number;
  readonly text: string;
}

/** Part of a passage, by index of its lines; `to` is inclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A piece of an answer: what it says, and where in which passages that stands. `lead` starts a new line of the text. */
export interface Statement {
  readonly text: string;
  readonly lead: string | null;
  readonly sources: readonly { readonly passage: Passage; readonly range: Range }[];
}

/** The fewest content words that a statement and the lines it cites must share. */
export const sharedAtLeast = 2;
const longest = 12;
const readable = 400;

/**
 * The few lines of a passage that support a statement best, at most 12 and without blank ones at the ends.
 * Null when no such lines share two content words with it.
 */
export function narrow(statement: string, passage: Passage): Range | null {
  const wanted = contentWords(statement);
  const lines = passage.text.split("\n");
  const found = lines.map((line) => [...new Set(wordList(line))].filter((word) => wanted.has(word)));
  let best: { readonly range: Range; readonly score: number } | null = null;
  for (let from = 0; from < lines.length; from += 1) {
    if (found[from]?.length === 0) continue;
    const words = new Set<string>();
    let cost = 0;
    for (let to = from; to < Math.min(lines.length, from + longest); to += 1) {
      for (const word of found[to] ?? []) words.add(word);
      cost += 0.2 + Math.max(0, (lines[to]?.length ?? 0) - readable) / readable;
      if (words.size < sharedAtLeast || found[to]?.length === 0) continue;
      const score = words.size - cost;
      if (best === null || score > best.score) best = { range: { from, to }, score };
    }
  }
  return best?.range ?? null;
}

const foundAtLeast = 3;
const foundShare = 0.7;

/**
 * Where a statement stands that its writer gave no source for: the lines of one passage that hold three of its content words and
 * seven of ten of all. Null when there are none.
 */
export function findSource(
  statement: string,
  passages: readonly Passage[],
): { readonly passage: Passage; readonly range: Range } | null {
  const wanted = contentWords(statement);
  let best: { readonly passage: Passage; readonly range: Range; readonly shared: number } | null = null;
  for (const passage of passages) {
    const range = narrow(statement, passage);
    if (range === null) continue;
    const lines = passage.text.split("\n").slice(range.from, range.to + 1);
    const shared = sharedWords(wanted, contentWords(lines.join("\n")));
    if (shared < foundAtLeast || shared < foundShare * wanted.size || shared <= (best?.shared ?? 0)) continue;
    best = { passage, range, shared };
  }
  return best;
}

/** True when the statement shares two content words with those lines. */
export function supports(statement: string, quote: string): boolean {
  return sharedWords(contentWords(statement), contentWords(quote)) >= sharedAtLeast;
}

/**
 * Joins statements to a text in which every [n] has its entry: n counts from 1 in order of appearance, the same lines of the
 * same file keep one n.
 */
export function compose(statements: readonly Statement[]): {
  readonly text: string;
  readonly citations: readonly Citation[];
} {
  const citations = new Map<string, Citation>();
  const numberOf = (passage: Passage, { from, to }: Range): number => {
    const [line, endLine] = [passage.line + from, passage.line + to];
    const key = `${passage.path}\n${line}\n${endLine}`;
    const known = citations.get(key);
    if (known) return known.n;
    const quote = passage.text
      .split("\n")
      .slice(from, to + 1)
      .join("\n");
    const n = citations.size + 1;
    citations.set(key, { n, path: passage.path, line, endLine, quote });
    return n;
  };
  let text = "";
  for (const { text: said, lead, sources } of statements) {
    const numbers = [...new Set(sources.map(({ passage, range }) => numberOf(passage, range)))];
    const gap = text === "" ? (lead ?? "").trimStart() : (lead ?? " ");
    text += gap + withNumbers(unlikeNumbers(said), numbers);
  }
  return { text: text.trim(), citations: [...citations.values()] };
}

/** Keeps an index in quoted code from reading as a citation. */
function unlikeNumbers(said: string): string {
  return said.replace(/\[(?=\d[\d,;\s–-]*\])/g, "[ ");
}

/** `It resumes.` and 1 give `It resumes [1].` */
function withNumbers(said: string, numbers: readonly number[]): string {
  if (numbers.length === 0) return said;
  const marks = numbers.map((n) => `[${n}]`).join("");
  const end = /[.!?:;]+$/.exec(said);
  return end ? `${said.slice(0, end.index).trimEnd()} ${marks}${end[0]}` : `${said} ${marks}`;
}
