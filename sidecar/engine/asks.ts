import type { StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { DurableBody, ParkReason } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { never, type Operations } from "./operations.ts";
import { isGranted } from "./record.ts";
import { replayOf } from "./replay.ts";
import type { OperationScope } from "./scope.ts";

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

interface Budgeted {
  readonly used: number;
  readonly limit: number;
  readonly title: string;
  readonly spent: string;
}

/** The part of the budget that is used up; null while none is. */
function usedUp({ record, info }: OperationScope): Budgeted | null {
  const { tokens, minutes } = info.settings.budget;
  const times = 1 + record.budgetGrants;
  if (tokens !== undefined && record.tokens >= tokens * times) {
    const [used, limit] = [record.tokens, tokens * times];
    const title = `This run has used ${used} of its ${limit} tokens. Allow ${tokens} more?`;
    return { used, limit, title, spent: `${limit} tokens` };
  }
  const worked = Math.floor(record.workedMs / 6000) / 10;
  if (minutes !== undefined && record.workedMs >= minutes * times * 60_000) {
    const limit = minutes * times;
    const title = `This run has worked ${worked} of its ${limit} minutes. Allow ${minutes} more?`;
    return { used: worked, limit, title, spent: `${limit} minutes` };
  }
  return null;
}

/** Asks for more once the tokens or minutes of the run are used up, before an operation begins. Throws `budget`. */
export async function checkBudget(operations: Operations, ordinal: number): Promise<void> {
  const { scope } = operations;
  warnOfTokens(scope);
  const over = usedUp(scope);
  if (over === null) return;
  const { used, limit, title, spent } = over;
  const wasRefused = [...operations.notes.grants.values()].some((given) => !isGranted(given.value));
  const isAllowed = !wasRefused && isGranted(await grant(operations, ordinal, title, { used, limit }, "budget"));
  if (!isAllowed) throw new PodiumError("budget", `The budget of ${spent} is used up and more was refused.`);
}

function warnOfTokens({ record, info, journal }: OperationScope): void {
  const { tokens } = info.settings.budget;
  if (tokens === undefined || record.warned) return;
  const limit = tokens * (1 + record.budgetGrants);
  if (record.tokens >= limit * 0.8) journal.ride({ kind: "budget-warn", used: record.tokens, limit });
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
