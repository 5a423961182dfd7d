import type { Attention } from "../sidecar/protocol/hub.ts";
import type { Item } from "../sidecar/protocol/methods.ts";
import type { ModelsResult } from "../sidecar/protocol/models.ts";
import type { RunRow, WorkflowInfo } from "../sidecar/protocol/results.ts";
import type { FindingSignal } from "../sidecar/protocol/review.ts";

/** Where the connection stands. `cold` = nothing was needed yet; `stopped` = it cannot be started, `error` says why. */
export type Link = "cold" | "starting" | "attached" | "reconnecting" | "stopped";

/** One review as the Review view shows it: findings in log order, held back ones included. */
export interface ReviewSession {
  readonly run: string;
  readonly title: string;
  readonly root: string;
  readonly ended: boolean;
  readonly findings: readonly FindingSignal[];
}

/** Everything this window knows. Folded from `hub.watch`; the status bar, the views and the context keys are functions of it. */
export interface Model {
  readonly trusted: boolean;
  readonly link: Link;
  /** Wall ms since when `link` is what it is. */
  readonly since: number;
  readonly error: string | null;
  readonly attention: Attention | null;
  readonly models: ModelsResult | null;
  /** Newest first. */
  readonly runs: readonly RunRow[];
  readonly workflows: readonly WorkflowInfo[];
  readonly working: { readonly run: string; readonly label: string; readonly queue: number } | null;
  readonly draining: number | null;
  readonly review: ReviewSession | null;
}

export const firstModel = (trusted: boolean, now: number): Model => ({
  trusted,
  link: "cold",
  since: now,
  error: null,
  attention: null,
  models: null,
  runs: [],
  workflows: [],
  working: null,
  draining: null,
  review: null,
});

export function withLink(model: Model, link: Link, now: number, error: string | null = null): Model {
  const since = model.link === link ? model.since : now;
  const gone = link === "attached" ? {} : { working: null, draining: null };
  return { ...model, ...gone, link, since, error };
}

/** Folds one item of `hub.watch`. Rows are merged by run, so a partial list and a whole one both work. */
export function withItem(model: Model, item: Item<"hub.watch">): Model {
  if ("runs" in item) return { ...model, runs: mergeRuns(model.runs, item.runs) };
  if ("models" in item) return { ...model, models: item.models };
  if ("attention" in item) return { ...model, attention: item.attention };
  if ("working" in item) return { ...model, working: item.working };
  if ("draining" in item) return { ...model, draining: item.draining.calls };
  return model;
}

function mergeRuns(known: readonly RunRow[], changed: readonly RunRow[]): readonly RunRow[] {
  const rows = new Map(known.map((row) => [row.run, row]));
  for (const row of changed) rows.set(row.run, row);
  return [...rows.values()].sort((left, right) => right.createdAt - left.createdAt);
}

export const isEnded = (row: RunRow): boolean =>
  row.status === "succeeded" || row.status === "failed" || row.status === "cancelled" || row.imported === true;

/** Runs of this window that wait for a person. */
export const waitingRuns = (model: Model): readonly RunRow[] =>
  model.runs.filter((row) => !isEnded(row) && row.status === "parked" && (row.waits ?? 0) > 0);

const runningRuns = (model: Model): readonly RunRow[] =>
  model.runs.filter((row) => !isEnded(row) && !waitingRuns(model).includes(row));

/** What the servers offer, in one word: the `podium.server` context key. */
export type ServerState = "searching" | "none" | "unfit" | "ready";

export function serverState(model: Model): ServerState {
  if (model.models === null) return "searching";
  const up = model.models.endpoints.filter((endpoint) => endpoint.state !== "down");
  if (up.length === 0) return "none";
  const main = model.models.roles["main"];
  return main !== undefined && up.some((endpoint) => endpoint.state === "answers") ? "ready" : "unfit";
}

export const shownFindings = (session: ReviewSession): readonly FindingSignal[] =>
  session.findings.filter((finding) => !("reason" in finding));

export const heldBack = (session: ReviewSession): readonly FindingSignal[] =>
  session.findings.filter((finding) => "reason" in finding);

/** The context keys that menus and welcome texts look at. */
export function contextKeys(model: Model): { readonly [key: string]: string | number } {
  const found = model.review ? shownFindings(model.review).length : 0;
  const review = model.review === null ? "none" : found > 0 ? "findings" : model.review.ended ? "clean" : "running";
  return {
    "podium.hub": model.link === "attached" ? "up" : model.link,
    "podium.server": serverState(model),
    "podium.review": review,
    "podium.findings": found,
    "podium.waiting": waitingRuns(model).length,
    "podium.running": runningRuns(model).length,
  };
}
