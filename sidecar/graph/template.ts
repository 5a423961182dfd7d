import { PodiumError } from "../protocol/errors.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { canonicalJson, isList, isObject } from "../state/codec.ts";
import { evaluate, type Scope } from "./evaluate.ts";
import type { Parse } from "./expression.ts";

/** One piece of an input text; `offset` is where an expression starts in it, from 0. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "expr"; readonly text: string; readonly offset: number };

/** The end of the expression that starts at `from`: the first `}` outside quotes. */
function closing(text: string, from: number): number {
  let quote = "";
  for (let at = from; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (quote === "") {
      if (letter === "}") return at;
      if (letter === '"' || letter === "'") quote = letter;
    } else if (letter === "\\") at += 1;
    else if (letter === quote) quote = "";
  }
  return -1;
}

/** Splits a text at `${…}`; `$${` stands for a literal `${`. Throws `expr_syntax` for a `${` without its `}`. */
export function splitTemplate(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  let at = 0;
  for (let next = text.indexOf("${"); next >= 0; next = text.indexOf("${", at)) {
    if (next > at && text.charAt(next - 1) === "$") {
      plain += `${text.slice(at, next - 1)}\${`;
      at = next + 2;
      continue;
    }
    const end = closing(text, next + 2);
    if (end < 0) {
      throw new PodiumError(
        "expr_syntax",
        `Column ${next + 1}: \${ has no closing }; write $\${ for the characters themselves.`,
      );
    }
    plain += text.slice(at, next);
    if (plain !== "") pieces.push({ kind: "text", text: plain });
    plain = "";
    pieces.push({ kind: "expr", text: text.slice(next + 2, end), offset: next + 2 });
    at = end + 1;
  }
  plain += text.slice(at);
  if (plain !== "") pieces.push({ kind: "text", text: plain });
  return pieces;
}

function ownText(value: Json): string | null {
  if (!isObject(value) || !Object.hasOwn(value, "text")) return null;
  const text = value["text"];
  return typeof text === "string" ? text : null;
}

/** How a value reads inside a text: text as it is, nothing as "", `.text` where it has one, else canonical JSON. */
export function textOf(value: Json): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  const own = ownText(value);
  if (own !== null) return own;
  if (isList(value) && value.length > 0) {
    const texts = value.map(ownText);
    if (texts.every((text) => text !== null)) return texts.join("\n\n");
  }
  return canonicalJson(value);
}

function evaluateText(text: string, scope: Scope, parse: Parse): Json {
  if (text.startsWith("=") && !text.startsWith("==")) return evaluate(parse(text.slice(1)), scope);
  const plain = text.startsWith("==") ? text.slice(1) : text;
  if (!plain.includes("${")) return plain;
  return splitTemplate(plain)
    .map((piece) => (piece.kind === "text" ? piece.text : textOf(evaluate(parse(piece.text), scope))))
    .join("");
}

/** An input as a step gets it: texts starting with `=` become typed values, `${…}` is joined; what comes out is not read again. */
function evaluateInput(value: Json, scope: Scope, parse: Parse): Json {
  if (typeof value === "string") return evaluateText(value, scope, parse);
  if (isList(value)) return value.map((item) => evaluateInput(item, scope, parse));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, evaluateInput(item, scope, parse)]));
}

/** The inputs of a step; a key whose value is null is left out. */
export function evaluateWith(inputs: JsonObject, scope: Scope, parse: Parse): JsonObject {
  const entries: [string, Json][] = [];
  for (const [key, value] of Object.entries(inputs)) {
    const given = evaluateInput(value, scope, parse);
    if (given !== null) entries.push([key, given]);
  }
  return Object.fromEntries(entries);
}
