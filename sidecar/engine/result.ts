import { compareOrder, orderOf, parsePath } from "../graph/paths.ts";
import { planOf } from "../graph/plan.ts";
import type { Digest, RunStore } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Effect, Ref } from "../protocol/events.ts";
import type { Ir, Node } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import type { RunResult, RunShow, StepRow, Wait } from "../protocol/results.ts";
import type { AskView, OpView, RunView, StepView } from "../protocol/run.ts";
import { canonicalJson, toJson } from "../state/codec.ts";
import { readLog } from "./load.ts";
import { exportLog } from "./transfer.ts";

type GetBlob = (hash: string) => Promise<string | null>;

/** Exit codes of PRODUCT 4; 1 (a gate) and 2 (usage) belong to the command line. */
function exitOf(view: RunView): number {
  switch (view.status) {
    case "succeeded":
      return view.degraded && view.settings.requireModel ? 5 : 0;
    case "failed":
      return view.error?.code === "provider_unavailable" && view.settings.requireModel ? 5 : 4;
    case "cancelled":
      return 130;
    case "parked":
      return 3;
    case "queued":
    case "running":
      return 0;
  }
}

/** The whole command line that answers an ask. */
function answerWith(view: RunView, ask: AskView): string {
  const line = `podium runs answer ${view.run} ${ask.ask}`;
  if (ask.reason === "unsafe_unknown") return `${line} --retry|--done JSON|--skip`;
  if (ask.kind === "grant") return `${line} --grant`;
  const isApproval =
    nodeOf(view.ir, ask.instance)?.kind === "step" && stepName(view.ir, ask.instance).startsWith("approve@");
  return isApproval ? `${line} --value '{"approved":true}'` : `${line} --value JSON`;
}

/** A step that failed beside a parked one withdraws its ask. */
function waitsOf(view: RunView): Wait[] {
  if (view.imported || view.endedAt !== null) return [];
  return [...view.asks.values()]
    .filter((ask) => ["parked", "running"].includes(view.steps.get(ask.instance)?.status ?? ""))
    .map((ask) => ({
      ask: ask.ask,
      kind: ask.kind,
      title: ask.title,
      reason: ask.reason,
      answerWith: answerWith(view, ask),
    }));
}

function nodeOf(ir: Ir, instance: string): Node | null {
  let nodes: readonly Node[] = ir.nodes;
  let found: Node | null = null;
  for (const segment of parsePath(instance) ?? []) {
    found = nodes.find((node) => node.id === segment.id) ?? null;
    if (found?.kind === "map") nodes = found.nodes;
    else if (found?.kind === "switch") nodes = found.arms.find((arm) => arm.name === segment.arm)?.nodes ?? [];
    else nodes = [];
  }
  return found;
}

function stepName(ir: Ir, instance: string): string {
  const node = nodeOf(ir, instance);
  if (!node) return "unknown";
  if (node.kind === "step") return node.step;
  if (node.kind === "switch") return "switch@1";
  return instance.endsWith("]") ? "item@1" : "each@1";
}

const strength: readonly Effect[] = ["pure", "idempotent", "unsafe"];

/** The strongest effect among what a step did. */
const effectOf = (ops: readonly OpView[]): Effect =>
  ops.reduce<Effect>(
    (worst, op) => (strength.indexOf(op.effect) > strength.indexOf(worst) ? op.effect : worst),
    "pure",
  );

function stepRow(view: RunView, step: StepView): StepRow {
  return {
    instance: step.instance,
    step: stepName(view.ir, step.instance),
    status: step.status,
    attempt: step.attempt,
    startedAt: step.startedAt,
    ms: step.ms,
    effect: effectOf(step.ops),
    ops: step.ops.map((op) => ({
      ordinal: op.ordinal,
      kind: op.kind,
      name: op.name,
      status: op.status,
      hash: op.hash,
      ms: op.endedAt === null ? null : Math.round(op.endedAt - op.startedAt),
      ...(op.usage === undefined ? {} : { usage: op.usage }),
    })),
  };
}

const phases = ["waitMs", "loadMs", "promptMs", "tokensMs", "toolMs", "youMs"] as const;

/** Where the time of a step went: the sum over its operations; a phase that one of them does not know is null. */
function timingRow(step: StepView): RunResult["timings"][number] {
  const row = { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs: 0 } as const;
  const sums: { [K in (typeof phases)[number]]: number | null } = { ...row };
  for (const { timings } of step.ops) {
    if (!timings) continue;
    for (const phase of phases) {
      const sum = sums[phase];
      const part = timings[phase];
      sums[phase] = sum === null || part === null ? null : sum + part;
    }
  }
  return { instance: step.instance, attempt: step.attempt, ...sums };
}

function inOrder(view: RunView): readonly StepView[] {
  const plan = planOf(view.ir);
  const rows = [...view.steps.values()].map((step) => ({ step, order: orderOf(plan, step.instance) }));
  return rows.sort((left, right) => compareOrder(left.order, right.order)).map(({ step }) => step);
}

const hashOfRef = (ref: Ref, digest: Digest): string => ("blob" in ref ? ref.blob : digest(canonicalJson(ref.inline)));

/** Equal inputs and equal model answers give the same one, in every door: nothing of time or ids is in it. */
function traceOf(steps: readonly StepView[], digest: Digest): string {
  const lines = steps
    .filter((step) => step.status === "done" && (step.delta !== undefined || step.ops.length > 0))
    .map((step): Json => {
      const ops = [...step.ops].sort((left, right) => left.ordinal - right.ordinal).map((op) => op.hash);
      return [step.instance, step.delta === undefined ? null : hashOfRef(step.delta, digest), ops];
    });
  return digest(canonicalJson(lines));
}

async function resultOf(ref: Ref | undefined, getBlob: GetBlob): Promise<Json> {
  if (ref === undefined) return null;
  if ("inline" in ref) return ref.inline;
  const json = await getBlob(ref.blob);
  if (json === null)
    throw new PodiumError("not_found", "This result was removed by the size limit; its figures are kept.");
  const value: unknown = JSON.parse(json);
  return toJson(value);
}

/** What every command that runs something prints with `--format json`. */
async function runResult(view: RunView, getBlob: GetBlob): Promise<RunResult> {
  return {
    run: view.run,
    workflow: view.workflow,
    status: view.status,
    exit: exitOf(view),
    degraded: view.degraded,
    denied: view.denied,
    ...(view.reason === null ? {} : { reason: view.reason }),
    waits: waitsOf(view),
    result: await resultOf(view.output, getBlob),
    timings: inOrder(view)
      .filter((step) => step.ops.length > 0)
      .map(timingRow),
    usage: view.usage,
    cost: { usd: 0 },
    egress: { bytes: view.egress.bytes, hosts: [...view.egress.hosts].sort() },
    models: [...view.models].sort(),
    ...(view.error === undefined ? {} : { error: view.error }),
  };
}

/** `runs show`: the result, one row per instance in graph order, and the trace. */
export async function runShow(view: RunView, getBlob: GetBlob, digest: Digest): Promise<RunShow> {
  const steps = inOrder(view);
  return {
    ...(await runResult(view, getBlob)),
    steps: steps.map((step) => stepRow(view, step)),
    trace: traceOf(steps, digest),
  };
}

/** `runs export`: JSON lines. */
export const runExport = async (store: RunStore, run: string, digest: Digest): Promise<string> =>
  exportLog({ store, digest }, await readLog(store, run));
