import { type Node, RetryPolicy } from "../protocol/ir.ts";
import { type Fields, fieldsOf, type Gathered, place, plainOf, report, textField } from "./reading.ts";
import type { Entry, Written } from "./written.ts";

/** What every step has, whatever its verb. */
export type Common = Pick<Node, "id" | "needs" | "retry" | "timeoutMs" | "onError">;

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The written id, the given one for if and switch, or a stand-in when it is missing (reported). */
export function idOf(into: Gathered, written: Written & { kind: "map" }, verb: string, given: string | null): string {
  const entry = written.entries.find((each) => each.key === "id");
  const isText = entry?.value.kind === "scalar" && typeof entry.value.value === "string";
  if (entry?.value.kind === "scalar" && isText) return String(entry.value.value);
  const range = entry?.value.range ?? written.entries.find((each) => each.key === verb)?.keyRange ?? written.range;
  if (entry) report(into, range, "type", "An id is a word such as answer.");
  else if (given === null)
    report(into, range, "missing_key", `A step with ${verb} needs an id; later steps read its value by it.`);
  return given ?? `${verb}_${range.line}`;
}

/** A whole number from 1 to `max`; undefined when absent or reported. */
export function wholeNumber(fields: Fields, key: string, max: number): number | undefined {
  const written = fields.entries.get(key)?.value;
  if (!written) return undefined;
  const value = written.kind === "scalar" ? written.value : null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max) return value;
  report(fields.into, written.range, "type", `${key} is a whole number from 1 to ${max}.`);
  return undefined;
}

function namesOf(fields: Fields, entry: Entry): readonly string[] {
  const items = entry.value.kind === "list" ? entry.value.items : [entry.value];
  const names = items.map((item) => (item.kind === "scalar" && typeof item.value === "string" ? item.value : null));
  if (names.every((name) => name !== null)) return names;
  report(
    fields.into,
    entry.value.range,
    "type",
    "needs is a list of ids, such as [change, docs], or [] to start at once.",
  );
  return [];
}

/** Without `needs` a step waits for the ends of the list so far, through which all steps above are waited for. */
function needsOf(fields: Fields, id: string, ends: Set<string>): readonly string[] {
  const entry = fields.entries.get("needs");
  if (entry) place(fields, "needs", entry.value.range);
  const needs = entry ? namesOf(fields, entry) : [...ends];
  for (const need of needs) ends.delete(need);
  ends.add(id);
  return needs;
}

function timeoutOf(fields: Fields): { readonly timeoutMs?: number } {
  const written = fields.entries.get("timeout")?.value;
  if (!written) return {};
  const text = written.kind === "scalar" ? String(written.value) : "";
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const timeoutMs = Math.round(Number(amount) * (units[unit ?? ""] ?? 0));
  if (timeoutMs > 0) return { timeoutMs };
  report(fields.into, written.range, "type", "timeout is a time with its unit, such as 90s or 5m.");
  return {};
}

function retryOf(fields: Fields): { readonly retry?: RetryPolicy } {
  const entry = fields.entries.get("retry");
  if (!entry || !fieldsOf(fields.into, entry.value, fields.path, "retry", ["max", "on"])) return {};
  const parsed = RetryPolicy.safeParse(plainOf(entry.value));
  if (parsed.success) return { retry: parsed.data };
  report(fields.into, entry.value.range, "type", "retry is { max: 1 to 10, on: [code, …] }.");
  return {};
}

function onErrorOf(fields: Fields): { readonly onError?: "fail" | "continue" } {
  const entry = fields.entries.get("onError");
  if (!entry) return {};
  if (entry.value.kind === "map") {
    report(fields.into, entry.value.range, "verb", "onError with steps is not available yet; it is fail or continue.");
    return {};
  }
  const text = textField(fields, "onError");
  if (text === "fail" || text === "continue") return { onError: text };
  if (text !== undefined) report(fields.into, entry.value.range, "type", "onError is fail or continue.");
  return {};
}

/** Reads what every step has; on an `each`, `onError` is about its items and read by it. */
export function commonOf(fields: Fields, id: string, ends: Set<string>, isEach: boolean): Common {
  const idEntry = fields.entries.get("id");
  if (idEntry) place(fields, "id", idEntry.value.range);
  return {
    id,
    needs: needsOf(fields, id, ends),
    ...retryOf(fields),
    ...timeoutOf(fields),
    ...(isEach ? {} : onErrorOf(fields)),
  };
}
