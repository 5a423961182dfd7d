import { isApprove } from "../graph/plan.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DurableBody } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { isObject } from "../state/codec.ts";
import type { OpenAsk, RunRecord } from "./record.ts";

/** Who answers: `door` is where (cli, vscode, http …), `human` whether the connection may give permissions. */
export interface Answerer {
  readonly by: string;
  readonly door: string;
  readonly human: boolean;
}

/** Finds the ask that is meant; `human` = this answer may be a permission. Throws `unknown_ask`, `already_answered`, `ask_gone` or `forbidden`. */
export function openAsk(record: RunRecord, ask: string | undefined, wasAsked: boolean, human: boolean): OpenAsk {
  const open = ask === undefined ? oldest(record) : record.asks.get(ask);
  if (!open) {
    if (ask !== undefined && record.answered.has(ask)) {
      throw new PodiumError("already_answered", "This question has its answer already; the first one counts.");
    }
    if (ask === undefined || wasAsked) {
      throw new PodiumError("ask_gone", "This run waits for no answer any more; look at it with podium runs show.");
    }
    throw new PodiumError(
      "unknown_ask",
      `There is no question ${ask} in this run; podium runs show lists the open ones.`,
    );
  }
  if (open.kind === "grant" && !human) {
    throw new PodiumError("forbidden", "A permission needs a person: answer it in the editor or in a terminal.");
  }
  return open;
}

function oldest(record: RunRecord): OpenAsk | undefined {
  return [...record.asks.values()].sort((left, right) => left.seq - right.seq)[0];
}

interface Choice {
  readonly choice: "retry" | "done" | "skip";
  readonly value: Json;
}

/** An unknown outcome is answered `"retry"`, `"skip"`, `{"done": value}` or `{choice, value?}`. */
function choiceOf(value: Json): Choice {
  if (value === "retry" || value === "skip" || value === "done") return { choice: value, value: null };
  if (isObject(value)) {
    const { done, choice, value: given = null } = { done: undefined, choice: undefined, ...value };
    if (done !== undefined) return { choice: "done", value: done };
    if (choice === "retry" || choice === "skip" || choice === "done") return { choice, value: given };
  }
  throw new PodiumError("invalid_input", 'Answer an unknown outcome with "retry", "skip" or {"done": value}.');
}

/** A No needs nobody's leave. */
export const isRefusal = (value: Json): boolean => value === false || (isObject(value) && value["approved"] === false);

function checkApproval(value: Json): void {
  if (typeof value === "boolean") return;
  if (isObject(value) && typeof value["approved"] === "boolean") return;
  throw new PodiumError("invalid_input", 'Answer an approval with true, false or {"approved": true, "value": …}.');
}

/** The events that record an answer. Throws `invalid_input` for an answer of the wrong form. */
export function answerBodies(
  record: RunRecord,
  open: OpenAsk,
  value: Json,
  who: Answerer,
  now: number,
): readonly DurableBody[] {
  const { instance, op, ask } = open;
  const attempt = record.schedule.place(instance)?.attempt ?? 1;
  const answer: DurableBody = { kind: "answer", instance, op, ask, by: who.by, door: who.door, value };
  if (open.reason === "unsafe_unknown") {
    const chosen = choiceOf(value);
    const resolved: DurableBody = {
      kind: "op-resolve",
      instance,
      op,
      choice: chosen.choice,
      by: who.by,
      ...(chosen.choice === "done" ? { value: chosen.value } : {}),
    };
    if (chosen.choice === "skip") return [answer, resolved, { kind: "step-skip", instance }];
    if (chosen.choice === "retry") return [answer, resolved];
    const delta = { inline: chosen.value };
    if (op < 0) return [answer, resolved, { kind: "step-end", instance, attempt, ms: 0, delta }];
    return [answer, resolved, { kind: "op-end", instance, op, attempt, result: delta }];
  }
  if (open.kind === "grant") return [answer];
  const node = record.schedule.place(instance)?.planned.node;
  if (node && isApprove(node)) checkApproval(value);
  const youMs = Math.max(0, Math.round(now - open.at));
  const timings = { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs };
  return [answer, { kind: "op-end", instance, op, attempt, result: { inline: value }, timings }];
}
