import { parseExpression } from "../graph/expression.ts";
import { didYouMean } from "../graph/nearest.ts";
import { splitTemplate } from "../graph/template.ts";
import { parseTypeText } from "../graph/type-text.ts";
import { toPodiumError } from "../protocol/errors.ts";
import type { Problem, SourceRange } from "../protocol/ir.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";
import type { Entry, Written } from "./written.ts";

/** What reading a file gathers: problems, and where each node (`found/draft`) and field (`found/draft#with.prompt`) is written. */
export interface Gathered {
  readonly problems: Problem[];
  readonly ranges: Map<string, SourceRange>;
}

/** A mapping being read: its fields by name, its path in the graph. */
export interface Fields {
  readonly into: Gathered;
  readonly path: string;
  readonly range: SourceRange;
  readonly entries: ReadonlyMap<string, Entry>;
}

export function report(into: Gathered, range: SourceRange, code: string, message: string): void {
  into.problems.push({
    code,
    message,
    line: range.line,
    column: range.column,
    endLine: range.endLine,
    endColumn: range.endColumn,
  });
}

/** The fields of a mapping; reports keys that are not allowed with the nearest one that is. Null = not a mapping, reported. */
export function fieldsOf(
  into: Gathered,
  written: Written,
  path: string,
  what: string,
  allowed: readonly string[],
): Fields | null {
  if (written.kind !== "map") {
    report(
      into,
      written.range,
      "type",
      `${what} is a mapping of ${allowed.slice(0, 4).join(", ")}${allowed.length > 4 ? " …" : ""}.`,
    );
    return null;
  }
  const entries = new Map<string, Entry>();
  for (const entry of written.entries) {
    if (allowed.includes(entry.key)) entries.set(entry.key, entry);
    else
      report(
        into,
        entry.keyRange,
        "unknown_key",
        `${what} has no key ${entry.key}.${didYouMean(entry.key, allowed) || ` It takes ${allowed.join(", ")}.`}`,
      );
  }
  return { into, path, range: written.range, entries };
}

/** Remembers where a field of the graph is written. */
export function place(fields: Fields, field: string, range: SourceRange): void {
  fields.into.ranges.set(`${fields.path}#${field}`, range);
}

function describe(written: Written): string {
  if (written.kind !== "scalar") return written.kind === "list" ? "a list" : "a mapping";
  return written.value === null ? "nothing" : String(JSON.stringify(written.value)).slice(0, 40);
}

/** A field's text, a number taken as its digits; undefined when absent or reported. */
export function textField(fields: Fields, key: string): string | undefined {
  const entry = fields.entries.get(key);
  if (!entry) return undefined;
  const { value } = entry;
  if (value.kind === "scalar" && typeof value.value === "string" && value.value.trim() !== "") return value.value;
  const hint = value.kind === "map" ? "; quote it if it holds : or {" : "";
  report(fields.into, value.range, "type", `${key} must be text, not ${describe(value)}${hint}.`);
  return undefined;
}

/** A prompt or question: refuses an unquoted text that a `#` comment cuts, and checks its `${…}`. */
export function promptField(fields: Fields, key: string, field: string): string | undefined {
  const text = textField(fields, key);
  const entry = fields.entries.get(key);
  if (text === undefined || !entry) return undefined;
  place(fields, field, entry.value.range);
  if (entry.value.kind === "scalar" && entry.value.style.commented) {
    report(
      fields.into,
      entry.value.range,
      "comment_cuts_text",
      `Everything after # is a comment and not part of ${key}; quote the text, or move the comment to its own line.`,
    );
  }
  checkInput(fields.into, entry.value);
  return text;
}

/** A field that is an expression: no leading `=`, no `${ }`. */
export function expressionField(fields: Fields, key: string, field: string): string | undefined {
  const entry = fields.entries.get(key);
  if (!entry) return undefined;
  place(fields, field, entry.value.range);
  return expressionOf(fields.into, entry.value, key);
}

function expressionOf(into: Gathered, written: Written, key: string): string | undefined {
  if (written.kind !== "scalar" || written.value === null) {
    report(
      into,
      written.range,
      "expression",
      `${key} must be an expression, not ${describe(written)}; quote it if it holds { } or [ ].`,
    );
    return undefined;
  }
  const text = String(written.value).trim();
  if (text.startsWith("=") || text.includes("${")) {
    const bare = text.replace(/^=+\s*/, "").replaceAll(/\$\{([^}]*)\}/g, "$1");
    report(into, written.range, "expression", `${key} is an expression already; write it bare: ${key}: ${bare}`);
    return undefined;
  }
  return checkExpression(into, written.range, text) ? text : undefined;
}

function checkExpression(into: Gathered, range: SourceRange, text: string): boolean {
  try {
    parseExpression(text);
    return true;
  } catch (error) {
    report(into, range, "expr_syntax", `${toPodiumError(error).message} In: ${text.trim().slice(0, 80)}`);
    return false;
  }
}

function isBalanced(text: string): boolean {
  return text.replaceAll(/[^(]/g, "").length === text.replaceAll(/[^)]/g, "").length;
}

/** Checks the expressions of an input text. False = reported. */
function checkText(into: Gathered, range: SourceRange, text: string, isFlow: boolean): boolean {
  if (text.startsWith("=") && !text.startsWith("==")) {
    const bare = text.slice(1);
    if (bare.includes("${")) {
      report(
        into,
        range,
        "expression",
        `After = comes an expression without \${ }; write =${bare.replaceAll(/\$\{([^}]*)\}/g, "$1").trim()}`,
      );
      return false;
    }
    if (isFlow && !isBalanced(bare)) {
      report(into, range, "expression", `Inside { } a comma ends the value; quote the expression: "${text}…".`);
      return false;
    }
    return checkExpression(into, range, bare);
  }
  try {
    return splitTemplate(text).every((piece) => piece.kind === "text" || checkExpression(into, range, piece.text));
  } catch (error) {
    report(into, range, "expr_syntax", toPodiumError(error).message);
    return false;
  }
}

/** Checks every expression inside an input; false when something was reported. */
export function checkInput(into: Gathered, written: Written): boolean {
  if (written.kind === "list") return written.items.map((item) => checkInput(into, item)).every(Boolean);
  if (written.kind === "map") return written.entries.map((entry) => checkInput(into, entry.value)).every(Boolean);
  return typeof written.value !== "string" || checkText(into, written.range, written.value, written.style.flow);
}

/** The plain value of what is written. */
export function plainOf(written: Written): Json {
  if (written.kind === "scalar") return written.value;
  if (written.kind === "list") return written.items.map(plainOf);
  return Object.fromEntries(written.entries.map((entry) => [entry.key, plainOf(entry.value)]));
}

/** A `with` mapping; `field` is its name in the graph. An entry that is in error is left in, so that one mistake is one problem. */
export function inputsField(fields: Fields, key: string): JsonObject {
  const entry = fields.entries.get(key);
  if (!entry || (entry.value.kind === "scalar" && entry.value.value === null)) return {};
  place(fields, key, entry.value.range);
  if (entry.value.kind !== "map") {
    report(fields.into, entry.value.range, "type", `${key} is a mapping of inputs, such as { query: =input.goal }.`);
    return {};
  }
  const inputs: [string, Json][] = [];
  for (const { key: name, keyRange, value } of entry.value.entries) {
    place(fields, `with.${name}`, value.range);
    place(fields, `key.${name}`, keyRange);
    if (!checkInput(fields.into, value)) return Object.fromEntries(inputs);
    inputs.push([name, plainOf(value)]);
  }
  return Object.fromEntries(inputs);
}

/** A type as written: text, `[T]`, or a mapping of names (`name?:` may be missing). Undefined = reported. */
export function typeOf(into: Gathered, written: Written): TypeSpec | undefined {
  if (written.kind === "map") {
    const entries: [string, TypeSpec][] = [];
    for (const { key, value } of written.entries) {
      const spec = typeOf(into, value);
      if (!spec) return undefined;
      entries.push(key.endsWith("?") ? [key.slice(0, -1), { ...spec, optional: true }] : [key, spec]);
    }
    return { kind: "object", fields: Object.fromEntries(entries) };
  }
  if (written.kind === "list") {
    const [item, more] = written.items;
    const spec = item && !more ? typeOf(into, item) : undefined;
    if (!item || more) report(into, written.range, "type", "A list type holds one type, such as [string].");
    return spec && { kind: "list", item: spec };
  }
  try {
    return parseTypeText(written.value === null ? "" : String(written.value));
  } catch (error) {
    report(into, written.range, "type", toPodiumError(error).message);
    return undefined;
  }
}
