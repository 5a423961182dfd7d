import { toPodiumError } from "../protocol/errors.ts";
import type { Ir, MapNode, Node, StepNode, SwitchNode } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { isList, isObject } from "../state/codec.ts";
import { cachedParser, keywords, type Parse, type PathRead, pathsOf } from "./expression.ts";
import { didYouMean, nearest } from "./nearest.ts";
import { ancestryOf } from "./needs.ts";
import {
  anyType,
  isComputed,
  type Key,
  type Keys,
  keysOf,
  keysOfList,
  type ToolTypes,
  typeAt,
  type WrittenKeys,
} from "./scope.ts";
import { splitTemplate } from "./template.ts";
import { checkValue } from "./types.ts";

/** What exists outside the graph. Steps are named with their major (`ask@1`). */
export interface Known {
  readonly steps: ReadonlySet<string>;
  readonly tools: ToolTypes;
  readonly agents: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
}

/** `path` is the node's (`if1.then/answer`, `found/draft`, "" = the workflow), `field` one of its graph fields (`with.query`). */
export interface GraphProblem {
  readonly path: string;
  readonly field?: string;
  readonly code: string;
  readonly message: string;
}

interface Context {
  readonly known: Known;
  readonly ir: Ir;
  readonly parse: Parse;
  readonly problems: GraphProblem[];
  /** Every id of the graph with the place that writes it, for messages. */
  readonly places: ReadonlyMap<string, string>;
}

/** What can be read at one place: keys, and names that belong to the place (`file`, `index`). */
interface Sight {
  readonly keys: readonly Keys[];
  readonly names: ReadonlyMap<string, TypeSpec>;
}

/** Names that an id may not repeat. */
interface Taken {
  has(id: string): boolean;
}

const reserved: ReadonlySet<string> = new Set(["input", "item", "index", "round"]);

function report(context: Context, path: string, field: string | null, code: string, message: string): void {
  context.problems.push({ path, ...(field === null ? {} : { field }), code, message });
}

function find(sight: Sight, name: string): Key | null {
  for (const keys of sight.keys) {
    const key = keys.get(name);
    if (key) return key;
  }
  return null;
}

function* keyNames(context: Context, sight: Sight): Iterable<string> {
  yield "input";
  yield* sight.names.keys();
  for (const keys of sight.keys) yield* keys.keys();
  yield* context.places.keys();
}

function unreadable(context: Context, sight: Sight, name: string): string {
  const place = context.places.get(name);
  if (name === "round") return "round is there only inside a loop.";
  if (name === "item" || name === "index") return `${name} is there only inside each.`;
  if (place === undefined) return `Nothing writes ${name}.${didYouMean(name, keyNames(context, sight))}`;
  if (place.includes("/"))
    return `${name} is written inside ${place.slice(0, place.lastIndexOf("/"))} and not visible here; give it out with yield.`;
  return `${name} is not ready here: this step does not wait for it; move ${name} above, or name it in needs.`;
}

/** The type of a path read at a place; problems are reported. */
function readType(context: Context, sight: Sight, read: PathRead, path: string, field: string): TypeSpec {
  const [name = "", ...rest] = read.path;
  const key = find(sight, name);
  let start = sight.names.get(name) ?? key?.type;
  if (name === "input") start = { kind: "object", fields: context.ir.input };
  if (start === undefined) {
    const isLater = read.guarded && context.places.has(name);
    if (!isLater) report(context, path, field, "unknown_key_read", unreadable(context, sight, name));
    return anyType;
  }
  const isOutput = path === "" && field === "output";
  if (key && key.missing !== null && !read.guarded && !sight.names.has(name) && !(isOutput && key.onlyByNo)) {
    report(
      context,
      path,
      field,
      "maybe_missing",
      `${name} may be missing, since ${key.missing}; write default(${read.path.join(".")}, null).`,
    );
  }
  const found = typeAt(start, rest);
  if ("type" in found) return found.type;
  const { unknown, within } = found;
  const whole = read.path.slice(0, read.path.indexOf(unknown, 1)).join(".");
  const names = within.kind === "object" ? Object.keys(within.fields) : [];
  const what =
    within.kind === "list"
      ? "is a list; take [0] or use each"
      : names.length > 0
        ? `has ${names.join(", ")}`
        : `is ${within.kind}`;
  if (!read.guarded)
    report(
      context,
      path,
      field,
      "unknown_field",
      `${whole} has no ${unknown}; it ${what}.${didYouMean(unknown, names)}`,
    );
  return anyType;
}

function checkExpression(context: Context, sight: Sight, text: string, path: string, field: string): TypeSpec {
  try {
    const expr = context.parse(text);
    const types = pathsOf(expr).map((read) => readType(context, sight, read, path, field));
    return expr.kind === "path" ? (types[0] ?? anyType) : anyType;
  } catch (error) {
    report(context, path, field, "expr_syntax", `${toPodiumError(error).message} In: ${text.trim().slice(0, 80)}`);
    return anyType;
  }
}

function checkText(context: Context, sight: Sight, text: string, path: string, field: string): void {
  if (text.startsWith("=") && !text.startsWith("==")) {
    checkExpression(context, sight, text.slice(1), path, field);
    return;
  }
  if (!text.includes("${")) return;
  try {
    for (const piece of splitTemplate(text))
      if (piece.kind === "expr") checkExpression(context, sight, piece.text, path, field);
  } catch (error) {
    report(context, path, field, "expr_syntax", toPodiumError(error).message);
  }
}

function checkInput(context: Context, sight: Sight, value: Json, path: string, field: string): void {
  if (typeof value === "string") checkText(context, sight, value, path, field);
  else if (isList(value)) for (const item of value) checkInput(context, sight, item, path, field);
  else if (isObject(value)) for (const item of Object.values(value)) checkInput(context, sight, item, path, field);
}

function checkTool(context: Context, node: StepNode, path: string): void {
  const name = node.config["tool"];
  if (typeof name !== "string" || name === "") return;
  const tool = context.known.tools.get(name);
  if (!tool) {
    const hint = didYouMean(name, context.known.tools.keys());
    report(context, path, "config.tool", "unknown_tool", `There is no tool ${name}.${hint}`);
    return;
  }
  if (tool.input.kind !== "object") return;
  const { fields } = tool.input;
  const names = Object.keys(fields);
  const meant = new Set<string | null>();
  for (const [key, value] of Object.entries(node.with)) {
    const spec = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (spec) {
      if (value !== null && !isComputed(value)) checkConstant(context, spec, value, path, key);
      continue;
    }
    meant.add(nearest(key, names));
    const hint = didYouMean(key, names) || ` It takes ${names.join(", ")}.`;
    report(context, path, `key.${key}`, "unknown_input", `${name} takes no ${key}.${hint}`);
  }
  for (const [key, spec] of Object.entries(fields)) {
    const isGiven = (Object.hasOwn(node.with, key) && node.with[key] !== null) || meant.has(key);
    if (!isGiven && spec.optional !== true && spec.default === undefined && spec.kind !== "any") {
      report(context, path, "with", "missing_input", `${name} needs ${key}.`);
    }
  }
}

function checkConstant(context: Context, spec: TypeSpec, value: Json, path: string, key: string): void {
  try {
    checkValue(spec, typeof value === "string" && value.startsWith("==") ? value.slice(1) : value, key);
  } catch (error) {
    report(context, path, `with.${key}`, "type", toPodiumError(error).message);
  }
}

function checkName(
  context: Context,
  node: StepNode,
  path: string,
  key: "role" | "agent",
  names: ReadonlySet<string>,
): void {
  const name = node.config[key];
  if (typeof name !== "string" || names.has(name)) return;
  const hint = didYouMean(name, names) || (names.size > 0 ? ` There are ${[...names].slice(0, 12).join(", ")}.` : "");
  const what = key === "role" ? "model role (write a role, never a model's name)" : "agent";
  report(context, path, `config.${key}`, `unknown_${key}`, `${name} is not a known ${what}.${hint}`);
}

function checkStep(context: Context, sight: Sight, node: StepNode, path: string): void {
  if (!context.known.steps.has(node.step)) {
    report(
      context,
      path,
      "step",
      "unknown_step",
      `There is no step ${node.step}.${didYouMean(node.step, context.known.steps)}`,
    );
  }
  if (node.step === "use@1") checkTool(context, node, path);
  checkName(context, node, path, "role", context.known.roles);
  checkName(context, node, path, "agent", context.known.agents);
  for (const [key, value] of Object.entries(node.with)) checkInput(context, sight, value, path, `with.${key}`);
}

function checkMap(context: Context, sight: Sight, node: MapNode, path: string, taken: Taken): void {
  const list = checkExpression(context, sight, node.list, path, "list");
  if (list.kind !== "list" && list.kind !== "any")
    report(context, path, "list", "type", `each needs a list, and ${node.list} is ${list.kind}.`);
  if (node.as !== "item") checkId(context, node.as, path, "as", taken);
  const item = list.kind === "list" ? list.item : anyType;
  const inner: Sight = {
    keys: sight.keys,
    names: new Map([...sight.names, [node.as, item], ["index", { kind: "int" }]]),
  };
  checkList(context, inner, node.nodes, `${path}/`, { has: (id) => id === node.as || taken.has(id) });
  const end: Sight = { ...inner, keys: [keysOfList(node.nodes, context.known.tools), ...sight.keys] };
  if (node.keep !== undefined) checkExpression(context, end, node.keep, path, "keep");
  if (node.yield !== undefined) checkExpression(context, end, node.yield, path, "yield");
}

function checkSwitch(context: Context, sight: Sight, node: SwitchNode, path: string, taken: Taken): void {
  for (const arm of node.arms) {
    if (arm.when !== null) {
      const type = checkExpression(context, sight, arm.when, path, `arms.${arm.name}`);
      if (type.kind !== "any" && type.kind !== "bool") {
        report(
          context,
          path,
          `arms.${arm.name}`,
          "type",
          `A condition is true or false, and ${arm.when} is ${type.kind}; compare it.`,
        );
      }
    }
    checkList(context, sight, arm.nodes, `${path}.${arm.name}/`, taken);
  }
}

const writtenTwice = (id: string): string => `${id} is written twice; each key has one step, except in different arms.`;

function checkId(context: Context, id: string, path: string, field: string, taken: Taken): void {
  if (!/^[A-Za-z_]\w*$/.test(id))
    report(context, path, field, "bad_id", `${id} is not a name; use letters, digits and _, a letter first.`);
  else if (reserved.has(id) || keywords.has(id))
    report(context, path, field, "reserved_id", `${id} is reserved; choose another name.`);
  else if (taken.has(id)) report(context, path, field, "duplicate_id", writtenTwice(id));
}

function checkNeeds(context: Context, nodes: readonly Node[], prefix: string): void {
  const ids = new Set(nodes.map((node) => node.id));
  for (const node of nodes) {
    for (const need of node.needs) {
      if (!ids.has(need)) {
        report(
          context,
          `${prefix}${node.id}`,
          "needs",
          "unknown_need",
          `needs names ${need}, which is no step of this list.${didYouMean(need, ids)}`,
        );
      }
    }
  }
}

function checkList(context: Context, sight: Sight, nodes: readonly Node[], prefix: string, outer: Taken): void {
  checkNeeds(context, nodes, prefix);
  const ancestry = ancestryOf(nodes);
  const hasTwins = new Set(nodes.map((node) => node.id)).size < nodes.length;
  if (ancestry.cycle && !hasTwins) {
    report(
      context,
      `${prefix}${ancestry.cycle[0]}`,
      "needs",
      "cycle",
      `These steps wait for each other: ${ancestry.cycle.join(" → ")}.`,
    );
  }
  const written = nodes.map((node) => keysOf(node, context.known.tools));
  const writers = new Map<string, number[]>();
  for (const [at, keys] of written.entries())
    for (const id of keys.keys()) writers.set(id, [...(writers.get(id) ?? []), at]);
  const above = new Set<string>();
  const taken: Taken = { has: (id) => above.has(id) || outer.has(id) };
  const own = new Set([...nodes.map((node) => node.id), ...writers.keys()]);
  const all: Taken = { has: (id) => own.has(id) || outer.has(id) };
  for (const [at, node] of nodes.entries()) {
    const path = `${prefix}${node.id}`;
    checkId(context, node.id, path, "id", taken);
    above.add(node.id);
    for (const id of written[at]?.keys() ?? []) {
      if (id !== node.id && taken.has(id)) report(context, path, "id", "duplicate_id", writtenTwice(id));
      above.add(id);
    }
    const before: Keys = readableAt(at, written, writers, ancestry.has);
    const here: Sight = { ...sight, keys: [before, ...sight.keys] };
    if (node.kind === "step") checkStep(context, here, node, path);
    else if (node.kind === "map") checkMap(context, here, node, path, all);
    else {
      const others: Taken = { has: (id) => outer.has(id) || (own.has(id) && written[at]?.has(id) !== true) };
      checkSwitch(context, here, node, path, others);
    }
  }
}

/** The keys of a list that a node's ancestors write, looked up when asked for. */
function readableAt(
  at: number,
  written: readonly WrittenKeys[],
  writers: ReadonlyMap<string, readonly number[]>,
  has: (node: number, other: number) => boolean,
): Keys {
  const get = (name: string): Key | undefined => {
    const writer = writers.get(name)?.findLast((other) => has(at, other));
    return writer === undefined ? undefined : written[writer]?.get(name);
  };
  return { get, keys: () => writers.keys() };
}

function collectPlaces(nodes: readonly Node[], prefix: string, into: Map<string, string>): void {
  for (const node of nodes) {
    if (node.kind === "switch") for (const arm of node.arms) collectPlaces(arm.nodes, prefix, into);
    else if (!into.has(node.id)) into.set(node.id, `${prefix}${node.id}`);
    if (node.kind === "map") {
      if (node.onItemError === "continue") into.set(`${node.id}_failed`, `${prefix}${node.id}_failed`);
      collectPlaces(node.nodes, `${prefix}${node.id}/`, into);
    }
  }
}

/** Everything that is wrong with a graph, at once, in graph order; empty = it can run. */
export function validate(ir: Ir, known: Known): readonly GraphProblem[] {
  const places = new Map<string, string>();
  collectPlaces(ir.nodes, "", places);
  const context: Context = { known, ir, parse: cachedParser(), problems: [], places };
  checkList(context, { keys: [], names: new Map() }, ir.nodes, "", new Set());
  checkExpression(context, { keys: [keysOfList(ir.nodes, known.tools)], names: new Map() }, ir.output, "", "output");
  return context.problems;
}
