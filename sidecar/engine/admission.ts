import type { Place, StartCause } from "../graph/place.ts";
import type { Step } from "../ports.ts";
import type { DurableBody } from "../protocol/events.ts";
import type { RunRecord } from "./record.ts";
import type { EnginePorts, RunInfo } from "./scope.ts";
import { unknownOutcome } from "./unknown.ts";

/** Crashes in a row after which an instance is not started again by itself. */
const crashLimit = 3;

/** What a place that is due gets: its start, or the events of the park, its own or the run's, that keeps it from starting. */
type Admission =
  | { readonly type: "start"; readonly step: Step; readonly attempt: number }
  | { readonly type: "park"; readonly bodies: readonly DurableBody[] };

/** Whether a step may start: it must be known here, and a crash must have left nothing that only a person can settle. */
export function admit(
  run: { readonly ports: EnginePorts; readonly info: RunInfo; readonly record: RunRecord },
  place: Place,
  cause: StartCause,
): Admission {
  const { instance } = place;
  const { node } = place.planned;
  const name = node.kind === "step" ? node.step : node.kind;
  const step = run.ports.steps.get(name);
  if (!step) {
    const detail = `There is no step ${name} here; update Podium or the workflow.`;
    return { type: "park", bodies: [{ kind: "run-park", reason: "definition_missing", detail }] };
  }
  if (cause === "crash" && place.crashes >= crashLimit) {
    const detail = `Podium stopped ${crashLimit} times in a row while this step ran; look at its log, then resume.`;
    return { type: "park", bodies: [{ kind: "step-park", instance, reason: "crash_loop", detail }] };
  }
  const unknown = cause === "crash" ? unknownOutcome(run, instance, step) : null;
  return unknown ? { type: "park", bodies: unknown } : { type: "start", step, attempt: place.attempt + 1 };
}
