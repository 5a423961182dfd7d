import type { RunRow, StepRow } from "../../sidecar/protocol/results.ts";
import { isEnded, type Model, waitingRuns } from "../state.ts";
import { cut, type Row, type View } from "./row.ts";

type Look = { readonly icon: string; readonly colour?: string; readonly context: string; readonly word: string };

const dayMs = 86_400_000;
const mostSteps = 200;

function lookOf(row: RunRow): Look {
  if (row.imported) return { icon: "archive", context: "run.done", word: "imported" };
  switch (row.status) {
    case "queued":
      return { icon: "clock", context: "run.queued", word: "queued" };
    case "running":
      return { icon: "sync", context: "run.running", word: "running" };
    case "parked":
      return (row.waits ?? 0) > 0
        ? { icon: "bell-dot", colour: "list.warningForeground", context: "run.waiting", word: "waiting for you" }
        : { icon: "debug-pause", context: "run.parked", word: `paused: ${parkedText(row.reason)}` };
    case "succeeded":
      return { icon: "pass", colour: "testing.iconPassed", context: "run.done", word: "done" };
    case "failed":
      return { icon: "error", colour: "list.errorForeground", context: "run.failed", word: "failed" };
    case "cancelled":
      return { icon: "circle-slash", context: "run.cancelled", word: "cancelled" };
  }
}

const parkedTexts: { readonly [reason: string]: string } = {
  provider: "no model server",
  budget: "budget used",
  storage: "disk full",
  trust: "not trusted",
  unsafe_unknown: "outcome unknown",
  definition_missing: "workflow is gone",
  crash_loop: "it crashed again and again",
};
const parkedText = (reason: string | undefined): string => parkedTexts[reason ?? ""] ?? "by you";

const stepIcons: { readonly [S in StepRow["status"]]: string } = {
  pending: "circle-outline",
  ready: "clock",
  running: "sync",
  done: "pass",
  failed: "error",
  skipped: "circle-slash",
  parked: "debug-pause",
};

/** 850 → `850 ms`, 12 400 → `12 s`. */
export const duration = (ms: number): string =>
  ms < 1000 ? `${ms} ms` : ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;

/** The steps of a run by their instance paths: `found[3]/draft` lies below `found[3]` below `found`. */
export function stepRows(run: string, steps: readonly StepRow[]): readonly Row[] {
  const shown = steps.slice(0, mostSteps);
  const rows = shown.map((step): Row => {
    const name = step.instance.slice(step.instance.lastIndexOf("/") + 1);
    const attempts = step.attempt > 1 ? ` · attempt ${step.attempt}` : "";
    return {
      id: `${run}/${step.instance}`,
      label: cut(step.instance.includes("/") ? `${"  ".repeat(step.instance.split("/").length - 1)}${name}` : name),
      description: `${step.ms === null ? step.status : duration(step.ms)}${attempts}`,
      tooltip: `${step.instance} · ${step.step}\n${step.status}${attempts}`,
      icon: stepIcons[step.status],
      context: `step.${step.status}`,
      run,
      click: { command: "podium.run.open", argument: run },
    };
  });
  if (steps.length <= mostSteps) return rows;
  const more: Row = {
    id: `${run}/more`,
    label: `${steps.length - mostSteps} more steps`,
    icon: "ellipsis",
    click: { command: "podium.run.open", argument: run },
  };
  return [...rows, more];
}

function runRow(row: RunRow, steps: (run: string) => Promise<readonly Row[]>): Row {
  const look = lookOf(row);
  const time = new Date(row.createdAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const took = row.endedAt === null ? look.word : duration(row.endedAt - row.createdAt);
  return {
    id: row.run,
    label: cut(row.title ?? row.workflow),
    description: took,
    tooltip: `${row.title ?? row.workflow}\n${time} · ${row.workflow} · ${look.word}${row.attempts > 1 ? ` · attempt ${row.attempts}` : ""}\n${row.run}`,
    icon: look.icon,
    ...(look.colour === undefined ? {} : { colour: look.colour }),
    context: look.context,
    run: row.run,
    click: { command: "podium.run.open", argument: row.run },
    children: () => steps(row.run),
  };
}

/** Runs, grouped by what they want from a person. Only this view has a badge: how many wait. */
export function runsView(model: Model, now: number, steps: (run: string) => Promise<readonly Row[]>): View {
  const waiting = waitingRuns(model);
  const today = new Date(now).setHours(0, 0, 0, 0);
  const open = model.runs.filter((row) => !isEnded(row) && !waiting.includes(row));
  const ended = model.runs.filter(isEnded);
  const group = (id: string, label: string, rows: readonly RunRow[], unfolded: boolean): readonly Row[] =>
    rows.length === 0
      ? []
      : [{ id, label, description: String(rows.length), unfolded, children: rows.map((row) => runRow(row, steps)) }];
  const rows = [
    ...group("waiting", "Waiting for you", waiting, true),
    ...group("running", "Running", open, true),
    ...group(
      "today",
      "Today",
      ended.filter((row) => row.createdAt >= today),
      true,
    ),
    ...group(
      "earlier",
      "Earlier",
      ended.filter((row) => row.createdAt < today && now - row.createdAt < 365 * dayMs),
      false,
    ),
  ];
  if (waiting.length === 0) return { rows };
  return { rows, badge: { value: waiting.length, tooltip: `${waiting.length} waiting for you` } };
}
