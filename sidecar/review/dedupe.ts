import type { Finding } from "../protocol/review.ts";
import { normalise } from "./anchor.ts";

const alike = 0.5;

function trigrams(text: string): ReadonlySet<string> {
  const plain = ` ${normalise(text).toLowerCase()} `;
  const found = new Set<string>();
  for (let index = 0; index + 3 <= plain.length; index += 1) found.add(plain.slice(index, index + 3));
  return found;
}

function jaccard(a: string, b: string): number {
  const [first, second] = [trigrams(a), trigrams(b)];
  const shared = [...first].filter((gram) => second.has(gram)).length;
  const all = first.size + second.size - shared;
  return all === 0 ? 1 : shared / all;
}

const overlaps = (a: Finding, b: Finding): boolean =>
  a.line !== null && b.line !== null && a.line <= (b.endLine ?? b.line) && b.line <= (a.endLine ?? a.line);

/** Two findings about one thing: same file, overlapping lines, and the same category or much the same claim. */
export const isDuplicate = (a: Finding, b: Finding): boolean =>
  a.path === b.path && overlaps(a, b) && (a.category === b.category || jaccard(a.claim, b.claim) >= alike);
