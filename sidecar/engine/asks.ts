import type { StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DurableBody, ParkReason } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { never, type Operations } from "./operations.ts";
import { isGranted } from "./record.ts";
import { replayOf } from "./replay.ts";

/** Parks, or holds the promise of a step that must not be invoked again. Resolves with the answer. */
async function grant(operations: Operations, op: number, title: string, show: Json, reason: ParkReason): Promise<Json> {
  const { invocation, scope, instance } = operations;
  const body = operations.askBody({ op, askKind: "grant", title, show, reason });
  if (invocation.effect === "unsafe") return invocation.hold(body);
  const isOpen = [...scope.record.asks.values()].some(
    (ask) => ask.instance === instance && ask.op === op && ask.digest === body.digest,
  );
  invocation.park(reason, title, isOpen ? [] : [body]);
  return never();
}

/** Asks a person before an unsafe operation. Throws `denied`. */
export async function permit(operations: Operations, ordinal: number, title: string, show: Json): Promise<void> {
  const known = operations.notes.grants.get(ordinal);
  const value =
    known?.digest === operations.digestOf(show) ? known.value : await grant(operations, ordinal, title, show, "ask");
  if (!isGranted(value)) throw new PodiumError("denied", `A person refused: ${title}`);
}

/** Asks for more once the tokens of the run are used up, before a model is called. Throws `budget`. */
export async function checkBudget(operations: Operations, ordinal: number): Promise<void> {
  const { record, info, journal } = operations.scope;
  const share = info.settings.budget.tokens;
  if (share === undefined) return;
  const limit = share * (1 + record.budgetGrants);
  if (!record.warned && record.tokens >= limit * 0.8) {
    journal.ride({ kind: "budget-warn", used: record.tokens, limit });
  }
  if (record.tokens < limit) return;
  const title = `This run has used ${record.tokens} of its ${limit} tokens. Allow ${share} more?`;
  const wasRefused = [...operations.notes.grants.values()].some((given) => !isGranted(given.value));
  const isAllowed =
    !wasRefused && isGranted(await grant(operations, ordinal, title, { used: record.tokens, limit }, "budget"));
  if (!isAllowed) throw new PodiumError("budget", `The budget of ${limit} tokens is used up and more was refused.`);
}

/** A question is an operation too: it parks the step, which is invoked again with the answer on record. */
export async function ask(operations: Operations, question: Parameters<StepContext["ask"]>[0]): Promise<Json> {
  const { invocation, scope, instance } = operations;
  if (!operations.admits()) return never();
  if (invocation.effect === "unsafe") {
    throw new PodiumError(
      "ask_needs_pure_step",
      "A step with effect unsafe cannot ask; declare its effect as pure or idempotent, or move the code into ctx.once.",
    );
  }
  const shown: Json = {
    title: question.title,
    show: question.show ?? null,
    edit: question.edit ?? false,
    key: question.key ?? null,
  };
  const hash = operations.hash(shown);
  const ordinal = operations.ordinals.next(question.key);
  const replay = replayOf(operations.notes, ordinal, hash);
  if (replay.type === "result") return replay.op.result === null ? null : scope.load(replay.op.result);
  if (replay.type === "unknown") return operations.unknown(replay.op.ordinal, "an operation");
  if (replay.type === "open") {
    invocation.park("ask", question.title, []);
    return never();
  }
  const start: DurableBody = {
    kind: "op-start",
    instance,
    op: ordinal,
    attempt: invocation.attempt,
    opKind: "ask",
    name: "ask",
    ...(question.key === undefined ? {} : { key: question.key }),
    hash,
    effect: "idempotent",
    request: scope.journal.refOf(shown),
  };
  const { show: _, ...body } = operations.askBody({
    op: ordinal,
    askKind: "question",
    title: question.title,
    show: shown,
    reason: "ask",
  });
  const asked: DurableBody = {
    ...body,
    ...(question.show === undefined ? {} : { show: question.show }),
    ...(question.edit === undefined ? {} : { edit: question.edit }),
  };
  invocation.park("ask", question.title, [start, asked]);
  return never();
}
