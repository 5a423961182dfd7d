import type { Citation } from "../protocol/review.ts";
import { notFound } from "./answer.ts";
import type { Passage } from "./citations.ts";
import { compose, supports } from "./citations.ts";
import { type Unit, unitsOf } from "./units.ts";
import { contentWords, sharedWords, wordList } from "./words.ts";

const most = 5;
const perPassage = 2;
/** Tests, fixtures and settings repeat a subject's words without explaining it. */
const aside = /(^|\/)(tests?|__tests__|fixtures?|specs?)\/|\.(test|spec)\.\w+$|\.(json|jsonl|lock|ya?ml)$/i;

/**
 * An answer made only of what the passages say, best passages first: up to five statements, each with its [n].
 * `Not found in this workspace.` without citations when the passages do not cover the question's content words.
 */
export function extractiveAnswer(
  question: string,
  passages: readonly Passage[],
): { readonly text: string; readonly citations: readonly Citation[] } {
  const wanted = contentWords(question);
  const clean = passages.map((passage) => withoutEchoes(passage, question));
  const chosen = covers(wanted, clean) ? choose(clean.map(unitsOf), wanted) : [];
  if (chosen.length === 0) return { text: notFound, citations: [] };
  return compose(
    chosen.map(({ passage, from, to, said }) => ({
      text: said,
      lead: "\n- ",
      sources: [{ passage, range: { from, to } }],
    })),
  );
}

/** Empties lines that only repeat the question, as a README or a list of tests does: a question is no answer. */
function withoutEchoes(passage: Passage, question: string): Passage & { readonly original: Passage } {
  const flat = (text: string): string => wordList(text).join(" ");
  const asked = flat(question);
  const lines = passage.text.split("\n").map((line) => (asked !== "" && flat(line).includes(asked) ? "" : line));
  return { ...passage, text: lines.join("\n"), original: passage };
}

/**
 * Whether the passages are about the question: they hold more than two thirds of its content words, one of them at least half.
 * Words that stand in every passage, such as the project's name, do not count.
 */
function covers(wanted: ReadonlySet<string>, passages: readonly Passage[]): boolean {
  const found = passages.map(({ path, text }) => contentWords(`${path}\n${text}`));
  const telling = [...wanted].filter((word) => found.length < 3 || !found.every((words) => words.has(word)));
  if (telling.length === 0) return wanted.size > 0 && passages.length > 0;
  const missing = telling.filter((word) => !found.some((words) => words.has(word))).length;
  const best = Math.max(0, ...found.map((words) => sharedWords(new Set(telling), words)));
  return missing * 3 < telling.length && best * 2 >= telling.length;
}

function choose(units: readonly (readonly Unit[])[], wanted: ReadonlySet<string>): readonly Unit[] {
  const weights = weigh(units, wanted);
  const fewest = Math.min(2, wanted.size);
  const open = units.flatMap((list, rank) =>
    list
      .filter((unit) => sharedWords(wanted, unit.words) >= fewest && supports(unit.said, unit.quote))
      .map((unit) => ({ unit, rank })),
  );
  const chosen: Unit[] = [];
  const covered = new Set<string>();
  const taken = new Map<number, number>();
  let top = 0;
  while (chosen.length < most) {
    let best: { unit: Unit; rank: number; score: number } | null = null;
    for (const { unit, rank } of open) {
      if ((taken.get(rank) ?? 0) >= perPassage || chosen.some((other) => repeats(unit, other))) continue;
      const score = scoreOf(unit, rank, weights, covered);
      if (best === null || score > best.score) best = { unit, rank, score };
    }
    if (best === null || best.score < top * 0.45) break;
    top = Math.max(top, best.score);
    chosen.push(best.unit);
    taken.set(best.rank, (taken.get(best.rank) ?? 0) + 1);
    for (const word of best.unit.words) covered.add(word);
  }
  return chosen;
}

/** Rare words of the question weigh more; `n` counts passages. */
function weigh(units: readonly (readonly Unit[])[], wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const word of wanted) {
    const n = units.filter((list) => list.some((unit) => unit.words.has(word))).length;
    weights.set(word, Math.log(1 + (units.length + 1) / (n + 0.5)));
  }
  return weights;
}

function scoreOf(unit: Unit, rank: number, weights: ReadonlyMap<string, number>, covered: ReadonlySet<string>): number {
  let score = 0;
  for (const [word, weight] of weights) {
    if (unit.words.has(word)) score += covered.has(word) ? weight * 0.5 : weight;
  }
  const length = unit.words.size;
  const shape = length < 4 ? 0.5 : length > 40 ? 0.8 : 1;
  const place = aside.test(unit.passage.path) ? 0.4 : 1;
  return score * shape * place * (unit.prose ? 1.4 : 0.8) * (1 + 1 / (rank + 2));
}

function repeats(one: Unit, other: Unit): boolean {
  const shared = sharedWords(one.words, other.words);
  return shared / Math.max(1, Math.min(one.words.size, other.words.size)) > 0.8;
}
