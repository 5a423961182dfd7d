import type { MapNode, Node, SwitchNode } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { TypeSpec } from "../protocol/types.ts";
import { isObject } from "../state/codec.ts";

/** The tools that validate knows, by name. */
export type ToolTypes = ReadonlyMap<string, { readonly input: TypeSpec; readonly output: TypeSpec }>;

/** A key that can be read: its type, and why it may be missing (`then of if1`, `No to chosen`), or null if it is always there. */
export interface Key {
  readonly type: TypeSpec;
  readonly missing: string | null;
  /** Missing only on a No to an approve of the list itself: `output` may still read it. */
  readonly onlyByNo: boolean;
}
/** Keys by name; what can only be looked up and listed is enough for reading. */
export type Keys = Pick<WrittenKeys, "get" | "keys">;
export type WrittenKeys = ReadonlyMap<string, Key>;

export const anyType: TypeSpec = { kind: "any" };
const text: TypeSpec = { kind: "string" };
const bool: TypeSpec = { kind: "bool" };
const list = (item: TypeSpec): TypeSpec => ({ kind: "list", item });
const answerType: TypeSpec = { kind: "object", fields: { text, citations: list(anyType), extractive: bool } };
const approvalType: TypeSpec = { kind: "object", fields: { approved: bool, value: anyType } };
const failedType = list({ kind: "object", fields: { index: { kind: "int" }, code: text, message: text } });

function declaredType(value: Json | undefined): TypeSpec {
  const parsed = TypeSpec.safeParse(value);
  return parsed.success ? parsed.data : anyType;
}

function stepType(node: Node & { kind: "step" }, tools: ToolTypes): TypeSpec {
  const { tool, returns } = { tool: node.config["tool"], returns: node.config["returns"] };
  switch (node.step) {
    case "ask@1":
      return returns === undefined ? answerType : declaredType(returns);
    case "use@1":
      return (typeof tool === "string" ? tools.get(tool)?.output : undefined) ?? anyType;
    case "approve@1":
      return approvalType;
    default:
      return anyType;
  }
}

const always = (type: TypeSpec): Key => ({ type, missing: null, onlyByNo: false });

function mapKeys(node: MapNode): WrittenKeys {
  const keys = new Map([[node.id, always(list(anyType))]]);
  if (node.onItemError === "continue") keys.set(`${node.id}_failed`, always(failedType));
  return keys;
}

/** Keys of all arms: there for sure if every arm writes them and one arm is always taken. */
function switchKeys(node: SwitchNode, tools: ToolTypes): WrittenKeys {
  const arms = node.arms.map((arm) => ({ name: arm.name, keys: keysOfList(arm.nodes, tools) }));
  const isExhaustive = node.arms.some((arm) => arm.when === null);
  const keys = new Map<string, Key>();
  for (const { name, keys: written } of arms) {
    for (const [id, key] of written) {
      const isSure = isExhaustive && arms.every((arm) => arm.keys.get(id)?.missing === null);
      const types = arms.map((arm) => arm.keys.get(id)?.type ?? key.type);
      const isSame = types.every((type) => JSON.stringify(type) === JSON.stringify(key.type));
      const missing = isSure
        ? null
        : (keys.get(id)?.missing ?? key.missing ?? `only the arm ${name} of ${node.id} writes it`);
      keys.set(id, { type: isSame ? key.type : anyType, missing, onlyByNo: false });
    }
  }
  return keys;
}

/** What a node writes for those who wait for it. */
export function keysOf(node: Node, tools: ToolTypes): WrittenKeys {
  switch (node.kind) {
    case "step":
      return new Map([[node.id, always(stepType(node, tools))]]);
    case "map":
      return mapKeys(node);
    case "switch":
      return switchKeys(node, tools);
  }
}

/** What a list has written when it has ended; keys below an approve of the list are missing on No. */
export function keysOfList(nodes: readonly Node[], tools: ToolTypes): WrittenKeys {
  const keys = new Map<string, Key>();
  let approve: string | null = null;
  for (const node of nodes) {
    for (const [id, key] of keysOf(node, tools)) {
      const isGated = approve !== null && key.missing === null;
      keys.set(id, isGated ? { ...key, missing: `a No to ${approve} skips it`, onlyByNo: true } : key);
    }
    if (node.kind === "step" && node.step === "approve@1" && approve === null) approve = node.id;
  }
  return keys;
}

/** The type at the end of a path, or the first name that is not there. */
export function typeAt(
  start: TypeSpec,
  rest: readonly string[],
): { readonly type: TypeSpec } | { readonly unknown: string; readonly within: TypeSpec } {
  let type = start;
  for (const part of rest) {
    if (type.kind === "any") return { type };
    if (type.kind === "list" && /^\d+$/.test(part)) type = type.item;
    else if (type.kind === "object" && Object.hasOwn(type.fields, part)) type = type.fields[part] ?? anyType;
    else return { unknown: part, within: type };
  }
  return { type };
}

/** True if a text input is computed at run time. */
export function isComputed(value: Json): boolean {
  if (typeof value === "string") return value.startsWith("=") || value.includes("${");
  if (value === null || typeof value !== "object") return false;
  return Object.values(isObject(value) ? value : [...value]).some(isComputed);
}
