import type { ErrorCode, PodiumError } from "../protocol/errors.ts";
import type { RunShow } from "../protocol/results.ts";
import { ReviewResult, type Severity } from "../protocol/review.ts";
import type { FailOn } from "./arguments.ts";

const rank: Record<Severity, number> = { high: 3, medium: 2, low: 1 };
const gate: Record<FailOn, number> = { high: 3, medium: 2, none: 4 };

const usageCodes: ReadonlySet<ErrorCode> = new Set([
  "usage",
  "invalid_input",
  "invalid_workflow",
  "unknown_workflow",
  "unknown_run",
  "unknown_ask",
  "outside_workspace",
  "file_missing",
  "file_binary",
  "too_large",
  "too_deep",
  "not_a_repository",
  "forbidden",
  "model_missing",
]);

/** Podium cannot start or be reached, or there is no model. */
const noHubCodes: ReadonlySet<ErrorCode> = new Set([
  "no_hub",
  "hub_incompatible",
  "node_too_old",
  "data_unreadable",
  "data_corrupt",
  "data_newer",
  "data_in_use",
  "storage",
  "port_taken",
  "provider_unavailable",
]);

/** Exit code of an error that came before a run: 2 = the command line, 5 = no hub or no model, 4 = anything else. */
export function exitOfError(error: PodiumError): number {
  if (usageCodes.has(error.code)) return 2;
  return noHubCodes.has(error.code) ? 5 : 4;
}

/** The run's own exit code, then the gate over findings, then `--require-model`. */
export function exitOfRun(show: RunShow, failOn: FailOn, requireModel: boolean): number {
  if (show.exit !== 0) return requireModel && show.error?.code === "provider_unavailable" ? 5 : show.exit;
  if (requireModel && show.degraded) return 5;
  const review = ReviewResult.safeParse(show.result);
  const worst = review.success ? Math.max(0, ...review.data.findings.map(({ severity }) => rank[severity])) : 0;
  return worst >= gate[failOn] ? 1 : 0;
}
