import type { Digest, Message } from "../ports.ts";
import type { Usage } from "../protocol/events.ts";

/** What one running operation may use at most, and the share of its prompt that was not sent before. */
interface Reservation {
  readonly tokens: number;
  readonly freshShare: number;
}

/** The tokens of one run. A value: every function returns a new one. `limit` null = no budget. */
export interface Ledger {
  readonly limit: number | null;
  readonly used: number;
  readonly reserved: ReadonlyMap<string, Reservation>;
  /** Digests of the message prefixes that each model was sent in this run. */
  readonly sent: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A model call before it is made. `op` names it uniquely within the run; `promptTokens` is an estimate. */
export interface PlannedCall {
  readonly op: string;
  readonly model: string;
  readonly messages: readonly Message[];
  readonly promptTokens: number;
  readonly maxTokens: number;
}

export type Reserved =
  | { readonly fits: true; readonly ledger: Ledger }
  | { readonly fits: false; readonly needed: number; readonly left: number };

export function openLedger(limit: number | null): Ledger {
  return { limit, used: 0, reserved: new Map(), sent: new Map() };
}

/** Tokens that are neither used nor reserved; infinite without a limit. */
export function tokensLeft(ledger: Ledger): number {
  if (ledger.limit === null) return Number.POSITIVE_INFINITY;
  let reserved = 0;
  for (const { tokens } of ledger.reserved.values()) reserved += tokens;
  return ledger.limit - ledger.used - reserved;
}

/** Sets aside what a call may cost: its answer's limit and the part of the prompt this model has not read in this run. */
export function reserve(ledger: Ledger, call: PlannedCall, digest: Digest): Reserved {
  const { freshShare, keys } = fresh(ledger, call, digest);
  const needed = Math.ceil(call.promptTokens * freshShare) + call.maxTokens;
  const left = tokensLeft(ledger);
  if (needed > left) return { fits: false, needed, left };
  const reserved = new Map(ledger.reserved).set(call.op, { tokens: needed, freshShare });
  const known = new Set([...(ledger.sent.get(call.model) ?? []), ...keys]);
  return { fits: true, ledger: { ...ledger, reserved, sent: new Map(ledger.sent).set(call.model, known) } };
}

/** Replaces a reservation by what the call used; usage null = it failed before it used anything. */
export function settle(ledger: Ledger, op: string, usage: Usage | null): Ledger {
  const reservation = ledger.reserved.get(op);
  const reserved = new Map(ledger.reserved);
  reserved.delete(op);
  const share = reservation?.freshShare ?? 1;
  const burnt = usage === null ? 0 : usage.out + Math.ceil(usage.in * share);
  return { ...ledger, reserved, used: ledger.used + burnt };
}

/** Raises the limit after a person allowed more. */
export function extend(ledger: Ledger, tokens: number): Ledger {
  return { ...ledger, limit: ledger.limit === null ? null : ledger.limit + tokens };
}

function fresh(
  ledger: Ledger,
  { messages, model }: PlannedCall,
  digest: Digest,
): { readonly freshShare: number; readonly keys: readonly string[] } {
  const known = ledger.sent.get(model);
  const keys: string[] = [];
  let before = "";
  let total = 0;
  let old = 0;
  let inPrefix = true;
  for (const { content, role } of messages) {
    before = digest(JSON.stringify([before, role, content]));
    keys.push(before);
    inPrefix &&= known?.has(before) ?? false;
    total += content.length;
    if (inPrefix) old += content.length;
  }
  return { freshShare: total === 0 ? 1 : (total - old) / total, keys };
}
