import type { MapNode, Node, StepNode, SwitchNode } from "../protocol/ir.ts";
import type { Json } from "../protocol/json.ts";
import { type Common, commonOf, idOf, wholeNumber } from "./common-yaml.ts";
import {
  checkInput,
  expressionField,
  type Fields,
  fieldsOf,
  type Gathered,
  inputsField,
  place,
  plainOf,
  promptField,
  report,
  textField,
  typeOf,
} from "./reading.ts";
import type { Entry, Written } from "./written.ts";

const verbs = ["ask", "use", "each", "if", "switch", "set", "approve"] as const;
type Verb = (typeof verbs)[number];
const laterVerbs = ["loop", "choose", "run"];

const always = ["id", "needs"];
const running = [...always, "retry", "timeout", "onError"];
/** What each verb takes besides itself. */
const keysOf: { readonly [V in Verb]: readonly string[] } = {
  ask: ["ask", "model", "agent", "context", "cite", "returns", "without", ...running],
  use: ["use", "with", ...running],
  each: ["each", "as", "width", "onError", "steps", "keep", "yield", "emit", ...always],
  if: ["if", "then", "else", ...always],
  switch: ["switch", ...always],
  set: ["set", "emit", ...always],
  approve: ["approve", "show", "edit", ...always],
};

interface List {
  readonly into: Gathered;
  /** Path of the list's nodes, with its trailing `/`; empty at the top. */
  readonly prefix: string;
  /** Steps of this list that nothing written later waits for yet. */
  readonly ends: Set<string>;
  readonly counts: { if: number; switch: number };
}

function verbOf(into: Gathered, written: Written): Verb | null {
  if (written.kind !== "map") {
    report(into, written.range, "type", "A step is a mapping such as { id: answer, ask: … }.");
    return null;
  }
  const keys = written.entries.map((entry) => entry.key);
  const found = verbs.filter((verb) => keys.includes(verb));
  const [verb, second] = found;
  const later = written.entries.find((entry) => laterVerbs.includes(entry.key));
  if (later) {
    report(into, later.keyRange, "verb", `The verb ${later.key} is not available yet; there are ${verbs.join(", ")}.`);
    return null;
  }
  if (verb === undefined) {
    report(into, written.entries[0]?.keyRange ?? written.range, "verb", `A step has one verb: ${verbs.join(", ")}.`);
    return null;
  }
  if (second !== undefined) {
    const range = written.entries.find((entry) => entry.key === second)?.keyRange ?? written.range;
    report(into, range, "verb", `A step has one verb, and this one has ${found.join(" and ")}; make two steps.`);
    return null;
  }
  return verb;
}

function stepNode(common: Common, step: string, given: Pick<StepNode, "with" | "config">): StepNode {
  return { kind: "step", ...common, step, ...given };
}

function emitOf(fields: Fields): { readonly emit?: string } {
  const emit = textField(fields, "emit");
  return emit === undefined ? {} : { emit };
}

function readAsk(fields: Fields, common: Common): StepNode {
  const inputs: [string, Json][] = [["prompt", promptField(fields, "ask", "with.prompt") ?? ""]];
  for (const key of ["context", "cite"]) {
    const expression = expressionField(fields, key, `with.${key}`);
    if (expression !== undefined) inputs.push([key, `=${expression}`]);
  }
  const config: [string, Json][] = [];
  for (const [key, name] of [
    ["model", "role"],
    ["agent", "agent"],
  ] as const) {
    const text = textField(fields, key);
    const entry = fields.entries.get(key);
    if (text === undefined || !entry) continue;
    place(fields, `config.${name}`, entry.value.range);
    config.push([name, text]);
  }
  const returns = fields.entries.get("returns");
  const spec = returns && typeOf(fields.into, returns.value);
  if (spec) config.push(["returns", spec]);
  const without = fields.entries.get("without");
  if (without) config.push(["without", plainOf(without.value)]);
  return stepNode(common, "ask@1", { with: Object.fromEntries(inputs), config: Object.fromEntries(config) });
}

function readUse(fields: Fields, common: Common): StepNode {
  const tool = textField(fields, "use");
  const entry = fields.entries.get("use");
  if (entry) place(fields, "config.tool", entry.value.range);
  return stepNode(common, "use@1", { with: inputsField(fields, "with"), config: { tool: tool ?? "" } });
}

function readSet(fields: Fields, common: Common, entry: Entry): StepNode {
  place(fields, "with.value", entry.value.range);
  const isSound = checkInput(fields.into, entry.value);
  const value = isSound ? plainOf(entry.value) : null;
  return { ...stepNode(common, "set@1", { with: { value }, config: {} }), ...emitOf(fields) };
}

function readApprove(fields: Fields, common: Common): StepNode {
  const title = promptField(fields, "approve", "with.title") ?? "";
  const show = expressionField(fields, "show", "with.show");
  const edit = fields.entries.get("edit")?.value;
  const isFlag = edit === undefined || (edit.kind === "scalar" && typeof edit.value === "boolean");
  if (!isFlag) report(fields.into, edit.range, "type", "edit is true or false.");
  return stepNode(common, "approve@1", {
    with: show === undefined ? { title } : { title, show: `=${show}` },
    config: { edit: edit?.kind === "scalar" && edit.value === true },
  });
}

function readEach(fields: Fields, common: Common): MapNode {
  const as = textField(fields, "as") ?? "item";
  const asEntry = fields.entries.get("as");
  if (asEntry) place(fields, "as", asEntry.value.range);
  const onError = textField(fields, "onError") ?? "fail";
  if (onError !== "fail" && onError !== "continue") {
    report(
      fields.into,
      fields.entries.get("onError")?.value.range ?? fields.range,
      "type",
      "onError of each is fail or continue.",
    );
  }
  const list = expressionField(fields, "each", "list") ?? "null";
  const steps = fields.entries.get("steps");
  if (!steps)
    report(fields.into, fields.range, "missing_key", "each needs steps: the list of steps run for every item.");
  const keep = expressionField(fields, "keep", "keep");
  const yielded = expressionField(fields, "yield", "yield");
  return {
    kind: "map",
    ...common,
    list,
    as,
    width: wholeNumber(fields, "width", 64) ?? 4,
    onItemError: onError === "continue" ? "continue" : "fail",
    nodes: steps ? readSteps(fields.into, steps.value, `${fields.path}/`) : [],
    ...(keep === undefined ? {} : { keep }),
    ...(yielded === undefined ? {} : { yield: yielded }),
    ...emitOf(fields),
  };
}

type Arm = SwitchNode["arms"][number];

function readIf(fields: Fields, common: Common): SwitchNode {
  const when = expressionField(fields, "if", "arms.then") ?? "false";
  const arm = (name: "then" | "else", condition: string | null): Arm[] => {
    const entry = fields.entries.get(name);
    return entry
      ? [{ name, when: condition, nodes: readSteps(fields.into, entry.value, `${fields.path}.${name}/`) }]
      : [];
  };
  if (!fields.entries.has("then"))
    report(fields.into, fields.range, "missing_key", "if needs then: the steps for when it is true.");
  return { kind: "switch", ...common, arms: [...arm("then", when), ...arm("else", null)] };
}

function readArm(fields: Fields, written: Written, name: string): Arm | null {
  const isElse = written.kind === "map" && written.entries.some((entry) => entry.key === "else");
  const arm = fieldsOf(fields.into, written, fields.path, "A switch arm", isElse ? ["else"] : ["when", "steps"]);
  if (!arm) return null;
  const armName = isElse ? "else" : name;
  let steps = arm.entries.get(isElse ? "else" : "steps")?.value;
  if (isElse && steps?.kind === "map") {
    const inner = fieldsOf(fields.into, steps, fields.path, "else", ["steps"]);
    steps = inner?.entries.get("steps")?.value;
  }
  const when = isElse ? null : expressionField(arm, "when", `arms.${name}`);
  if (when === undefined && !arm.entries.has("when"))
    report(fields.into, arm.range, "missing_key", "A switch arm needs when, or is else.");
  if (!steps) report(fields.into, arm.range, "missing_key", "A switch arm needs steps.");
  const nodes = steps ? readSteps(fields.into, steps, `${fields.path}.${armName}/`) : [];
  return { name: armName, when: when === undefined ? "false" : when, nodes };
}

function readSwitch(fields: Fields, common: Common, entry: Entry): SwitchNode {
  if (entry.value.kind !== "list") {
    report(
      fields.into,
      entry.value.range,
      "type",
      "switch is a list of { when, steps }, the last one may be { else: [steps] }.",
    );
    return { kind: "switch", ...common, arms: [] };
  }
  const arms = entry.value.items.map((item, at) => readArm(fields, item, String(at + 1))).filter((arm) => arm !== null);
  const early = arms.findIndex((arm) => arm.when === null);
  if (early >= 0 && early < arms.length - 1)
    report(fields.into, entry.value.range, "switch", "else is the last arm of a switch; arms below it never run.");
  return { kind: "switch", ...common, arms };
}

/** A step that cannot be read still declares its id, so that one mistake is one problem. */
function standIn(list: List, written: Written & { kind: "map" }): Node | null {
  const entry = written.entries.find((each) => each.key === "id");
  if (entry?.value.kind !== "scalar" || typeof entry.value.value !== "string") return null;
  const id = entry.value.value;
  list.into.ranges.set(`${list.prefix}${id}`, written.range);
  const needs = [...list.ends];
  list.ends.clear();
  list.ends.add(id);
  return stepNode({ id, needs }, "set@1", { with: { value: null }, config: {} });
}

function readStep(list: List, written: Written): Node | null {
  const verb = verbOf(list.into, written);
  if (written.kind !== "map") return null;
  if (verb === null) return standIn(list, written);
  const counted = verb === "if" || verb === "switch";
  if (counted) list.counts[verb] += 1;
  const id = idOf(list.into, written, verb, counted ? `${verb}${list.counts[verb]}` : null);
  const path = `${list.prefix}${id}`;
  list.into.ranges.set(path, written.range);
  const into = written.entries.find((each) => each.key === "into");
  if (into) report(list.into, into.keyRange, "verb", "into is not available yet; a step writes the key of its id.");
  const known: Written = { ...written, entries: written.entries.filter((each) => each !== into) };
  const fields = fieldsOf(list.into, known, path, `A step with ${verb}`, keysOf[verb]);
  const entry = fields?.entries.get(verb);
  if (!fields || !entry) return null;
  const common = commonOf(fields, id, list.ends, verb === "each");
  switch (verb) {
    case "ask":
      return readAsk(fields, common);
    case "use":
      return readUse(fields, common);
    case "each":
      return readEach(fields, common);
    case "if":
      return readIf(fields, common);
    case "switch":
      return readSwitch(fields, common, entry);
    case "set":
      return readSet(fields, common, entry);
    case "approve":
      return readApprove(fields, common);
  }
}

/** Reads a list of steps; `prefix` is the path of their list. What cannot be read is reported and left out. */
export function readSteps(into: Gathered, written: Written, prefix: string): readonly Node[] {
  if (written.kind !== "list") {
    report(into, written.range, "type", "steps is a list; start each step with a dash.");
    return [];
  }
  const list: List = { into, prefix, ends: new Set(), counts: { if: 0, switch: 0 } };
  return written.items.map((item) => readStep(list, item)).filter((node) => node !== null);
}
