import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { Problem, SourceRange } from "../protocol/ir.ts";

/** A piece of a YAML file with its place: what the rest reads, so that one file knows the `yaml` package. */
export type Written =
  | {
      readonly kind: "scalar";
      readonly value: string | number | boolean | null;
      readonly range: SourceRange;
      readonly style: Style;
    }
  | { readonly kind: "list"; readonly items: readonly Written[]; readonly range: SourceRange }
  | { readonly kind: "map"; readonly entries: readonly Entry[]; readonly range: SourceRange };
export interface Entry {
  readonly key: string;
  readonly keyRange: SourceRange;
  readonly value: Written;
}
/** `commented` = unquoted, with a `#` comment on its line; `flow` = unquoted inside `{ }` or `[ ]`. */
interface Style {
  readonly commented: boolean;
  readonly flow: boolean;
}

const maxBytes = 256 * 1024;
const maxAliases = 20;
const maxNodes = 20_000;
const maxDepth = 64;

/** The first thing wrong with a file; reading it ends there. */
class Refusal extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

const start: SourceRange = { line: 1, column: 1, endLine: 1, endColumn: 2 };

interface Reader {
  readonly text: string;
  readonly document: Document;
  readonly rangeOf: (from: number, to: number) => SourceRange;
  nodes: number;
}

function readMap(reader: Reader, node: unknown, range: SourceRange, depth: number): Written {
  if (!isMap(node)) throw new Refusal({ code: "yaml", message: "A mapping is expected here.", ...range });
  const isFlow = node.flow === true;
  const entries = node.items.map((pair): Entry => {
    const key = read(reader, pair.key, range, depth + 1, isFlow);
    if (key.kind !== "scalar" || key.value === null) {
      throw new Refusal({
        code: "yaml",
        message: "A key is one word; quote text that holds { } or [ ].",
        ...key.range,
      });
    }
    return {
      key: String(key.value),
      keyRange: key.range,
      value: read(reader, pair.value, key.range, depth + 1, isFlow),
    };
  });
  return { kind: "map", entries, range };
}

function readAlias(reader: Reader, alias: Alias, range: SourceRange, depth: number): Written {
  const target = alias.resolve(reader.document);
  if (!target)
    throw new Refusal({ code: "yaml", message: `*${alias.source} names no &${alias.source} above it.`, ...range });
  return { ...read(reader, target, range, depth + 1, false), range };
}

/** `around` is the place of what has no text of its own, such as the missing value of a key. */
function read(reader: Reader, node: unknown, around: SourceRange, depth: number, isFlow: boolean): Written {
  reader.nodes += 1;
  if (reader.nodes > maxNodes)
    throw new Refusal({ code: "yaml", message: `A workflow has at most ${maxNodes} values.`, ...around });
  if (depth > maxDepth)
    throw new Refusal({
      code: "too_deep",
      message: `More than ${maxDepth} levels inside one another; split the workflow.`,
      ...around,
    });
  const none: Written = { kind: "scalar", value: null, range: around, style: { commented: false, flow: isFlow } };
  if (isAlias(node))
    return readAlias(reader, node, node.range ? reader.rangeOf(node.range[0], node.range[1]) : around, depth);
  if (isMap(node))
    return readMap(reader, node, node.range ? reader.rangeOf(node.range[0], node.range[1]) : around, depth);
  if (isSeq(node)) {
    const range = node.range ? reader.rangeOf(node.range[0], node.range[1]) : around;
    return {
      kind: "list",
      items: node.items.map((item) => read(reader, item, range, depth + 1, node.flow === true)),
      range,
    };
  }
  if (!isScalar(node) || !node.range) return none;
  const [from, to] = node.range;
  const range = from === to ? around : reader.rangeOf(from, to);
  const { value } = node;
  const isPlain = node.type === "PLAIN";
  const style = { commented: isPlain && /^[ \t]+#/.test(reader.text.slice(to, to + 80)), flow: isPlain && isFlow };
  if (value === null || typeof value === "string" || typeof value === "boolean")
    return { kind: "scalar", value, range, style };
  if (typeof value === "number" && Number.isFinite(value)) return { kind: "scalar", value, range, style };
  throw new Refusal({
    code: "yaml",
    message: "A value is text, a number, true, false or null; quote it if it is text.",
    ...range,
  });
}

/** What to write instead, by the line where YAML gave up. */
function cure(line: string, error: YAMLError): string {
  if (error.code === "MULTIPLE_DOCS") return "a file holds one workflow; remove the --- line";
  if (error.code === "DUPLICATE_KEY") return "this key is written twice; keep one";
  if (error.code === "TAB_AS_INDENT") return "indent with spaces, not tabs";
  if (/\$\{/.test(line)) return `quote a text that holds \${…}, or write a single value as =path`;
  if (/\b(ask|approve|about|set):\s+[^"'|>\s].*:(\s|$)/.test(line)) return "quote a text that holds a colon";
  if (/^\s*-?\s*[\w-]+:\s+[@`%&*!]/.test(line)) return "quote a text that starts with a special character";
  return `this is not YAML: ${(error.message.split("\n")[0] ?? "").replace(/\s+at line \d+.*$/, "").replace(/[.:]$/, "")}`;
}

const tooDeep = (range: SourceRange): Problem => ({
  code: "too_deep",
  message: `More than ${maxDepth} levels inside one another; split the workflow.`,
  ...range,
});

function yamlProblem(error: YAMLError, text: string, rangeOf: Reader["rangeOf"]): Problem {
  const [from, to] = error.pos;
  const range = rangeOf(from, Math.max(to, from + 1));
  if (error.message.includes("call stack")) return tooDeep(range);
  const message = cure(text.split("\n")[range.line - 1] ?? "", error);
  return { code: "yaml", message: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`, ...range };
}

function countAliases(document: Document): number {
  let count = 0;
  visit(document, {
    Alias: () => {
      count += 1;
    },
  });
  return count;
}

/** Reads YAML without running anything: at most 256 KiB, 20 aliases, 64 levels. The first error only, since others follow from it. */
export function readWritten(text: string): { readonly root: Written | null; readonly problems: readonly Problem[] } {
  const refused = (problem: Problem) => ({ root: null, problems: [problem] });
  if (new TextEncoder().encode(text).length > maxBytes) {
    return refused({
      code: "too_large",
      message: "A workflow file has at most 256 KiB; move long texts into files the workflow reads.",
      ...start,
    });
  }
  const counter = new LineCounter();
  const rangeOf = (from: number, to: number): SourceRange => {
    const first = counter.linePos(from);
    const last = counter.linePos(to);
    return { line: first.line, column: first.col, endLine: last.line, endColumn: last.col };
  };
  try {
    const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: "silent" });
    const error = document.errors[0] ?? document.warnings[0];
    if (error) return refused(yamlProblem(error, text, rangeOf));
    if (countAliases(document) > maxAliases) {
      return refused({
        code: "yaml",
        message: `A workflow has at most ${maxAliases} aliases; write the values out.`,
        ...start,
      });
    }
    return { root: read({ text, document, rangeOf, nodes: 0 }, document.contents, start, 0, false), problems: [] };
  } catch (error) {
    if (error instanceof Refusal) return refused(error.problem);
    if (error instanceof RangeError) return refused(tooDeep(start));
    throw error;
  }
}
