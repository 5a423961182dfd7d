import type { StepStatus, Timings } from "../sidecar/protocol/events.ts";
import { activityText, type Live } from "../sidecar/protocol/live.ts";
import type { RunView, StepView } from "../sidecar/protocol/run.ts";

/** One phase of a bar, ms from the run's start. */
interface Segment {
  readonly phase: "wait" | "load" | "prompt" | "tokens" | "tool" | "you";
  readonly from: number;
  readonly to: number;
}

export interface Row {
  readonly instance: string;
  readonly label: string;
  readonly detail: string;
  readonly level: number;
  readonly status: StepStatus;
  readonly hasChildren: boolean;
  readonly open: boolean;
  readonly ms: number | null;
  readonly segments: readonly Segment[];
}

const phases = ["waitMs", "loadMs", "promptMs", "tokensMs", "toolMs", "youMs"] as const;
const phaseName: Record<(typeof phases)[number], Segment["phase"]> = {
  waitMs: "wait",
  loadMs: "load",
  promptMs: "prompt",
  tokensMs: "tokens",
  toolMs: "tool",
  youMs: "you",
};

function segmentsOf(step: StepView, origin: number, now: number): Segment[] {
  return step.ops.flatMap((op) => {
    const from = op.startedAt - origin;
    const to = (op.endedAt ?? now) - origin;
    if (!op.timings)
      return [
        {
          phase: op.kind === "ask" ? ("you" as const) : op.kind === "model" ? ("tokens" as const) : ("tool" as const),
          from,
          to,
        },
      ];
    return splitTimings(op.timings, from);
  });
}

function splitTimings(timings: Timings, start: number): Segment[] {
  let from = start;
  return phases.flatMap((phase) => {
    const ms = timings[phase] ?? 0;
    if (ms === 0) return [];
    const segment = { phase: phaseName[phase], from, to: from + ms };
    from += ms;
    return [segment];
  });
}

const parentOf = (instance: string): string => {
  const slash = instance.lastIndexOf("/");
  const parent = slash < 0 ? "" : instance.slice(0, slash);
  return parent;
};
/** `found[3]` hangs below `found`, `found[3]/draft` below `found[3]`. */
const treeParent = (instance: string): string => {
  const last = instance.slice(instance.lastIndexOf("/") + 1);
  const bracket = last.indexOf("[");
  return bracket > 0 ? instance.slice(0, instance.length - last.length + bracket) : parentOf(instance);
};

function detailOf(step: StepView, live: Live, now: number): string {
  const activity = [...live.values()].find((candidate) => candidate.instance === step.instance);
  if (activity) return activityText(activity, now);
  if (step.status === "parked") return step.reason === "ask" ? "waiting for you" : (step.reason ?? "waiting");
  if (step.error) return step.error.code;
  if (step.n !== undefined) return `${step.n} items`;
  return step.ops.map(({ name }) => name).join(", ");
}

/** The visible rows of the tree, in the order of the log; closed rows hide what is below them. */
export function rowsOf(view: RunView, live: Live, closed: ReadonlySet<string>, now: number): Row[] {
  const children = new Map<string, string[]>();
  const all = new Set<string>(view.steps.keys());
  for (const instance of view.steps.keys()) {
    for (let parent = treeParent(instance); parent !== "" && !all.has(parent); parent = treeParent(parent))
      all.add(parent);
  }
  for (const instance of all) {
    const parent = treeParent(instance);
    children.set(parent, [...(children.get(parent) ?? []), instance]);
  }
  const rows: Row[] = [];
  const walk = (parent: string, level: number): void => {
    for (const instance of children.get(parent) ?? []) {
      const step = view.steps.get(instance);
      const open = !closed.has(instance);
      const below = children.has(instance);
      rows.push({
        instance,
        label: instance.slice(parent.length).replace(/^\//, ""),
        detail: step ? detailOf(step, live, now) : "",
        level,
        status: step?.status ?? "running",
        hasChildren: below,
        open,
        ms: step?.ms ?? (step?.startedAt ? now - step.startedAt : null),
        segments: step ? segmentsOf(step, view.createdAt, now) : [],
      });
      if (below && open) walk(instance, level + 1);
    }
  };
  walk("", 1);
  return rows;
}
