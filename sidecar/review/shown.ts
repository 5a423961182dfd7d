import type { Finding, FindingSignal, HeldFinding } from "../protocol/review.ts";
import { isDuplicate } from "./dedupe.ts";
import { numberRepeats } from "./fingerprint.ts";

const perFile = 3;
const perReview = 10;

export interface Shown {
  /** In log order. */
  readonly findings: readonly Finding[];
  readonly heldBack: readonly HeldFinding[];
}

const isHeld = (signal: FindingSignal): signal is HeldFinding => "reason" in signal;

/**
 * What a person sees of the signals of one review, in log order: at most 3 per file and 10 in all, first come.
 * The same fold for panel, diagnostics and result.
 */
export function shown(signals: readonly FindingSignal[]): Shown {
  const findings: Finding[] = [];
  const heldBack: HeldFinding[] = [];
  for (const signal of numberRepeats(signals)) {
    if (isHeld(signal)) heldBack.push(signal);
    else if (signal.severity === "low") heldBack.push({ ...signal, reason: "low", by: "rule" });
    else if (findings.some((finding) => isDuplicate(finding, signal)))
      heldBack.push({ ...signal, reason: "duplicate", by: "rule" });
    else if (findings.length >= perReview || findings.filter(({ path }) => path === signal.path).length >= perFile) {
      heldBack.push({ ...signal, reason: "cap", by: "cap" });
    } else findings.push(signal);
  }
  return { findings, heldBack };
}
