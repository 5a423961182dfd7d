import * as z from "zod";
import type { StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { withoutOrphans } from "../quality/answer.ts";
import type { Passage, Statement } from "../quality/citations.ts";

type Source = Statement["sources"][number];

const Read = z.object({ text: z.string() });

/**
 * The statements whose cited lines still stand in their files now, at the lines where they are now; `gone` names the files that
 * no longer hold what was cited. Each file is read by the tool workspace.read.
 */
export async function checkSources(
  statements: readonly Statement[],
  context: StepContext,
): Promise<{ readonly statements: readonly Statement[]; readonly gone: readonly string[] }> {
  const gone = new Set<string>();
  const known = new Map<string, Source | null>();
  const check = async (source: Source): Promise<readonly Source[]> => {
    const key = `${source.passage.path}\n${source.passage.line + source.range.from}\n${quoteOf(source)}`;
    if (!known.has(key)) known.set(key, await sourceNow(source, context));
    const now = known.get(key) ?? null;
    if (now === null) gone.add(source.passage.path);
    return now === null ? [] : [now];
  };
  const kept: Statement[] = [];
  for (const statement of statements) {
    const sources: Source[] = [];
    for (const source of statement.sources) sources.push(...(await check(source)));
    if (statement.sources.length === 0 || sources.length > 0) kept.push({ ...statement, sources });
  }
  return { statements: withoutOrphans(kept), gone: [...gone] };
}

function quoteOf({ passage, range }: Source): string {
  return passage.text
    .split("\n")
    .slice(range.from, range.to + 1)
    .join("\n");
}

/** The source where it stands now; null when its lines are gone. */
async function sourceNow(source: Source, context: StepContext): Promise<Source | null> {
  const { passage, range } = source;
  const quote = quoteOf(source);
  const [from, to] = [passage.line + range.from, passage.line + range.to];
  if ((await textNow({ path: passage.path, from, to }, context)) === quote) return source;
  const lines = (await textNow({ path: passage.path }, context))?.split("\n") ?? [];
  const wanted = quote.split("\n");
  const at = lines.findIndex((_, start) => wanted.every((line, index) => lines[start + index] === line));
  if (at < 0) return null;
  const moved: Passage = { path: passage.path, line: at + 1, endLine: at + wanted.length, text: quote };
  return { passage: moved, range: { from: 0, to: wanted.length - 1 } };
}

async function textNow(
  place: { readonly path: string; readonly from?: number; readonly to?: number },
  context: StepContext,
): Promise<string | null> {
  try {
    return Read.parse(await context.tool("workspace.read", { ...place })).text;
  } catch (error) {
    if (error instanceof PodiumError && error.code !== "cancelled") return null;
    throw error;
  }
}
