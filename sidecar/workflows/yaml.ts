import type { Budget, Ir, Problem, SourceRange } from "../protocol/ir.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { expressionField, type Fields, fieldsOf, type Gathered, place, report, textField, typeOf } from "./reading.ts";
import { readSteps } from "./step-yaml.ts";
import { readWritten } from "./written.ts";

/**
 * A workflow file as graph. `ranges` says where a node (`found/draft`) and its fields (`found/draft#with.prompt`, `#output`) are
 * written. `ir` holds what could be read also when there are problems, so that validate can report the rest; null = nothing could.
 */
export interface ParsedWorkflow {
  readonly ir: Ir | null;
  readonly problems: Problem[];
  readonly ranges: Map<string, SourceRange>;
}

function budgetOf(fields: Fields): { readonly budget?: Budget } {
  const entry = fields.entries.get("budget");
  const parts = entry && fieldsOf(fields.into, entry.value, "", "budget", ["tokens", "minutes"]);
  if (!parts) return {};
  const read = (key: string): number | undefined => {
    const written = parts.entries.get(key)?.value;
    if (!written) return undefined;
    const [, amount, unit] =
      /^(\d+(?:\.\d+)?)(k|M)?$/.exec(written.kind === "scalar" ? String(written.value) : "") ?? [];
    const value = Number(amount) * (unit === "k" ? 1000 : unit === "M" ? 1_000_000 : 1);
    if (value > 0 && (key === "minutes" || Number.isInteger(value))) return value;
    report(fields.into, written.range, "type", `${key} is a number above 0${key === "tokens" ? ", such as 60k" : ""}.`);
    return undefined;
  };
  const tokens = read("tokens");
  const minutes = read("minutes");
  return { budget: { ...(tokens === undefined ? {} : { tokens }), ...(minutes === undefined ? {} : { minutes }) } };
}

function inputsOf(fields: Fields): { readonly [name: string]: TypeSpec } {
  const entry = fields.entries.get("input");
  if (!entry || (entry.value.kind === "scalar" && entry.value.value === null)) return {};
  if (entry.value.kind !== "map") {
    report(
      fields.into,
      entry.value.range,
      "type",
      "input is a mapping of names and types, such as { question: string }.",
    );
    return {};
  }
  for (const { key, value } of entry.value.entries) place(fields, `input.${key.replace(/\?$/, "")}`, value.range);
  const spec = typeOf(fields.into, entry.value);
  return spec?.kind === "object" ? spec.fields : {};
}

function checkVersion(fields: Fields): void {
  const written = fields.entries.get("podium")?.value;
  const cure = "this Podium reads podium: 1";
  if (!written) report(fields.into, fields.range, "missing_key", `The version is missing; ${cure}.`);
  else if (written.kind !== "scalar" || written.value !== 1)
    report(fields.into, written.range, "version", `This version is not known; ${cure}.`);
}

/** The name of a file whose `name` cannot be read: its own, without folder and ending. */
const stemOf = (file: string): string => file.replace(/^.*[\\/]/, "").replace(/\.ya?ml$/, "");

function nameOf(fields: Fields, file: string): string {
  const entry = fields.entries.get("name");
  if (!entry) report(fields.into, fields.range, "missing_key", "A workflow needs a name, such as name: triage.");
  const name = textField(fields, "name");
  if (name === undefined || /^[A-Za-z][\w-]{0,63}$/.test(name)) return name ?? stemOf(file);
  report(
    fields.into,
    entry?.value.range ?? fields.range,
    "type",
    "A name has letters, digits, _ and - only, a letter first.",
  );
  return name;
}

/** Reads one workflow file (256 KiB at most); loading it runs nothing. Every problem has its place. */
export function parseWorkflow(text: string, file: string): ParsedWorkflow {
  const { root, problems } = readWritten(text);
  const into: Gathered = { problems: [...problems], ranges: new Map() };
  const keys = ["podium", "name", "about", "input", "budget", "steps", "output"];
  const fields = root && fieldsOf(into, root, "", "A workflow", keys);
  if (!fields) return { ir: null, ...into };
  into.ranges.set("", fields.range);
  checkVersion(fields);
  const about = textField(fields, "about");
  const name = nameOf(fields, file);
  const input = inputsOf(fields);
  const steps = fields.entries.get("steps");
  if (!steps) report(into, fields.range, "missing_key", "A workflow needs steps: a list with at least one step.");
  const nodes = steps ? readSteps(into, steps.value, "") : [];
  if (steps?.value.kind === "list" && steps.value.items.length === 0)
    report(into, steps.value.range, "missing_key", "steps is empty; write at least one step.");
  const output = expressionField(fields, "output", "output");
  if (!fields.entries.has("output"))
    report(
      into,
      fields.range,
      "missing_key",
      "A workflow needs output: the key that is its result, such as output: answer.",
    );
  const ir: Ir = {
    podium: 1,
    name,
    ...(about === undefined ? {} : { about }),
    input,
    ...budgetOf(fields),
    nodes: [...nodes],
    output: output ?? "null",
  };
  return { ir, ...into };
}
