import { PodiumError } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";

/** Containers inside one another that a stored value may have. */
const maxDepth = 64;

const identifier = /^[A-Za-z_]\w*$/;
/** `$.files[3].path`: where in a value something is. */
function pathText(path: readonly (string | number)[]): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return identifier.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return `$${parts.join("")}`;
}

function isSorted(keys: readonly string[]): boolean {
  let last: string | null = null;
  for (const key of keys) {
    if (last !== null && last >= key) return false;
    last = key;
  }
  return true;
}

/** True for a list, also a readonly one, which `Array.isArray` does not tell. */
export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** True for a JSON object: neither null nor a list nor a scalar. */
export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !isList(value);
}

function sorted(value: Json): Json {
  if (value === null || typeof value !== "object") return value;
  if (isList(value)) {
    const items = value.map(sorted);
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  const source = value;
  const keys = Object.keys(source);
  const entries = keys.map((key): [string, Json] => [key, sorted(source[key] ?? null)]);
  if (isSorted(keys) && entries.every(([key, item]) => item === source[key])) return value;
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** JSON with sorted keys and no spaces: equal values give equal text, whatever the order of their keys. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(sorted(value));
}

/** Throws `too_deep`, naming the place, if more than `max` containers lie inside one another; a cycle is too deep. */
export function checkDepth(value: unknown, max: number): void {
  type Frame = {
    readonly value: object;
    readonly depth: number;
    readonly key: string | number;
    readonly parent: Frame | null;
  };
  const isContainer = (item: unknown): item is object => typeof item === "object" && item !== null;
  const stack: Frame[] = isContainer(value) ? [{ value, depth: 1, key: "", parent: null }] : [];
  for (let frame = stack.pop(); frame; frame = stack.pop()) {
    if (frame.depth > max) {
      const path: (string | number)[] = [];
      for (let at = frame; at.parent; at = at.parent) path.unshift(at.key);
      throw new PodiumError("too_deep", `${pathText(path)} lies deeper than ${max} levels; flatten the value.`);
    }
    const isArray = Array.isArray(frame.value);
    for (const [key, item] of Object.entries(frame.value)) {
      if (isContainer(item)) {
        stack.push({ value: item, depth: frame.depth + 1, key: isArray ? Number(key) : key, parent: frame });
      }
    }
  }
}

type Path = readonly (string | number)[];

function refuse(path: Path, what: string, cure: string): never {
  throw new PodiumError("invalid_input", `${pathText(path)} is ${what}, which JSON cannot hold; ${cure}.`);
}

function encodeObject(value: object, path: Path): Json {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const name = Object.prototype.toString.call(value).slice(8, -1);
    refuse(
      path,
      ArrayBuffer.isView(value) ? `bytes (${name})` : `a ${name === "Object" ? "class instance" : name}`,
      ArrayBuffer.isView(value) ? "encode them as base64 text" : "give plain data",
    );
  }
  const entries: [string, Json][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) entries.push([key, encode(item, [...path, key])]);
  }
  return Object.fromEntries(entries);
}

function encode(value: unknown, path: Path): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) refuse(path, String(value), "use null");
      return Object.is(value, -0) ? 0 : value;
    case "object":
      if (value === null) return null;
      if (path.length >= maxDepth && !(value instanceof Date)) {
        throw new PodiumError("too_deep", `${pathText(path)} lies deeper than ${maxDepth} levels; flatten the value.`);
      }
      if (Array.isArray(value)) return Array.from(value, (item: unknown, at) => encode(item, [...path, at]));
      if (value instanceof Date) {
        if (Number.isNaN(value.getTime())) refuse(path, "an invalid date", "give a valid one");
        return value.toISOString();
      }
      return encodeObject(value, path);
    case "bigint":
      return refuse(path, "a bigint", "give it as text");
    case "undefined":
      return refuse(path, "undefined", "use null");
    case "symbol":
    case "function":
      return refuse(path, `a ${typeof value}`, "give plain data");
  }
}

/**
 * The JSON of a value: a Date becomes its ISO text, an undefined field is left out, -0 becomes 0.
 * Throws `invalid_input` naming the JSON path for bytes, undefined in a list, NaN, bigint, functions and class instances,
 * and `too_deep` beyond 64 levels.
 */
export function toJson(value: unknown): Json {
  return encode(value, []);
}

/** Freezes a value and all inside it; what is frozen already is taken as frozen through and through. */
export function freezeDeep<T extends Json>(value: T): T {
  const stack: Json[] = [value];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    if (item === null || typeof item !== "object" || Object.isFrozen(item)) continue;
    Object.freeze(item);
    for (const inner of Object.values(item)) stack.push(inner);
  }
  return value;
}
