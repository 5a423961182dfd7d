import { retryDelay, willRetry } from "../graph/retry.ts";
import type { PodiumError } from "../protocol/errors.ts";
import type { DurableBody } from "../protocol/events.ts";
import type { Attempt } from "./attempt.ts";
import { notesOf, type RunRecord } from "./record.ts";
import { type EnginePorts, type RunInfo, waitsForModel } from "./scope.ts";
import { askOutcome } from "./unknown.ts";

interface Failure {
  readonly ports: EnginePorts;
  readonly info: RunInfo;
  readonly record: RunRecord;
  readonly attempt: Attempt;
  readonly error: PodiumError;
}

/** What a failed attempt becomes: a park, an error, or an error with another try. */
export function failureBodies(failure: Failure): readonly DurableBody[] {
  const { ports, info, record, error } = failure;
  const { place, attempt, ms, effect, openEffects } = failure.attempt;
  const { instance } = place;
  if (error.code === "provider_unavailable" && waitsForModel(record)) {
    return [{ kind: "step-park", instance, reason: "provider", detail: error.message }];
  }
  const isUnsafe = (op: number): boolean => notesOf(record, instance).ops.get(op)?.effect === "unsafe";
  const unsafe = effect === "unsafe" ? -1 : [...openEffects].find(isUnsafe);
  if (unsafe !== undefined && error.code === "deadline") {
    return askOutcome(ports, info.run, instance, unsafe, "its timeout");
  }
  const shape = error.toShape();
  const failed: DurableBody = { kind: "step-error", instance, attempt, ms, error: shape };
  if (record.schedule.isDoomed(place) || !willRetry(place.planned.node, shape, place.retries)) return [failed];
  return [failed, { kind: "step-retry", instance, attempt, at: ports.clock.now() + retryDelay(place.retries) }];
}
