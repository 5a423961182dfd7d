import { PodiumError } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { nearest } from "./nearest.ts";
import { checkValue } from "./types.ts";

const scalars = ["string", "int", "number", "bool", "any"] as const;
const aliases: { readonly [word: string]: string } = {
  boolean: "bool",
  integer: "int",
  float: "number",
  text: "string",
  str: "string",
};
const token = /\s+|[A-Za-z0-9_][\w.-]*|[[\]{}|?:,]/y;

function invalid(message: string): never {
  throw new PodiumError("invalid_workflow", message);
}

/** The text before the default's `=` at the outermost level, and the default's own text. */
function splitDefault(text: string): readonly [string, string | null] {
  const at = text.search(/=(?![^[{]*[\]}])/);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1).trim()];
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; ) {
    token.lastIndex = at;
    const found = token.exec(text)?.[0];
    if (found === undefined)
      invalid(
        `${JSON.stringify(text.charAt(at))} is not part of a type; types read like string, int?, a | b, [string].`,
      );
    at += found.length;
    if (found.trim() !== "") tokens.push(found);
  }
  return tokens;
}

function take(tokens: string[], wanted: string, text: string): void {
  const found = tokens.shift();
  if (found !== wanted) invalid(`${wanted} is missing in the type ${JSON.stringify(text)}.`);
}

function words(tokens: string[], first: string): TypeSpec {
  const values = [first];
  while (tokens[0] === "|") {
    tokens.shift();
    const next = tokens.shift();
    if (next === undefined || !/^\w/.test(next)) invalid(`A value is missing after | in ${values.join(" | ")}.`);
    values.push(next);
  }
  const kind = scalars.find((scalar) => scalar === first);
  if (values.length === 1) {
    if (kind) return { kind };
    const meant = aliases[first] ?? nearest(first, scalars);
    return invalid(
      `${first} is not a type${meant === null ? "" : `; did you mean ${meant}?`} Types are ${scalars.join(", ")}, a | b, [T] and { … }.`,
    );
  }
  const type = values.find((value) => scalars.some((scalar) => scalar === value));
  if (type !== undefined)
    invalid(
      `${values.join(" | ")} mixes the type ${type} with values; a | b lists texts, and T? is a value that may be missing.`,
    );
  return { kind: "enum", values: [...new Set(values)] };
}

function fields(tokens: string[], text: string): TypeSpec {
  const entries: [string, TypeSpec][] = [];
  while (tokens[0] !== "}") {
    if (entries.length > 0) take(tokens, ",", text);
    const name = tokens.shift() ?? invalid(`} is missing in the type ${JSON.stringify(text)}.`);
    const isOptional = tokens[0] === "?";
    if (isOptional) tokens.shift();
    take(tokens, ":", text);
    const spec = type(tokens, text);
    entries.push([name, isOptional ? { ...spec, optional: true } : spec]);
  }
  tokens.shift();
  return { kind: "object", fields: Object.fromEntries(entries) };
}

function type(tokens: string[], text: string): TypeSpec {
  const first =
    tokens.shift() ?? invalid(`A type is missing in ${JSON.stringify(text)}; write string, int, number, bool or any.`);
  let spec: TypeSpec;
  if (first === "[") {
    spec = { kind: "list", item: type(tokens, text) };
    take(tokens, "]", text);
  } else if (first === "{") spec = fields(tokens, text);
  else if (/^\w/.test(first)) spec = words(tokens, first);
  else return invalid(`${first} is not expected in the type ${JSON.stringify(text)}.`);
  if (tokens[0] !== "?") return spec;
  tokens.shift();
  return { ...spec, optional: true };
}

/** A default as written: for text and enums the bare words, else JSON. */
function defaultOf(spec: TypeSpec, text: string): Json {
  const isText = spec.kind === "string" || spec.kind === "enum";
  let value: unknown = text;
  if (!isText || text.startsWith('"')) {
    try {
      value = JSON.parse(text);
    } catch {
      invalid(
        `The default ${text} is not a value of its type; write a number, true, false, a [list] or a {mapping} as in JSON.`,
      );
    }
  }
  try {
    return checkValue(spec, value, "The default");
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
}

/** Reads `string? = x`, `a | b`, `[T]`, `{ name: T, other?: T }`. Throws `invalid_workflow` naming what is wrong and what to write. */
export function parseTypeText(text: string): TypeSpec {
  const [left, written] = splitDefault(text);
  const tokens = tokensOf(left);
  const spec = type(tokens, text);
  if (tokens.length > 0) invalid(`${tokens[0]} is not expected in the type ${JSON.stringify(text)}.`);
  if (written === null) return spec;
  if (written === "") invalid(`A value is missing after = in the type ${JSON.stringify(text)}.`);
  return { ...spec, default: defaultOf(spec, written) };
}
