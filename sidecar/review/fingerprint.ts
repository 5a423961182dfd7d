import type { DiffFile, Digest } from "../ports.ts";
import { normalise } from "./anchor.ts";

/** The declaration that git names in the hunk header above a line, or "". */
export function enclosingSymbol(file: DiffFile, line: number): string {
  const hunk = file.hunks.findLast(({ newStart, lines }) => newStart <= line && line < newStart + Math.max(1, lines));
  const header = hunk?.text.split("\n", 1)[0] ?? "";
  return normalise(header.replace(/^@@[^@]*@@/, ""));
}

/** The stable name of a finding: 16 hex of sha256(rule, path, normalised quote, enclosing symbol). */
export const fingerprint = (rule: string, path: string, quote: string, symbol: string, digest: Digest): string =>
  digest(JSON.stringify([rule, path, normalise(quote), symbol])).slice(0, 16);

/** Gives repeats of one fingerprint the ids `x`, `x-2`, `x-3` … in list order. */
export function numberRepeats<T extends { readonly id: string }>(findings: readonly T[]): readonly T[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const count = (seen.get(finding.id) ?? 0) + 1;
    seen.set(finding.id, count);
    return count === 1 ? finding : { ...finding, id: `${finding.id}-${count}` };
  });
}
