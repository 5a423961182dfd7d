import type { Finding, FindingSignal, HeldFinding } from "../protocol/review.ts";
import { evidenceStands } from "./evidence.ts";

export interface Verdict {
  readonly verdict: string;
  readonly evidence: string;
}

type Hold = Pick<HeldFinding, "reason" | "by">;

function holdOf(verdict: Verdict | null, text: string | null): Hold | null {
  switch (verdict?.verdict) {
    case "real":
      return text !== null && evidenceStands(verdict.evidence, text)
        ? null
        : { reason: "evidence_not_found", by: "verifier" };
    case "not_real":
      return { reason: "not_real", by: "verifier" };
    case "unsure":
      return { reason: "unsure", by: "verifier" };
    default:
      return { reason: "not_verified", by: "verifier" };
  }
}

const capped = (finding: Finding): Finding => ({
  ...finding,
  severity: finding.severity === "high" ? "medium" : finding.severity,
});

/**
 * What becomes of one item: rule findings and what is already held pass; a model's finding needs the verdict `real`
 * with evidence that stands in the file. In depth quick nothing was checked, so it is medium at most.
 */
export function judge(
  item: FindingSignal,
  verdict: Verdict | null,
  text: string | null,
  depth: "quick" | "normal",
): FindingSignal {
  if ("reason" in item || item.verified) return item;
  if (item.severity === "low") return { ...item, reason: "low", by: "rule" };
  if (depth === "quick") return capped(item);
  const hold = holdOf(verdict, text);
  if (hold !== null) return { ...item, ...hold };
  return { ...item, verified: true, evidence: verdict?.evidence.trim() ?? "" };
}
