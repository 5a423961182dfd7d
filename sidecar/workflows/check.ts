import { type GraphProblem, type Known, validate } from "../graph/validate.ts";
import type { Ir, Problem, SourceRange } from "../protocol/ir.ts";
import { parseWorkflow } from "./yaml.ts";

/** What exists outside a workflow file: steps, tools, agents, roles. */
export type KnownNames = Known;

const start: SourceRange = { line: 1, column: 1, endLine: 1, endColumn: 2 };

/** Where a graph problem was written: its field, else the field around it, else its node. */
function rangeOf(problem: GraphProblem, ranges: ReadonlyMap<string, SourceRange>): SourceRange {
  const field = problem.field ?? "";
  const outer = field.split(".")[0] ?? "";
  return (
    ranges.get(`${problem.path}#${field}`) ??
    ranges.get(`${problem.path}#${outer}`) ??
    ranges.get(problem.path) ??
    ranges.get("") ??
    start
  );
}

function isInside(inner: SourceRange, outer: SourceRange): boolean {
  const startsAfter = inner.line > outer.line || (inner.line === outer.line && inner.column >= outer.column);
  const endsBefore =
    inner.endLine < outer.endLine || (inner.endLine === outer.endLine && inner.endColumn <= outer.endColumn);
  return startsAfter && endsBefore;
}

/**
 * Reads and validates one workflow file: every problem at once, in file order, with its place.
 * `ir` is null unless there is none.
 */
export function checkWorkflow(
  text: string,
  file: string,
  known: KnownNames,
): { readonly ir: Ir | null; readonly problems: readonly Problem[] } {
  const { ir, problems, ranges } = parseWorkflow(text, file);
  if (!ir) return { ir: null, problems };
  const all = [...problems];
  for (const problem of validate(ir, known)) {
    const { line, column, endLine, endColumn } = rangeOf(problem, ranges);
    const found: Problem = { code: problem.code, message: problem.message, line, column, endLine, endColumn };
    if (!problems.some((earlier) => isInside(earlier, found))) all.push(found);
  }
  all.sort((left, right) => left.line - right.line || left.column - right.column);
  return { ir: all.length === 0 ? ir : null, problems: all };
}
