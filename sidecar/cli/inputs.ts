import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { PodiumError } from "../protocol/errors.ts";
import { Json, JsonObject } from "../protocol/json.ts";
import { inputsOf, jsonOrText } from "./arguments.ts";
import type { CliContext } from "./context.ts";

/** The text of a file a person named, `-` = stdin. */
export async function readNamed(context: CliContext, name: string): Promise<string> {
  if (name === "-") return await context.stdin();
  try {
    return readFileSync(resolve(context.cwd, name), "utf8");
  } catch (cause) {
    throw new PodiumError("file_missing", `${name} cannot be read; correct the path, or give - for stdin.`, { cause });
  }
}

/** The inputs of `run`: `--input`, and `-i` over it. */
export async function runInput(context: CliContext): Promise<JsonObject> {
  const { input } = context.invocation.values;
  const base = input === undefined ? {} : jsonOrText(await readNamed(context, input));
  const parsed = JsonObject.safeParse(base);
  if (!parsed.success)
    throw new PodiumError("invalid_input", `${input === "-" ? "stdin" : input} does not hold a JSON object.`);
  return JsonObject.parse({ ...parsed.data, ...inputsOf(context.invocation) });
}

/** The inputs of `review` from its flags. */
export async function reviewInput(context: CliContext): Promise<JsonObject> {
  const { values, words } = context.invocation;
  const { staged, working, branch, range, patch } = values;
  if ([staged, working, branch, range !== undefined, patch !== undefined].filter(Boolean).length > 1)
    throw new PodiumError("usage", "Choose one of --staged, --working, --branch, --range and --patch.");
  const base = words[1];
  if (base !== undefined && !branch)
    throw new PodiumError("usage", `review takes no ${base}; to compare with it: podium review --branch ${base}`);
  const depth = values.depth === undefined ? {} : { depth: values.depth };
  if (patch !== undefined) return { scope: "patch", patch: await readNamed(context, patch), ...depth };
  if (range !== undefined) return { scope: "range", range, ...depth };
  if (branch) return { scope: "branch", ...(base === undefined ? {} : { base }), ...depth };
  return { scope: working ? "working" : "staged", ...depth };
}

/** What `--grant`, `--deny`, `--value` and the unknown-outcome flags mean as an answer. */
export function answerValue(context: CliContext): Json {
  const { values } = context.invocation;
  if (values.grant) {
    if (!context.human)
      throw new PodiumError("usage", "A grant needs a person at a terminal: run this command in one.");
    return { approved: true };
  }
  if (values.deny) return { approved: false };
  if (values.retry) return { choice: "retry" };
  if (values.skip) return { choice: "skip" };
  if (values.done !== undefined) return { choice: "done", value: Json.parse(jsonOrText(values.done)) };
  if (values.value === undefined) throw new PodiumError("usage", "Answer with --value JSON, --grant or --deny.");
  return Json.parse(jsonOrText(values.value));
}
