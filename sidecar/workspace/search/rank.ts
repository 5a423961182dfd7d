import type { SearchHit } from "../../ports.ts";
import type { Candidate } from "./store.ts";
import { stem, words } from "./words.ts";

const perFile = 2;
const considered = 160;

const weights: readonly (readonly [RegExp, number])[] = [
  [/(^|\/)(tests?|__tests__|spec|fixtures|bench)\//i, 0.5],
  [/(^|\/)(changelog|license|contributing)[^/]*$/i, 0.6],
  [/(^|\/)(\.github|\.ci|\.vscode)\//i, 0.8],
  [/\.(jsonl?|csv|tsv|xml|svg|lock)$/i, 0.5],
];
const weightOf = (path: string): number => weights.find(([pattern]) => pattern.test(path))?.[1] ?? 1;

const named = 1.35;
const exactly = 2;

/** A file whose own name is a word of the question is likely the one that was meant, most of all when it is nothing else. */
function nameWeight(path: string, asked: readonly string[]): number {
  const name = stemsOf(path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, ""));
  if (!asked.some((word) => name.has(word))) return 1;
  return name.size === 1 ? exactly : named;
}

interface Scored extends SearchHit {
  readonly stems: ReadonlySet<string>;
}

const stemsOf = (text: string): ReadonlySet<string> => new Set(words(text).map(stem));

/** How rare each word of the question is among the candidates: a word that all have says little. */
function rarity(asked: readonly string[], passages: readonly ReadonlySet<string>[]): ReadonlyMap<string, number> {
  const entries = asked.map((word): [string, number] => {
    const having = passages.filter((stems) => stems.has(word)).length;
    return [word, Math.log(1 + passages.length / (1 + having)) + 0.2];
  });
  return new Map(entries);
}

function coverage(weight: ReadonlyMap<string, number>, stems: ReadonlySet<string>): number {
  let covered = 0;
  let total = 0;
  for (const [word, value] of weight) {
    total += value;
    if (stems.has(word)) covered += value;
  }
  return total === 0 ? 0 : covered / total;
}

/**
 * Orders candidates: bm25, times how much of the question the passage and its file cover, times a weight of the path.
 * `read` gives the exact lines, or null when they are gone. At most two passages of a file.
 */
export function rank(
  question: readonly string[],
  candidates: readonly Candidate[],
  top: number,
  read: (candidate: Candidate) => string | null,
): readonly SearchHit[] {
  const asked = [...new Set(question.map(stem))];
  const passages = candidates.slice(0, considered).flatMap((candidate): readonly Scored[] => {
    const text = read(candidate);
    return text === null ? [] : [{ ...candidate, text, stems: stemsOf(`${candidate.path} ${text}`) }];
  });
  const weight = rarity(
    asked,
    passages.map(({ stems }) => stems),
  );
  const byFile = new Map<string, Set<string>>();
  for (const { path, stems } of passages) {
    const known = byFile.get(path) ?? new Set<string>();
    for (const word of asked) if (stems.has(word)) known.add(word);
    byFile.set(path, known);
  }
  const scored = passages.map(({ stems, ...hit }) => {
    const inFile = coverage(weight, byFile.get(hit.path) ?? new Set());
    const score =
      hit.score *
      (0.35 + coverage(weight, stems)) *
      (0.6 + 0.4 * inFile) *
      weightOf(hit.path) *
      nameWeight(hit.path, asked);
    return { ...hit, score: Math.round(score * 1000) / 1000 };
  });
  const counts = new Map<string, number>();
  const chosen: SearchHit[] = [];
  for (const hit of scored.toSorted((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1) || a.line - b.line)) {
    const count = counts.get(hit.path) ?? 0;
    if (chosen.length >= top) break;
    if (count >= perFile) continue;
    counts.set(hit.path, count + 1);
    chosen.push(hit);
  }
  return chosen;
}
