import type { Json, JsonObject } from "../protocol/json.ts";
import { limits } from "../protocol/wire.ts";

/** The last lines of a prompt whose answer must be JSON. The schema is in the text because most local servers ignore it elsewhere. */
export function structuredPrompt(schema: JsonObject): string {
  return [
    "Answer with one JSON object and nothing else: no prose, no code fence.",
    "It must match this JSON Schema:",
    JSON.stringify(schema),
  ].join("\n");
}

/** The one repair turn: what was wrong with the last answer, one problem a line, at most eight. */
export function repairPrompt(problems: readonly string[]): string {
  const lines = problems.slice(0, 8).map((problem) => `- ${problem}`);
  return [
    "Your last answer cannot be used:",
    ...(lines.length > 0 ? lines : ["- it holds no complete JSON object"]),
    "Send the whole corrected JSON object again and nothing else.",
  ].join("\n");
}

/**
 * The JSON object (or list of objects) in what a model wrote: thinking, prose, fences and trailing commas are tolerated.
 * Null when there is none, when it was cut, or when it could be read in two ways; nothing is guessed.
 */
export function extractJson(text: string): Json | null {
  const whole = parseContainer(text.trim());
  if (whole !== null) return whole;
  const spoken = afterThinking(text);
  return spoken === null ? null : firstContainer(fromFence(spoken));
}

const opening = /^\s*<(think|thinking|reasoning)>/i;
const closing = /<\/(think|thinking|reasoning)>/i;

/** What a model said to the person: the text without its thinking; empty when the thinking never ended. */
export function withoutThinking(text: string): string {
  return (afterThinking(text) ?? "").trim();
}

/** The text after the thinking; null when the thinking never ended. */
function afterThinking(text: string): string | null {
  const end = closing.exec(text);
  if (opening.test(text)) return end ? text.slice(end.index + end[0].length) : null;
  if (!end || !closesAll(text.slice(0, end.index))) return text;
  return text.slice(end.index + end[0].length);
}

/** The text from its first fence on, unless that fence is inside an object that began before it. */
function fromFence(text: string): string {
  const fence = /^[ \t]*```[a-z]*[ \t]*$/im.exec(text);
  if (!fence || !closesAll(text.slice(0, fence.index))) return text;
  return text.slice(fence.index + fence[0].length);
}

function closesAll(text: string): boolean {
  let from = text.indexOf("{");
  while (from >= 0) {
    const end = endOf(text, from);
    if (end === null) return false;
    from = text.indexOf("{", end);
  }
  return true;
}

/** What may not follow an answer: it would mean that a quote inside a string was read as the string's end. */
const continuation = /^\s*["\],:}]/;

function firstContainer(text: string): Json | null {
  const starts = /[[{]/g;
  for (let match = starts.exec(text); match !== null; match = starts.exec(text)) {
    const found = readAt(text, match.index);
    if (found !== "prose") return found.value;
    starts.lastIndex = endOf(text, match.index) ?? starts.lastIndex;
  }
  return null;
}

/** The value at a bracket, a null value to refuse the whole text, or "prose" to look further. */
function readAt(text: string, start: number): { readonly value: Json | null } | "prose" {
  const end = endOf(text, start);
  const json = looksLikeJson(text.slice(start));
  if (end === null) return json || text.charAt(start) === "{" ? { value: null } : "prose";
  const value = parseContainer(text.slice(start, end));
  if (value === null) return json ? { value: null } : "prose";
  if (!isAnswer(value)) return "prose";
  return { value: continuation.test(text.slice(end)) ? null : value };
}

/** True for broken JSON, whose inner objects must not be taken for the answer; false for a bracket in prose. */
function looksLikeJson(text: string): boolean {
  return /^[[{]\s*["{[]/.test(text);
}

/** Prose holds lists such as [1]; only a list of objects is taken for an answer there. */
function isAnswer(value: Json): boolean {
  return !Array.isArray(value) || value.some((item) => typeof item === "object" && item !== null);
}

/** The index after the bracket that closes the one at `start`; null when it is missing, mismatched or too deep. */
function endOf(text: string, start: number): number | null {
  const open: string[] = [];
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|["{}[\]]/gs;
  tokens.lastIndex = start;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const token = match[0];
    if (token === '"' || open.length > limits.depth) return null;
    if (token === "{") open.push("}");
    else if (token === "[") open.push("]");
    else if (token.length === 1 && open.pop() !== token) return null;
    if (open.length === 0) return tokens.lastIndex;
  }
  return null;
}

function parseContainer(text: string): Json | null {
  if (!/^[[{]/.test(text) || endOf(text, 0) !== text.length) return null;
  return parse(text) ?? parse(withoutTrailingCommas(text));
}

function parse(text: string): Json | null {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}

/** Drops a comma that stands between a value and a closing bracket, never inside a string. */
function withoutTrailingCommas(text: string): string {
  return text.replace(
    /("[^"\\]*(?:\\.[^"\\]*)*")|(?<=["\]}\w]\s*),(?=\s*[}\]])/gs,
    (_, string?: string) => string ?? "",
  );
}
