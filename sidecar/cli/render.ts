import type { ModelsResult } from "../protocol/models.ts";
import type { CheckResult, DoctorResult, RunResult, RunShow, RunsResult } from "../protocol/results.ts";
import { AskResult, ReviewResult } from "../protocol/review.ts";
import { fit, type Style, seconds, table, visible } from "./text.ts";

const place = (path: string, line: number | null, endLine: number | null): string =>
  line === null ? path : endLine !== null && endLine !== line ? `${path}:${line}-${endLine}` : `${path}:${line}`;

function renderAnswer(result: AskResult, style: Style): string {
  const citations = result.citations.map(
    (citation) => `  [${citation.n}] ${place(citation.path, citation.line, citation.endLine)}`,
  );
  const note = result.note === undefined ? [] : ["", style.dim(visible(result.note))];
  return [
    visible(result.text),
    ...(citations.length > 0 ? ["", style.bold("Sources"), ...citations] : []),
    ...note,
  ].join("\n");
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

function renderReview(result: ReviewResult, style: Style): string {
  const head = `${result.scope}: ${counted(result.files, "file")}, ${counted(result.hunks, "hunk")}`;
  const findings = result.findings.flatMap((finding) => [
    `${finding.severity === "high" ? style.yellow("high  ") : finding.severity.padEnd(6)} ${style.bold(visible(finding.title))}`,
    `       ${place(finding.path, finding.line, finding.endLine)}${finding.verified ? " · verified" : ""} · ${finding.rule}`,
    `       ${visible(finding.claim)}`,
    ...(finding.trigger ? [style.dim(`       Trigger: ${visible(finding.trigger)}`)] : []),
    "",
  ]);
  const held = result.heldBack.map((finding) =>
    style.dim(
      `  ${finding.reason} (${finding.by}): ${visible(finding.title)} ${place(finding.path, finding.line, finding.endLine)}`,
    ),
  );
  const omitted = result.omitted.map(({ path, why }) => style.dim(`  ${path}: ${why}`));
  const nothing = result.findings.length === 0 ? [style.green("✓ Nothing to report."), ""] : [];
  return [
    head,
    "",
    ...findings,
    ...nothing,
    ...(held.length > 0 ? [`Held back (${held.length})`, ...held] : []),
    ...(omitted.length > 0 ? [`Not looked at (${omitted.length})`, ...omitted] : []),
  ]
    .join("\n")
    .trimEnd();
}

/** Where the time went, a row per step. */
function renderTimings(result: RunResult): string {
  const rows = result.timings
    .filter((row) => [row.waitMs, row.loadMs, row.promptMs, row.tokensMs, row.toolMs, row.youMs].some((ms) => ms !== 0))
    .map((row) => [
      row.instance,
      ...[row.waitMs, row.loadMs, row.promptMs, row.tokensMs, row.toolMs, row.youMs].map(seconds),
    ]);
  if (rows.length === 0) return "";
  return table([["step", "wait", "load", "prompt", "tokens", "tool", "you"], ...rows], new Set([1, 2, 3, 4, 5, 6]));
}

/** What left the machine, in one line. */
const renderEgress = (result: RunResult): string =>
  result.egress.bytes === 0
    ? "0 bytes left this machine"
    : `${result.egress.bytes} bytes left this machine, to ${result.egress.hosts.join(", ")}`;

/** A finished or waiting run for people: the result first, then where the time went, what left, and the run id. */
export function renderRun(result: RunResult, style: Style): string {
  const answer = AskResult.safeParse(result.result);
  const review = ReviewResult.safeParse(result.result);
  const body = review.success
    ? renderReview(review.data, style)
    : answer.success
      ? renderAnswer(answer.data, style)
      : result.result === null || result.result === undefined
        ? `${result.status}${result.reason ? `: ${result.reason}` : ""}`
        : visible(typeof result.result === "string" ? result.result : JSON.stringify(result.result, null, 2));
  const usage = `${result.usage.in} tokens in · ${result.usage.out} out${result.usage.estimated ? " (estimated)" : ""} · ${result.usage.cached} from cache`;
  return [
    body,
    "",
    style.bold("Where the time went"),
    renderTimings(result) || "  nothing took a millisecond",
    "",
    [usage, result.models.length > 0 ? result.models.join(", ") : "no model"].join(" · "),
    renderEgress(result),
    `run ${result.run}`,
  ].join("\n");
}

/** The one command that would give this machine a model. */
export function wayToModel({ endpoints, installed }: ModelsResult): string {
  const pull = "ollama pull qwen2.5-coder:7b";
  if (endpoints.some(({ flavour, state }) => flavour === "ollama" && state !== "down")) return pull;
  return installed?.[0]?.start ?? `install Ollama (https://ollama.com), then: ${pull}`;
}

/** `width` = characters of a line; null = as wide as it gets. */
export function renderRuns({ runs: rows, next }: RunsResult, width: number | null): string {
  if (rows.length === 0) return "No runs yet.";
  const listed = table([
    ["run", "workflow", "status", "started", "took", "about"],
    ...rows.map((row) => [
      row.run,
      row.workflow,
      row.reason ? `${row.status} (${row.reason})` : row.status,
      new Date(row.createdAt).toISOString().slice(0, 19).replace("T", " "),
      row.endedAt === null ? "" : seconds(row.endedAt - row.createdAt),
      visible((row.title ?? "").slice(0, 60)),
    ]),
  ]);
  const older = next === undefined ? [] : [`older ones: podium runs ls --before ${next}`];
  return [...listed.split("\n").map((line) => fit(line, width)), ...older].join("\n");
}

export function renderShow(show: RunShow, style: Style): string {
  const steps = show.steps.map((step) => [
    `${"  ".repeat(step.instance.split("/").length - 1)}${step.instance}`,
    step.step,
    step.status,
    String(step.attempt),
    step.ms === null ? "" : seconds(step.ms),
    step.ops.map((op) => `${op.name}${op.status === "done" ? "" : ` ${op.status}`}`).join(", "),
  ]);
  const failure = show.error
    ? [
        style.red(`${show.error.code}: ${show.error.message}`),
        ...(show.error.cause ? [style.dim(show.error.cause)] : []),
        "",
      ]
    : [];
  return [
    `${show.workflow} · ${show.status}${show.reason ? ` (${show.reason})` : ""}`,
    "",
    ...failure,
    table([["step", "runs", "status", "attempt", "took", "operations"], ...steps]),
    "",
    renderRun(show, style),
  ].join("\n");
}

export function renderModels(models: ModelsResult, width: number | null): string {
  const rows = models.endpoints.flatMap((endpoint) => [
    [endpoint.flavour, endpoint.url, endpoint.state, "", ""],
    ...endpoint.models.map((model) => [
      "",
      visible(model.ref),
      model.loaded ? "loaded" : model.remote ? "elsewhere" : "installed",
      model.context.allocated === null
        ? `${model.context.trained ?? "?"}`
        : `${model.context.allocated} of ${model.context.trained ?? "?"}`,
      model.roles.join(", "),
    ]),
  ]);
  const details = models.endpoints.flatMap(({ url, detail }) => (detail === undefined ? [] : [`${url}: ${detail}`]));
  const stopped = (models.installed ?? []).map(
    ({ flavour, start }) => `${flavour} is installed, not running. Start it with: ${start}`,
  );
  const listed = table([["server", "model", "state", "context", "roles"], ...rows]);
  const nobody = models.endpoints.some(({ state }) => state === "answers")
    ? []
    : [
        "No model server answers on this machine.",
        ...(stopped.length > 0 ? [] : [`To have a model: ${wayToModel(models)}`]),
      ];
  const shown = rows.length === 0 ? [] : listed.split("\n").map((line) => fit(line, width));
  return [...shown, ...details.map(visible), ...stopped, ...nobody].join("\n");
}

export const renderDoctor = (result: DoctorResult, style: Style): string =>
  result.checks
    .map(
      (check) =>
        `${check.ok ? style.green("✓") : style.red("✗")} ${check.id}: ${visible(check.message)}${check.fix ? `\n    ${check.fix}` : ""}`,
    )
    .join("\n");

export const renderCheck = (result: CheckResult): string =>
  result.files
    .flatMap(({ path, problems }) =>
      problems.length === 0
        ? [`${path}: ok`]
        : problems.map((problem) => `${path}:${problem.line}:${problem.column} ${problem.code}: ${problem.message}`),
    )
    .join("\n");
