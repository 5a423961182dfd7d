import type { StepStatus } from "../sidecar/protocol/events.ts";
import { activityText, type Live } from "../sidecar/protocol/live.ts";
import type { RunView, StepView } from "../sidecar/protocol/run.ts";
import { parentOf } from "./labels.ts";
import { phaseSegments, type Segment } from "./phases.ts";
import { modelName, visible } from "./text.ts";

export interface Row {
  readonly instance: string;
  readonly detail: string;
  readonly level: number;
  readonly status: StepStatus;
  readonly hasChildren: boolean;
  readonly open: boolean;
  /** Among its siblings, from 1. */
  readonly place: number;
  readonly siblings: number;
  readonly ms: number | null;
  readonly segments: readonly Segment[];
}

interface Branch {
  readonly instance: string;
  readonly step: StepView | undefined;
  readonly children: readonly Branch[];
  readonly from: number | null;
  readonly to: number | null;
  readonly status: StepStatus;
}

const waitWords: Record<string, string> = {
  ask: "waiting for you",
  unsafe_unknown: "waiting for you",
  budget: "budget used up",
  provider: "waits for a model server",
  crash_loop: "ended Podium three times",
  paused: "paused",
};
const over: readonly StepStatus[] = ["done", "skipped", "failed"];

/** Rows that only hold others are as far as what they hold. */
function statusOf(step: StepView | undefined, children: readonly Branch[]): StepStatus {
  if (step?.error?.code === "cancelled") return "skipped";
  if (step && step.status !== "pending") return step.status;
  const has = (status: StepStatus): boolean => children.some((child) => child.status === status);
  if (has("running")) return "running";
  if (has("parked")) return "parked";
  if (has("failed")) return "failed";
  if (children.length > 0 && children.every((child) => over.includes(child.status))) return "done";
  return children.some((child) => child.status !== "pending") ? "running" : "pending";
}

function branchOf(view: RunView, instance: string, below: ReadonlyMap<string, readonly string[]>, now: number): Branch {
  const children = (below.get(instance) ?? []).map((child) => branchOf(view, child, below, now));
  const step = view.steps.get(instance);
  const known = (times: readonly (number | null)[]): number[] => times.filter((time) => time !== null);
  const starts = known([step?.startedAt ?? null, ...children.map(({ from }) => from)]);
  const ends = known([step?.startedAt ? (step.endedAt ?? null) : null, ...children.map(({ to }) => to)]);
  const status = statusOf(step, children);
  const isMoving = status === "running" || status === "parked";
  return {
    instance,
    step,
    children,
    status,
    from: starts.length > 0 ? Math.min(...starts) : null,
    to: starts.length === 0 ? null : isMoving ? now : ends.length > 0 ? Math.max(...ends) : view.endedAt,
  };
}

const took = (branch: Branch): number | null =>
  branch.from === null || branch.to === null ? (branch.step?.ms ?? null) : branch.to - branch.from;

function detailOf({ step, children, status }: Branch, doing: ReadonlyMap<string, string>): string {
  const activity = step && doing.get(step.instance);
  if (activity) return activity;
  if (!step) return status === "pending" ? "not started" : "";
  if (step.status === "parked") return waitWords[step.reason ?? ""] ?? "waiting";
  if (step.error) return step.error.code;
  if (step.n !== undefined) {
    const ended = children.filter((child) => over.includes(child.status)).length;
    return status === "running" ? `${ended} of ${step.n}` : String(step.n);
  }
  if (step.edges) return step.edges.includes("then") ? "yes" : step.edges.join(", ") || "no";
  const names = step.ops.map(({ kind, name }) => (kind === "model" ? modelName(name) : name));
  return [...new Set(names), ...(step.attempt > 1 ? [`attempt ${step.attempt}`] : [])].join(", ");
}

/** Every instance below its parent: first what the graph says will run, then what ran. */
function childrenOf(view: RunView): ReadonlyMap<string, readonly string[]> {
  const below = new Map<string, string[]>();
  const known = new Set<string>();
  const add = (instance: string): void => {
    if (instance === "" || known.has(instance)) return;
    known.add(instance);
    const parent = parentOf(instance);
    add(parent);
    const siblings = below.get(parent);
    if (siblings) siblings.push(instance);
    else below.set(parent, [instance]);
  };
  for (const node of view.ir.nodes) add(node.id);
  for (const instance of view.steps.keys()) add(instance);
  return below;
}

/** The visible rows of the tree; closed rows hide what is below them. `now` in ms. */
export function rowsOf(view: RunView, live: Live, closed: ReadonlySet<string>, now: number): readonly Row[] {
  const below = childrenOf(view);
  const doing = new Map([...live.values()].map((current) => [current.instance, visible(activityText(current, now))]));
  const rows: Row[] = [];
  const walk = (siblings: readonly Branch[], level: number): void => {
    for (const [index, branch] of siblings.entries()) {
      const { instance, step, children, status } = branch;
      const open = !closed.has(instance);
      rows.push({
        instance,
        detail: detailOf(branch, doing),
        level,
        status,
        hasChildren: children.length > 0,
        open,
        place: index + 1,
        siblings: siblings.length,
        ms: took(branch),
        segments:
          children.length > 0
            ? branch.from === null
              ? []
              : [{ phase: "span", from: branch.from - view.createdAt, to: (branch.to ?? now) - view.createdAt }]
            : step
              ? phaseSegments(step, view.createdAt, now)
              : [],
      });
      if (open) walk(children, level + 1);
    }
  };
  walk(
    (below.get("") ?? []).map((instance) => branchOf(view, instance, below, now)),
    1,
  );
  return rows;
}
