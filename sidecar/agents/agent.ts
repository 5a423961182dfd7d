import * as z from "zod";
import type { Problem } from "../protocol/ir.ts";

/** Who answers an `ask`: a prompt and its limits, as data. `system` is byte-stable: it starts every prompt of this agent. */
export interface Agent {
  readonly name: string;
  readonly file: string;
  readonly about: string;
  readonly role: string;
  readonly capabilities: readonly string[];
  readonly tools: readonly string[];
  readonly access: "readonly" | "edit" | "full";
  readonly temperature: number;
  readonly think: "off" | "low" | "high";
  readonly maxTurns: number;
  readonly maxTokens: number;
  readonly examples: readonly string[];
  readonly system: string;
}

const list = z.array(z.string());
const fields = {
  name: z.string().regex(/^[a-z][a-z0-9_]*$/, "must be a word such as code_reviewer"),
  about: z.string().default(""),
  role: z.string().min(1).default("main"),
  capabilities: list.default([]),
  tools: list.default([]),
  access: z.enum(["readonly", "edit", "full"]).default("readonly"),
  temperature: z.coerce.number().min(0).max(2).default(0),
  think: z.enum(["off", "low", "high"]).default("off"),
  maxTurns: z.coerce.number().int().min(1).max(50).default(6),
  maxTokens: z.coerce.number().int().min(16).max(32_000).default(800),
  examples: list.default([]),
};
const FrontMatter = z.object(fields);

/** Small models lose the task in a longer system prompt. Tokens, counted as chars / 4. */
const longestSystem = 1500;

interface Line {
  readonly line: number;
  readonly width: number;
}

/**
 * Reads an agent file: front matter between two lines `---`, then the system prompt. `agent` is null when anything is wrong;
 * `problems` names all of it.
 */
export function parseAgent(
  text: string,
  file: string,
): { readonly agent: Agent | null; readonly problems: readonly Problem[] } {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const end = lines.indexOf("---", 1);
  if (lines[0] !== "---" || end < 0) {
    const message = "An agent file begins with its settings between two lines that hold only ---.";
    return { agent: null, problems: [problemAt({ line: 1, width: 1 }, message)] };
  }
  const problems: Problem[] = [];
  const where = new Map<string, Line>();
  const values = readFrontMatter(lines.slice(1, end), where, problems);
  const parsed = FrontMatter.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const key = String(issue.path[0] ?? "name");
    problems.push(problemAt(where.get(key) ?? { line: 1, width: 3 }, `${key}: ${issue.message}.`));
  }
  const system = lines
    .slice(end + 1)
    .join("\n")
    .trim();
  const bodyAt = { line: end + 2, width: 1 };
  if (system === "") problems.push(problemAt(bodyAt, "The system prompt below the settings is missing."));
  if (system.length > longestSystem * 4) {
    problems.push(problemAt(bodyAt, `The system prompt has more than ${longestSystem} tokens; shorten it.`));
  }
  if (!parsed.success || problems.length > 0) return { agent: null, problems };
  return { agent: { ...parsed.data, file, system }, problems };
}

function readFrontMatter(
  lines: readonly string[],
  where: Map<string, Line>,
  problems: Problem[],
): { readonly [key: string]: unknown } {
  const values: { [key: string]: unknown } = {};
  for (const [index, text] of lines.entries()) {
    const at = { line: index + 2, width: Math.max(1, text.length) };
    if (/^\s*(#|$)/.test(text)) continue;
    const pair = /^([A-Za-z]+):\s*(.*?)\s*$/.exec(text);
    const [, key = "", value = ""] = pair ?? [];
    if (!pair) problems.push(problemAt(at, "Write one setting a line, as key: value."));
    else if (!Object.hasOwn(fields, key)) {
      problems.push(problemAt(at, `Unknown setting ${key}; known are ${Object.keys(fields).join(", ")}.`));
    } else if (where.has(key)) problems.push(problemAt(at, `${key} is set twice.`));
    else {
      where.set(key, at);
      values[key] = readSetting(value);
    }
  }
  return values;
}

function readSetting(text: string): string | readonly string[] {
  const items = /^\[(.*)\]$/.exec(text)?.[1];
  if (items === undefined) return unquoted(text);
  return items
    .split(",")
    .map((item) => unquoted(item.trim()))
    .filter((item) => item !== "");
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;
}

function problemAt({ line, width }: Line, message: string): Problem {
  return { code: "agent", message, line, column: 1, endLine: line, endColumn: width + 1 };
}
