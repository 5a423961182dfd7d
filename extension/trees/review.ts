import type { FindingSignal } from "../../sidecar/protocol/review.ts";
import { heldBack, type Model, type ReviewSession, shownFindings } from "../state.ts";
import { cut, type Row, type View } from "./row.ts";

/** A place in the code: absolute root, path below it, 1-based lines. */
interface Location {
  readonly root: string;
  readonly path: string;
  readonly line: number | null;
  readonly endLine: number | null;
}

const icons = { high: "bug", medium: "info", low: "lightbulb" } as const;

const reasons: { readonly [R in Extract<FindingSignal, { reason: unknown }>["reason"]]: string } = {
  not_anchored: "quote not in the file",
  evidence_not_found: "evidence not found",
  not_real: "not real",
  unsure: "unsure",
  not_verified: "could not be checked",
  low: "minor",
  cap: "over the limit",
  duplicate: "said already",
  tool_said_it: "a tool said it",
  dismissed: "dismissed",
};

function findingRow(session: ReviewSession, finding: FindingSignal, index: number): Row {
  const { path, line, endLine } = finding;
  const where: Location = { root: session.root, path, line, endLine };
  const held = "reason" in finding ? reasons[finding.reason] : null;
  return {
    id: `${session.run}/${finding.id}/${index}`,
    label: cut(finding.title, 60),
    description: held ?? (line === null ? "" : `line ${line}`),
    tooltip: [
      finding.title,
      finding.claim,
      finding.trigger && `Trigger: ${finding.trigger}`,
      held && `Held back: ${held}`,
    ]
      .filter(Boolean)
      .join("\n\n"),
    icon: held === null ? icons[finding.severity] : "circle-slash",
    context: held === null ? "finding" : "held",
    click: { command: "podium.location", argument: where },
  };
}

function fileRow(session: ReviewSession, path: string, findings: readonly FindingSignal[]): Row {
  return {
    id: `${session.run}/${path}`,
    label: cut(path.slice(path.lastIndexOf("/") + 1)),
    description: path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "",
    tooltip: path,
    icon: "file",
    context: "file",
    unfolded: true,
    children: findings.map((finding, index) => findingRow(session, finding, index)),
  };
}

/** Review: session → file → finding, and what was held back with its reasons. */
export function reviewView(model: Model): View {
  const session = model.review;
  if (!session || session.findings.length === 0) return { rows: [] };
  const shown = shownFindings(session);
  const held = heldBack(session);
  const files = [...new Set(shown.map(({ path }) => path))];
  const rows: Row[] = files.map((path) =>
    fileRow(
      session,
      path,
      shown.filter((finding) => finding.path === path),
    ),
  );
  if (shown.length === 0)
    rows.push({ id: `${session.run}/clean`, label: "Nothing to report", icon: "check", colour: "testing.iconPassed" });
  if (held.length > 0) {
    rows.push({
      id: `${session.run}/held`,
      label: `Held back (${held.length})`,
      icon: "eye-closed",
      context: "heldBack",
      children: held.map((finding, index) => findingRow(session, finding, index)),
    });
  }
  return {
    rows,
    description: `${shown.length} finding${shown.length === 1 ? "" : "s"}`,
    message: session.ended ? session.title : `${session.title}: reviewing…`,
  };
}
