import type { DiffFile, Digest } from "../ports.ts";
import type { Category, Finding, Severity } from "../protocol/review.ts";
import { enclosingSymbol, fingerprint, numberRepeats } from "./fingerprint.ts";
import { type NewLine, newSides } from "./lines.ts";

interface Rule {
  readonly name: string;
  readonly category: Category;
  readonly severity: Severity;
  readonly pattern: RegExp;
  readonly unless?: RegExp;
  readonly paths?: RegExp;
  readonly notPaths?: RegExp;
  readonly title: string;
  readonly claim: string;
  readonly trigger: string;
}

const script = /\.[cm]?[jt]sx?$/;
const tests = /(^|\/)(tests?|__tests__|spec|fixtures?|examples?|scripts)\/|[._-](test|spec)\.[a-z]+$/i;
const prose = /\.(md|mdx|rst|txt|adoc)$/i;
const placeholder =
  /example|dummy|changeme|placeholder|your[-_ ]|xxxx|<[^>]+>|\$\{|process\.env|os\.environ|getenv|\*{4}/i;

/** Rules that need no model: each line is checked alone, only lines that this change adds. */
const rules: readonly Rule[] = [
  {
    name: "rule/conflict-marker",
    category: "correctness",
    severity: "high",
    pattern: /^(<{7}|>{7}|\|{7})( |$)/,
    title: "Merge conflict marker",
    claim: "An unresolved merge conflict marker is part of this change.",
    trigger: "Parsing or running this file → a syntax error or both versions at once",
  },
  {
    name: "rule/secret",
    category: "security",
    severity: "high",
    pattern:
      /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{50,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk-(proj-|ant-)?[A-Za-z0-9_-]{24,}|\bAIza[0-9A-Za-z_-]{35}\b|\bglpat-[A-Za-z0-9_-]{20,}|\b[sr]k_live_[A-Za-z0-9]{20,}/,
    title: "Secret in the code",
    claim: "A key or token is written into the code; everyone who can read the repository can use it.",
    trigger: "Committing this line → the secret stays in the history even after it is removed",
  },
  {
    name: "rule/password",
    category: "security",
    severity: "high",
    pattern:
      /\b\w*(password|passwd|secret|api_?key|access_?token|auth_?token)\w*["']?\s*[:=]\s*["'`][^"'`\s]{8,}["'`]/i,
    unless: placeholder,
    notPaths: tests,
    title: "Password in the code",
    claim: "A password or token is assigned from a literal; it belongs in the environment or a secret store.",
    trigger: "Committing this line → the value stays in the history even after it is removed",
  },
  {
    name: "rule/focused-test",
    category: "test",
    severity: "medium",
    pattern: /\b(describe|it|test|context|suite)\.only\s*\(|\b(fdescribe|fit)\s*\(\s*["'`]/,
    paths: script,
    title: "Focused test",
    claim: "A focused test switches off all other tests of the run.",
    trigger: "Running the test suite → every other test is skipped and the run is still green",
  },
  {
    name: "rule/debugger",
    category: "correctness",
    severity: "medium",
    pattern: /^\s*debugger\s*;?\s*(\/\/.*)?$|^\s*(import pdb|breakpoint\(\)|pdb\.set_trace\(\)|binding\.pry)/,
    notPaths: prose,
    title: "Debugger statement",
    claim: "A breakpoint was left in the code.",
    trigger: "Running this line with a debugger attached, or in Python at all → the program stops",
  },
  {
    name: "rule/console",
    category: "style",
    severity: "low",
    pattern: /\bconsole\.(log|debug|trace)\s*\(/,
    paths: script,
    notPaths: tests,
    title: "console.log left in the code",
    claim: "Debug output was added outside a test.",
    trigger: "Running this line → text on standard output that nobody asked for",
  },
  {
    name: "rule/check-disabled",
    category: "error_handling",
    severity: "medium",
    pattern:
      /@ts-(ignore|nocheck)\b|\beslint-disable(?!-next-line\s+\S)(?!-line\s+\S)|#\s*type:\s*ignore\s*$|#\s*noqa\s*$|verify\s*=\s*False\b|rejectUnauthorized\s*:\s*false/,
    notPaths: prose,
    title: "Check switched off",
    claim: "This change switches off a check without saying which problem it hides.",
    trigger: "A real mistake in the code below → it is no longer reported",
  },
  {
    name: "rule/empty-catch",
    category: "error_handling",
    severity: "medium",
    pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}|^\s*except(\s+Exception)?\s*:\s*pass\b/,
    notPaths: prose,
    title: "Error swallowed",
    claim: "The error is caught and dropped, so the caller cannot know that it happened.",
    trigger: "The guarded code fails → the program goes on as if it had worked",
  },
  {
    name: "rule/todo",
    category: "style",
    severity: "low",
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    unless: /#\d+|[A-Z]{2,}-\d+|https?:\/\//,
    notPaths: prose,
    title: "TODO without an issue",
    claim: "A note about missing work names no issue, so nobody will find it again.",
    trigger: "Reading the list of open work → this is not on it",
  },
];

const applies = (rule: Rule, path: string): boolean =>
  (rule.paths === undefined || rule.paths.test(path)) && (rule.notPaths === undefined || !rule.notPaths.test(path));

function findingOf(rule: Rule, file: DiffFile, { line, text }: NewLine, digest: Digest): Finding {
  const { name, category, severity, title, claim, trigger } = rule;
  const matched = rule.pattern.exec(text)?.[0] ?? text;
  const id = fingerprint(name, file.path, text, enclosingSymbol(file, line), digest);
  const place = { path: file.path, line, endLine: line, quote: text };
  return {
    id,
    ...place,
    rule: name,
    category,
    severity,
    title,
    claim,
    trigger,
    verified: true,
    evidence: matched.trim(),
  };
}

/** Findings that need no model, about lines that the change adds; at most one per rule and line. */
export function ruleFindings(file: DiffFile, digest: Digest): readonly Finding[] {
  const active = rules.filter((rule) => applies(rule, file.path));
  const added = newSides(file)
    .flat()
    .filter((line) => line.added && line.text.length < 2000);
  const found = added.flatMap((line) =>
    active
      .filter((rule) => rule.pattern.test(line.text) && rule.unless?.test(line.text) !== true)
      .map((rule) => findingOf(rule, file, line, digest)),
  );
  return numberRepeats(found);
}
