import type { Action } from "../graph/action.ts";
import { evaluate, evaluateCondition } from "../graph/evaluate.ts";
import type { Parse } from "../graph/expression.ts";
import type { Frame, Place } from "../graph/place.ts";
import { endScopeOf, scopeOf } from "../graph/view.ts";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { DurableBody, Ref } from "../protocol/events.ts";
import type { Ir } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { isList } from "../state/codec.ts";
import type { RunRecord } from "./record.ts";
import type { RunInfo } from "./scope.ts";

/** The events that answer an action; `value` is what the delta of the step-end among them refers to. */
interface Decided {
  readonly bodies: readonly DurableBody[];
  readonly value?: Json;
}

interface Options {
  readonly info: RunInfo;
  readonly ir: Ir;
  readonly record: RunRecord;
  readonly parse: Parse;
  readonly refOf: (value: Json) => Ref;
}

/** What needs nothing but the state: choices, lists, ends of items, maps and the run. Evaluated once, then recorded. */
export interface Decisions {
  bodiesOf(action: Exclude<Action, { type: "start" | "wait" | "end-run" }>): Decided;
  endRun(failure: (Action & { type: "end-run" })["error"]): DurableBody;
  /** Puts the items of the maps around a frame back after a restart. */
  restoreLists(frame: Frame): void;
}

export function createDecisions(options: Options): Decisions {
  /** The events of an action that needs nothing but the state: choices, ends of items and maps, skips, failures. */
  function bodiesOf(action: Exclude<Action, { type: "start" | "wait" | "end-run" }>): Decided {
    if (action.type === "skip") return { bodies: [{ kind: "step-skip", instance: action.place.instance }] };
    if (action.type === "fail") {
      return { bodies: [{ kind: "step-error", instance: action.instance, attempt: 1, ms: 0, error: action.error }] };
    }
    const instance = action.type === "end-item" ? action.instance : action.place.instance;
    try {
      if (action.type === "choose") return { bodies: [choice(action.place)] };
      if (action.type === "open") return { bodies: [opening(action.place)] };
      if (action.type === "end-item") return endItem(action.frame);
      return endMap(action.place);
    } catch (error) {
      const shape = toPodiumError(error, "expr_type").toShape();
      return { bodies: [{ kind: "step-error", instance, attempt: 1, ms: 0, error: shape }] };
    }
  }

  function choice(place: Place): DurableBody {
    const scope = scopeOf(place, options.info.input);
    const taken = place.planned.arms.find(
      (arm) => arm.when === null || evaluateCondition(arm.when, scope, options.parse),
    );
    const edges = taken ? [taken.name] : [];
    return { kind: "step-end", instance: place.instance, attempt: 1, ms: 0, edges };
  }

  function opening(place: Place): DurableBody {
    return { kind: "map-open", instance: place.instance, n: listOf(place).length };
  }

  /** The items of a map. Only their number is recorded: the state they come from is, so the same list comes again. */
  function listOf(place: Place): readonly Json[] {
    const { node } = place.planned;
    if (place.list || node.kind !== "map") return place.list ?? [];
    restoreLists(place.frame);
    const { info, parse } = options;
    const list = evaluate(parse(node.list), scopeOf(place, info.input));
    if (list !== null && !isList(list)) {
      throw new PodiumError("expr_type", `each of ${place.instance} needs a list; ${node.list} is something else.`);
    }
    place.list = list ?? [];
    return place.list;
  }

  function restoreLists(frame: Frame): void {
    for (let at: Frame | null = frame; at; at = at.owner?.frame ?? null) {
      if (at.kind === "item" && at.owner && at.owner.list === null) listOf(at.owner);
    }
  }

  function endItem(frame: Frame): Decided {
    const map = frame.owner?.planned.node;
    if (map?.kind !== "map") return { bodies: [] };
    const { info, parse } = options;
    restoreLists(frame);
    const scope = endScopeOf(frame, info.input);
    const kept = map.keep === undefined || evaluateCondition(map.keep, scope, parse);
    const last = map.nodes.at(-1);
    const value = kept
      ? map.yield === undefined
        ? last
          ? (scope(last.id) ?? null)
          : null
        : evaluate(parse(map.yield), scope)
      : null;
    const end: DurableBody = {
      kind: "step-end",
      instance: frame.instance,
      attempt: 1,
      ms: 0,
      kept,
      ...(kept ? { delta: options.refOf(value) } : {}),
    };
    if (!kept || map.emit === undefined) return { bodies: [end], value };
    return { bodies: [end, { kind: "signal", instance: frame.instance, name: map.emit, value }], value };
  }

  function endMap(place: Place): Decided {
    const { instance, items } = place;
    const failed = items.filter((item) => item.end?.error);
    const first = failed[0]?.end?.error;
    if (first && failed.length === items.length) {
      const error = { ...first, message: `All ${items.length} items failed; the first: ${first.message}` };
      return { bodies: [{ kind: "step-error", instance, attempt: 1, ms: 0, error }] };
    }
    const value = items.flatMap((item) => (item.end?.kept ? [item.end.value] : []));
    return { bodies: [{ kind: "step-end", instance, attempt: 1, ms: 0, delta: options.refOf(value) }], value };
  }

  function endRun(failure: (Action & { type: "end-run" })["error"]): DurableBody {
    const { record, ir, info, parse } = options;
    const { root } = record.schedule;
    const denied = root.places.some((place) => place.denied) ? { denied: true } : {};
    const degraded = record.degraded ? { degraded: true } : {};
    if (failure) return { kind: "run-end", status: "failed", error: failure, ...degraded };
    try {
      const output = evaluate(parse(ir.output), endScopeOf(root, info.input));
      return { kind: "run-end", status: "succeeded", output: options.refOf(output), ...denied, ...degraded };
    } catch (error) {
      return { kind: "run-end", status: "failed", error: toPodiumError(error, "expr_type").toShape(), ...degraded };
    }
  }
  return { bodiesOf, endRun, restoreLists };
}
