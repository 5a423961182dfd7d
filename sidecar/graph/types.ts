import { PodiumError } from "../protocol/errors.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { toJson } from "../state/codec.ts";
import { kindOf } from "./evaluate.ts";

/** A type in the words of a workflow file: `string`, `staged | working`, `[{ path: string }]?`. */
export function typeText(spec: TypeSpec): string {
  const mark = spec.optional === true ? "?" : "";
  switch (spec.kind) {
    case "string":
    case "int":
    case "number":
    case "bool":
    case "any":
      return `${spec.kind}${mark}`;
    case "enum":
      return `${spec.values.join(" | ")}${mark}`;
    case "list":
      return `[${typeText(spec.item)}]${mark}`;
    case "object":
      return `{ ${Object.entries(spec.fields)
        .map(([name, field]) => `${name}: ${typeText(field)}`)
        .join(", ")} }${mark}`;
  }
}

function expected(spec: TypeSpec, value: unknown, path: string): never {
  const got =
    typeof value === "string"
      ? JSON.stringify(value.slice(0, 40))
      : value === undefined
        ? "nothing"
        : kindOf(toJson(value));
  throw new PodiumError("invalid_input", `${path} must be ${typeText(spec)}, not ${got}.`);
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(kind: "string" | "bool" | "int" | "number", value: unknown): value is string | boolean | number {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int":
      return Number.isSafeInteger(value);
    case "number":
      return Number.isFinite(value);
  }
}

/** Undefined = the value may be left out, and is. */
function checkOptional(spec: TypeSpec, value: unknown, path: string): Json | undefined {
  if (value !== undefined && (value !== null || spec.kind === "any")) return checkGiven(spec, value, path);
  if (spec.default !== undefined) return spec.default;
  if (spec.optional === true) return undefined;
  throw new PodiumError("invalid_input", `${path} is missing; it must be ${typeText(spec)}.`);
}

function checkGiven(spec: TypeSpec, value: unknown, path: string): Json {
  switch (spec.kind) {
    case "any":
      return toJson(value);
    case "string":
    case "bool":
    case "int":
    case "number":
      return isScalar(spec.kind, value) ? toJson(value) : expected(spec, value, path);
    case "enum":
      return typeof value === "string" && spec.values.includes(value) ? value : expected(spec, value, path);
    case "list":
      if (!Array.isArray(value)) expected(spec, value, path);
      return value.map((item: unknown, at) => checkOptional(spec.item, item, `${path}[${at}]`) ?? null);
    case "object":
      return isRecord(value) ? checkFields(spec.fields, value, path) : expected(spec, value, path);
  }
}

function checkFields(
  fields: { readonly [name: string]: TypeSpec },
  value: { readonly [key: string]: unknown },
  path: string,
): JsonObject {
  const entries: [string, Json][] = [];
  for (const [name, field] of Object.entries(fields)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const checked = checkOptional(field, given, path === "" ? name : `${path}.${name}`);
    if (checked !== undefined) entries.push([name, checked]);
  }
  for (const [name, item] of Object.entries(value)) {
    if (!Object.hasOwn(fields, name) && item !== undefined) entries.push([name, toJson(item)]);
  }
  return Object.fromEntries(entries);
}

/**
 * A value from outside, as its type says: defaults filled in, fields that may be missing left out, unknown fields kept.
 * `path` names the value in the message ("" = its fields by their bare names). Throws `invalid_input`.
 */
export function checkValue(spec: TypeSpec, value: unknown, path: string): Json {
  return checkOptional(spec, value, path) ?? null;
}

/** Bounds that keep a weak model from never closing a text or a list; llama.cpp dies of a grammar with more than 2000 repetitions. */
const maxText = 2000;
const maxItems = 50;

/** The JSON Schema of a type for servers that constrain decoding; every text and list is bounded. */
export function toJsonSchema(spec: TypeSpec): JsonObject {
  switch (spec.kind) {
    case "any":
      return {};
    case "string":
      return { type: "string", maxLength: maxText };
    case "bool":
      return { type: "boolean" };
    case "int":
      return { type: "integer" };
    case "number":
      return { type: "number" };
    case "enum":
      return { type: "string", enum: spec.values };
    case "list":
      return { type: "array", items: toJsonSchema(spec.item), maxItems };
    case "object":
      return {
        type: "object",
        properties: Object.fromEntries(Object.entries(spec.fields).map(([name, field]) => [name, toJsonSchema(field)])),
        required: Object.entries(spec.fields)
          .filter(([, field]) => field.optional !== true && field.default === undefined)
          .map(([name]) => name),
        additionalProperties: false,
      };
  }
}
