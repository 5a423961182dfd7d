import type { Digest, Ids, Step } from "../ports.ts";
import type { DurableBody } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { canonicalJson } from "../state/codec.ts";
import { notesOf, type RunRecord } from "./record.ts";
import type { EnginePorts, RunInfo } from "./scope.ts";

/**
 * Asks a person about an effect that may or may not have happened, and parks. `op` -1 = the step's own code.
 * `before` ends the sentence: what interrupted it.
 */
export function askOutcome(
  ports: { readonly ids: Ids; readonly digest: Digest },
  run: string,
  instance: string,
  op: number,
  before: string,
): readonly DurableBody[] {
  const show: Json = { instance, op };
  const title = `It is not known whether ${instance} took effect before ${before}. Run it again, take it as done, or skip the step?`;
  const digest = ports.digest(canonicalJson([run, instance, show]));
  const ask = ports.ids.next("ask");
  return [
    { kind: "ask", instance, op, ask, askKind: "grant", title, show, digest, reason: "unsafe_unknown" },
    { kind: "step-park", instance, reason: "unsafe_unknown", detail: title },
  ];
}

/** An unsafe operation, or a step with unsafe code of its own, was interrupted: only a person can say what happened. */
export function unknownOutcome(
  run: { readonly ports: EnginePorts; readonly info: RunInfo; readonly record: RunRecord },
  instance: string,
  step: Step,
): readonly DurableBody[] | null {
  const { ports, info, record } = run;
  const open = [...notesOf(record, instance).ops.values()].find(
    (op) => op.status === "open" && op.effect === "unsafe" && op.resolved === null && !op.stale,
  );
  if (step.effect === "unsafe") return askOutcome(ports, info.run, instance, -1, "Podium stopped");
  return open ? askOutcome(ports, info.run, instance, open.ordinal, "Podium stopped") : null;
}
