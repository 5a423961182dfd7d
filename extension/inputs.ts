import { PodiumError } from "../sidecar/protocol/errors.ts";
import { Json, type JsonObject } from "../sidecar/protocol/json.ts";
import type { WorkflowInfo } from "../sidecar/protocol/results.ts";
import { TypeSpec } from "../sidecar/protocol/types.ts";

/** One question of the form that a workflow's inputs make. `choices` empty = free text. */
export interface InputQuestion {
  readonly name: string;
  readonly spec: TypeSpec;
  readonly choices: readonly string[];
  /** What is offered; undefined when there is nothing to offer. */
  readonly value: string | undefined;
  readonly optional: boolean;
}

const text = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The questions of a workflow, in the order they are written. */
export function questionsOf(info: WorkflowInfo): readonly InputQuestion[] {
  return Object.entries(info.inputs).flatMap(([name, raw]): readonly InputQuestion[] => {
    const parsed = TypeSpec.safeParse(raw);
    if (!parsed.success) return [];
    const spec = parsed.data;
    const choices = spec.kind === "enum" ? spec.values : spec.kind === "bool" ? ["true", "false"] : [];
    const value = spec.default === undefined ? undefined : text(spec.default);
    return [{ name, spec, choices, value, optional: spec.optional === true || spec.default !== undefined }];
  });
}

/** Why an answer cannot be taken, in one sentence; null when it can. */
export function problemOf(question: InputQuestion, answer: string): string | null {
  if (answer.trim() === "") return question.optional ? null : `${question.name} is needed.`;
  switch (question.spec.kind) {
    case "string":
    case "enum":
    case "bool":
      return null;
    case "int":
      return /^-?\d+$/.test(answer.trim()) ? null : "Write a whole number.";
    case "number":
      return Number.isFinite(Number(answer)) ? null : "Write a number.";
    case "any":
    case "list":
    case "object":
      return parseJson(answer) === undefined ? "Write JSON." : null;
  }
}

/** The value of an answer; undefined = left out, the workflow's default holds. */
function answerValue(question: InputQuestion, answer: string): Json | undefined {
  const problem = problemOf(question, answer);
  if (problem !== null) throw new PodiumError("invalid_input", problem);
  if (answer.trim() === "" && question.optional) return undefined;
  switch (question.spec.kind) {
    case "string":
    case "enum":
      return answer;
    case "bool":
      return answer === "true";
    case "int":
    case "number":
      return Number(answer);
    case "any":
    case "list":
    case "object":
      return parseJson(answer);
  }
}

function parseJson(answer: string): Json | undefined {
  try {
    return Json.parse(JSON.parse(answer));
  } catch {
    return undefined;
  }
}

/** Puts the answers together; what was left out is absent. */
export function inputOf(answers: readonly (readonly [InputQuestion, string])[]): JsonObject {
  const input: { [name: string]: Json } = {};
  for (const [question, answer] of answers) {
    const value = answerValue(question, answer);
    if (value !== undefined) input[question.name] = value;
  }
  return input;
}
