import type { AnchorInput, DiffFile, Digest, DraftFinding, ReviewItem } from "../ports.ts";
import type { Finding, FindingSignal } from "../protocol/review.ts";
import { anchorQuote } from "./anchor.ts";
import { isDuplicate } from "./dedupe.ts";
import { enclosingSymbol, fingerprint } from "./fingerprint.ts";
import { newSides } from "./lines.ts";
import { categoryOf, severityOf } from "./severity.ts";

const around = 30;
const maxDrafts = 8;
const maxLine = 400;

/** The numbered lines around a finding, for whoever checks it. */
function sliceOf(file: DiffFile, newText: string | null, line: number | null, endLine: number | null): string {
  const numbered =
    newText === null ? newSides(file).flat() : newText.split(/\r?\n/).map((text, index) => ({ line: index + 1, text }));
  const from = (line ?? 1) - around;
  const to = (endLine ?? line ?? 1) + around;
  const lines = numbered.filter((each) => each.line >= from && each.line <= to);
  return [file.path, ...lines.map((each) => `${each.line}: ${each.text.slice(0, maxLine)}`)].join("\n");
}

function draftFinding(file: DiffFile, draft: DraftFinding, digest: Digest): FindingSignal {
  const place = anchorQuote(file, draft.quote);
  const category = categoryOf(draft.category);
  const rule = `model/${category}`;
  const trigger = draft.trigger?.trim() ?? "";
  const quote = place?.quote ?? draft.quote;
  const symbol = place === null ? "" : enclosingSymbol(file, place.line);
  const finding: Finding = {
    id: fingerprint(rule, file.path, quote, symbol, digest),
    path: file.path,
    line: place?.line ?? null,
    endLine: place?.endLine ?? null,
    quote,
    rule,
    category,
    severity: severityOf(category, trigger),
    title: draft.title?.trim() || draft.claim.split(/[.\n]/, 1)[0]?.slice(0, 80) || category,
    claim: draft.claim,
    trigger,
    verified: false,
    ...(draft.fix === undefined || !quote.includes(draft.fix.old) ? {} : { fix: draft.fix }),
  };
  return place === null ? { ...finding, reason: "not_anchored", by: "anchor" } : finding;
}

/** Marks what repeats an earlier finding of the same file. */
function withoutDuplicates(findings: readonly FindingSignal[]): readonly FindingSignal[] {
  const kept: Finding[] = [];
  return findings.map((finding) => {
    if ("reason" in finding) return finding;
    if (kept.some((other) => isDuplicate(other, finding))) return { ...finding, reason: "duplicate", by: "rule" };
    kept.push(finding);
    return finding;
  });
}

/** Everything said about one file, in order: rule findings first, then the model's, each anchored, held back or to be verified. */
export function reviewItems(input: AnchorInput, digest: Digest): readonly ReviewItem[] {
  const { file, newText, depth } = input;
  const drafted = input.drafts.slice(0, maxDrafts).map((draft) => draftFinding(file, draft, digest));
  return withoutDuplicates([...input.rules, ...drafted]).map((finding) => ({
    ...finding,
    slice: sliceOf(file, newText, finding.line, finding.endLine),
    verify: !("reason" in finding) && !finding.verified && finding.severity !== "low" && depth !== "quick",
  }));
}
