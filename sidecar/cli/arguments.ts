import { parseArgs } from "node:util";
import { PodiumError } from "../protocol/errors.ts";

const options = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
  format: { type: "string" },
  output: { type: "string", short: "o" },
  workspace: { type: "string" },
  embedded: { type: "boolean" },
  data: { type: "string" },
  "on-ask": { type: "string" },
  timeout: { type: "string" },
  budget: { type: "string" },
  model: { type: "string", multiple: true },
  server: { type: "string", multiple: true },
  network: { type: "string" },
  detach: { type: "boolean" },
  quiet: { type: "boolean" },
  "require-model": { type: "boolean" },
  "allow-degraded": { type: "boolean" },
  input: { type: "string", multiple: true, short: "i" },
  "input-file": { type: "string" },
  staged: { type: "boolean" },
  working: { type: "boolean" },
  branch: { type: "boolean" },
  range: { type: "string" },
  patch: { type: "string" },
  depth: { type: "string" },
  "fail-on": { type: "string" },
  value: { type: "string" },
  grant: { type: "boolean" },
  deny: { type: "boolean" },
  retry: { type: "boolean" },
  done: { type: "string" },
  skip: { type: "boolean" },
  all: { type: "boolean" },
  limit: { type: "string" },
  now: { type: "boolean" },
  rebuild: { type: "boolean" },
  refresh: { type: "boolean" },
  follow: { type: "string" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>["values"];

/** Output formats of every command; `sarif` and `github` come with the full reviewer. */
type Format = "text" | "json" | "jsonl";
export type FailOn = "high" | "medium" | "none";

/** A command line, parsed once. `words` are the noun or verb and what follows it. */
export interface Invocation {
  readonly words: readonly string[];
  readonly values: Values;
  readonly format: Format;
  readonly onAsk: "fail" | "wait" | "deny";
  readonly failOn: FailOn;
  readonly timeoutMs: number | null;
  readonly budget: { readonly tokens?: number; readonly minutes?: number };
  readonly roles: Readonly<Record<string, string>>;
  readonly network: "local" | "lan" | "cloud" | null;
}

function choose<T extends string>(flag: string, value: string | undefined, allowed: readonly T[], fallback: T): T {
  if (value === undefined) return fallback;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new PodiumError("usage", `--${flag} takes ${allowed.join(", ")}, not ${value}.`);
  return found;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function duration(value: string | undefined): number | null {
  if (value === undefined) return null;
  const match = /^(\d+)(ms|s|m|h)?$/.exec(value);
  if (!match) throw new PodiumError("usage", `--timeout takes a duration such as 90s or 5m, not ${value}.`);
  return Number(match[1]) * (durationUnits[match[2] ?? "s"] ?? 1000);
}

function pairs(flag: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new PodiumError("usage", `--${flag} takes name=value, not ${pair}.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function budgetOf(value: string | undefined): Invocation["budget"] {
  if (value === undefined) return {};
  const parts = pairs("budget", value.split(","));
  const number = (name: string): number | undefined => {
    const text = parts[name];
    if (text === undefined) return undefined;
    const amount = Number(text.replace(/k$/, "000"));
    if (!(amount > 0)) throw new PodiumError("usage", `--budget ${name} takes a positive number, not ${text}.`);
    return amount;
  };
  const tokens = number("tokens");
  const minutes = number("minutes");
  return { ...(tokens === undefined ? {} : { tokens }), ...(minutes === undefined ? {} : { minutes }) };
}

/** Parses a command line; throws `usage` naming the flag and what it takes. */
export function parseInvocation(argv: readonly string[]): Invocation {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    const sentence = error instanceof Error ? (error.message.split(". ")[0] ?? error.message) : String(error);
    throw new PodiumError("usage", `${sentence}. See: podium --help`);
  }
  const { values, positionals } = parsed;
  return {
    words: positionals,
    values,
    format: choose("format", values.format, ["text", "json", "jsonl"], "text"),
    onAsk: choose("on-ask", values["on-ask"], ["fail", "wait", "deny"], "fail"),
    failOn: choose("fail-on", values["fail-on"], ["high", "medium", "none"], "high"),
    timeoutMs: duration(values.timeout),
    budget: budgetOf(values.budget),
    roles: pairs("model", values.model ?? []),
    network:
      values.network === undefined
        ? null
        : choose<"local" | "lan" | "cloud">("network", values.network, ["local", "lan", "cloud"], "local"),
  };
}

/** Inputs of `run`: `-i k=v` (JSON if it parses, else text). */
export function inputsOf(invocation: Invocation): Record<string, unknown> {
  const given = pairs("input", invocation.values.input ?? []);
  return Object.fromEntries(Object.entries(given).map(([key, text]) => [key, jsonOrText(text)]));
}

export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
