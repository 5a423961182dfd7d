import { PodiumError } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import { isList, isObject } from "../state/codec.ts";
import type { Expr, Parse } from "./expression.ts";

/** What a name stands for: a step's id, `input`, `item` or its `as` name, `index`, `round`. Undefined = not there. */
export type Scope = (name: string) => Json | undefined;

/** The kind of a value, in words for a sentence. */
export function kindOf(value: Json): string {
  if (value === null) return "nothing";
  if (isList(value)) return "a list";
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "an object";
}

function nameOf(expr: Expr): string {
  if (expr.kind !== "path") return "a value";
  return expr.rest.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}.${part}`),
    expr.name,
  );
}

function typeError(message: string): never {
  throw new PodiumError("expr_type", message);
}

/** Equal by content; numbers and texts are never equal to each other. */
function isEqual(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (isList(left)) {
    return isList(right) && left.length === right.length && left.every((item, at) => isEqual(item, right[at] ?? null));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key] ?? null, right[key] ?? null));
}

function lookUp(start: Json | undefined, rest: readonly (string | number)[]): Json {
  let value = start ?? null;
  for (const part of rest) {
    if (isList(value)) value = typeof part === "number" ? (value[part] ?? null) : null;
    else if (isObject(value) && Object.hasOwn(value, part)) value = value[part] ?? null;
    else return null;
  }
  return value;
}

function requireBoolean(value: Json, expr: Expr, where: string): boolean {
  if (typeof value === "boolean") return value;
  return typeError(
    `${where} needs true or false, and ${nameOf(expr)} is ${kindOf(value)}; compare it, or write default(…, false).`,
  );
}

type Binary = Extract<Expr, { readonly left: Expr }>;

function arithmetic(kind: "+" | "-", expr: Binary, left: Json, right: Json): Json {
  if (typeof left === "number" && typeof right === "number") {
    const sum = kind === "+" ? left + right : left - right;
    return Number.isFinite(sum) ? sum : typeError(`${kind} gives a number that is too large.`);
  }
  if (kind === "+" && typeof left === "string" && typeof right === "string") return left + right;
  return typeError(
    `${kind} takes two numbers${kind === "+" ? " or two texts" : ""}, and got ${kindOf(left)} (${nameOf(expr.left)}) and ${kindOf(right)} (${nameOf(expr.right)}).`,
  );
}

function order(kind: "<" | "<=" | ">" | ">=", expr: Binary, left: Json, right: Json): boolean {
  const areComparable = typeof left === typeof right && (typeof left === "number" || typeof left === "string");
  if (!areComparable || left === null || right === null) {
    typeError(
      `${kind} compares two numbers or two texts, and got ${kindOf(left)} (${nameOf(expr.left)}) and ${kindOf(right)} (${nameOf(expr.right)}); use default for what may be missing.`,
    );
  }
  switch (kind) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

function isMember(list: Json, item: Json, word: string): boolean {
  if (list === null) return false;
  if (isList(list)) return list.some((each) => isEqual(each, item));
  if (typeof list === "string" && typeof item === "string") return list.includes(item);
  return typeError(
    `${word} looks in a list or a text, and got ${kindOf(list)}${typeof list === "string" ? ` with ${kindOf(item)}` : ""}.`,
  );
}

function length(value: Json): number {
  if (value === null) return 0;
  if (typeof value === "string" || isList(value)) return value.length;
  if (isObject(value)) return Object.keys(value).length;
  return typeError(`len counts a text, a list or an object, and got ${kindOf(value)}.`);
}

function lower(value: Json): Json {
  if (value === null) return null;
  return typeof value === "string" ? value.toLowerCase() : typeError(`lower takes a text, and got ${kindOf(value)}.`);
}

function startsWith(value: Json, start: Json): boolean {
  if (value === null) return false;
  if (typeof value === "string" && typeof start === "string") return value.startsWith(start);
  return typeError(`startsWith takes two texts, and got ${kindOf(value)} and ${kindOf(start)}.`);
}

function call(expr: Expr & { kind: "call" }, scope: Scope): Json {
  const argument = (at: number): Json => {
    const given = expr.args[at];
    return given ? evaluate(given, scope) : null;
  };
  switch (expr.name) {
    case "len":
      return length(argument(0));
    case "lower":
      return lower(argument(0));
    case "contains":
      return isMember(argument(0), argument(1), "contains");
    case "startsWith":
      return startsWith(argument(0), argument(1));
    case "exists":
      return argument(0) !== null;
    case "default":
      return argument(0) ?? argument(1);
  }
}

/** The value of an expression. A missing path is null; no value is ever converted. Throws `expr_type`. */
export function evaluate(expr: Expr, scope: Scope): Json {
  switch (expr.kind) {
    case "literal":
      return expr.value;
    case "path":
      return lookUp(scope(expr.name), expr.rest);
    case "list":
      return expr.items.map((item) => evaluate(item, scope));
    case "call":
      return call(expr, scope);
    case "not":
      return !requireBoolean(evaluate(expr.operand, scope), expr.operand, "not");
    case "and":
    case "or": {
      const left = requireBoolean(evaluate(expr.left, scope), expr.left, expr.kind);
      if (left === (expr.kind === "or")) return left;
      return requireBoolean(evaluate(expr.right, scope), expr.right, expr.kind);
    }
    case "+":
    case "-":
      return arithmetic(expr.kind, expr, evaluate(expr.left, scope), evaluate(expr.right, scope));
    case "==":
      return isEqual(evaluate(expr.left, scope), evaluate(expr.right, scope));
    case "!=":
      return !isEqual(evaluate(expr.left, scope), evaluate(expr.right, scope));
    case "in":
      return isMember(evaluate(expr.right, scope), evaluate(expr.left, scope), "in");
    case "<":
    case "<=":
    case ">":
    case ">=":
      return order(expr.kind, expr, evaluate(expr.left, scope), evaluate(expr.right, scope));
  }
}

/** A condition's answer; throws `expr_type` when it is neither true nor false, `expr_syntax` when it does not parse. */
export function evaluateCondition(text: string, scope: Scope, parse: Parse): boolean {
  const expr = parse(text);
  return requireBoolean(evaluate(expr, scope), expr, "A condition");
}
