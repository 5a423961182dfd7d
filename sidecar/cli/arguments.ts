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
  i: { type: "string", multiple: true, short: "i" },
  input: { type: "string" },
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
  before: { type: "string" },
  now: { type: "boolean" },
  rebuild: { type: "boolean" },
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
  /** Rows of a list, 1 to 500. */
  readonly limit: number | null;
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
      if (at < 1) throw new PodiumError("usage", `${flag} takes name=value, not ${pair}.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function limitOf(value: string | undefined): number | null {
  if (value === undefined) return null;
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500)
    throw new PodiumError("usage", `--limit takes a whole number from 1 to 500, not ${value}.`);
  return limit;
}

/** `tokens=50k,minutes=5,usd=1`. A price is read, and never reached: no server that Podium knows has one. */
function budgetOf(value: string | undefined): Invocation["budget"] {
  if (value === undefined) return {};
  const parts = Object.entries(pairs("--budget", value.split(","))).map(([name, text]) => {
    const amount = Number(text.replace(/k$/, "000"));
    if (!["tokens", "minutes", "usd"].includes(name) || !(amount > 0) || (name === "tokens" && amount % 1 !== 0))
      throw new PodiumError("usage", `--budget takes tokens=, minutes= and usd= with positive numbers, not ${value}.`);
    return [name, amount] as const;
  });
  const { tokens, minutes } = Object.fromEntries(parts);
  return { ...(tokens === undefined ? {} : { tokens }), ...(minutes === undefined ? {} : { minutes }) };
}

/** Parses a command line; throws `usage` naming the flag and what it takes. */
export function parseInvocation(argv: readonly string[]): Invocation {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    const sentence = error instanceof Error ? (error.message.split(". ")[0] ?? error.message) : String(error);
    throw new PodiumError("usage", `${sentence.replace(/\.$/, "")}; see podium --help.`);
  }
  const { values, positionals } = parsed;
  if (values.data !== undefined && !values.embedded)
    throw new PodiumError("usage", "--data goes with --embedded; without it, PODIUM_HOME names the data directory.");
  return {
    words: positionals,
    values,
    format: choose("format", values.format, ["text", "json", "jsonl"], "text"),
    onAsk: choose("on-ask", values["on-ask"], ["fail", "wait", "deny"], "fail"),
    failOn: choose("fail-on", values["fail-on"], ["high", "medium", "none"], "high"),
    timeoutMs: duration(values.timeout),
    limit: limitOf(values.limit),
    budget: budgetOf(values.budget),
    roles: pairs("--model", values.model ?? []),
    network:
      values.network === undefined
        ? null
        : choose<"local" | "lan" | "cloud">("network", values.network, ["local", "lan", "cloud"], "local"),
  };
}

/** What a command line that may not even parse asked for, so that its error comes in that format. */
export const wantsJson = (argv: readonly string[]): boolean =>
  argv.some((word, at) => word === "--format=json" || (word === "json" && argv[at - 1] === "--format"));

/** Inputs of `run`: `-i k=v` (JSON if it parses, else text). */
export function inputsOf(invocation: Invocation): Record<string, unknown> {
  const given = pairs("-i", invocation.values.i ?? []);
  return Object.fromEntries(Object.entries(given).map(([key, text]) => [key, jsonOrText(text)]));
}

export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
