import type { Passage, Statement } from "./citations.ts";
import { findSource, narrow, sharedAtLeast } from "./citations.ts";
import { contentWords } from "./words.ts";

/** What a cited answer says when the passages do not hold one. */
export const notFound = "Not found in this workspace.";

/** An answer after its citations were checked: what stands, and what is wrong with the rest, one sentence each. */
interface CheckedAnswer {
  readonly statements: readonly Statement[];
  readonly problems: readonly string[];
}

const marker = /\[(\d+(?:\s*[,;–-]\s*\d+)*)\]/g;
/** Code spans and fences: an index such as `list[0]` there is no citation. */
const code = /```[\s\S]*?```|`[^`\n]*`/g;

function withoutMarkers(text: string): string {
  let out = "";
  let from = 0;
  for (const span of text.matchAll(code)) {
    out += text.slice(from, span.index).replace(marker, "") + span[0];
    from = span.index + span[0].length;
  }
  return out + text.slice(from).replace(marker, "");
}

/** True for every way in which models write that they found nothing. */
export function saysNotFound(text: string): boolean {
  return /^\W*not found in (this|the) workspace\W*(\[[\d, ]*\]\W*)*$/i.test(text.trim());
}

/**
 * Splits an answer into statements and checks each [n]: it names a passage that was given, and some lines of that passage share
 * two content words with the statement. A sentence without its own [n] may lean on those of its line, or on a passage that says
 * nearly the same.
 */
export function checkAnswer(text: string, passages: readonly Passage[]): CheckedAnswer {
  const statements: Statement[] = [];
  const problems: string[] = [];
  for (const { lead, sentences, body } of linesOf(text)) {
    const shared = numbersIn(body);
    let first = true;
    for (const sentence of sentences) {
      const checked = checkSentence(sentence, shared, passages);
      problems.push(...checked.problems);
      if (checked.statement === null) continue;
      statements.push({ ...checked.statement, lead: first ? lead : null });
      first = false;
    }
  }
  return { statements: withoutOrphans(withoutRepeats(statements)), problems };
}

/** Small models say one sentence again and again. */
function withoutRepeats(statements: readonly Statement[]): readonly Statement[] {
  const seen = new Set<string>();
  return statements.filter(({ text, sources }) => {
    const key = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ");
    if (sources.length > 0 && seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

interface Line {
  /** What stands before the first sentence: line ends, indentation, a bullet. */
  readonly lead: string;
  readonly body: string;
  readonly sentences: readonly string[];
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  let gap = "";
  for (const block of blocksOf(text)) {
    if (block.trim() === "") {
      gap = "\n";
      continue;
    }
    const [bullet = ""] = /^\s*(?:[-*+]\s+|\d+[.)]\s+)?/.exec(block) ?? [];
    const body = block.slice(bullet.length);
    const sentences = body.includes("\n") ? [body] : sentencesOf(body);
    lines.push({ lead: `\n${gap}${bullet}`, body, sentences });
    gap = "";
  }
  return lines;
}

/** Lines; a fenced block belongs to the line before it. */
function blocksOf(text: string): readonly string[] {
  const blocks: string[] = [];
  let fence: string[] | null = null;
  for (const line of text.split(/\r?\n/)) {
    const isFence = /^\s*(```|~~~)/.test(line);
    if (fence !== null) {
      fence.push(line);
      if (!isFence) continue;
      blocks.push(fence.join("\n"));
      fence = null;
    } else if (isFence) {
      while (blocks.at(-1)?.trim() === "") blocks.pop();
      fence = [...(blocks.length > 0 ? [blocks.pop() ?? ""] : []), line];
    } else blocks.push(line);
  }
  return fence === null ? blocks : [...blocks, `${fence.join("\n")}\n\`\`\``];
}

/** Sentences of one line; an [n] after the full stop belongs to the sentence before it. */
export function sentencesOf(line: string): readonly string[] {
  return line
    .trim()
    .split(
      /(?<=(?<!\b(?:e\.g|i\.e|etc|vs|cf|resp))[.!?](?:["')*`]{0,2})(?:\s*\[[\d,;\s–-]+\])*)\s+(?=["'(*`]{0,2}[\p{Lu}\p{N}`])/u,
    )
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

function numbersIn(text: string): readonly number[] {
  const numbers: number[] = [];
  for (const [, list = ""] of text.replace(code, "``").matchAll(marker)) {
    for (const piece of list.split(/[,;]/)) {
      const [from = 0, to = from] = piece.split(/[–-]/).map(Number);
      for (let n = from; n <= Math.min(to, from + 20); n += 1) numbers.push(n);
    }
  }
  return [...new Set(numbers)];
}

function checkSentence(
  sentence: string,
  shared: readonly number[],
  passages: readonly Passage[],
): { readonly statement: Statement | null; readonly problems: readonly string[] } {
  const said = withoutMarkers(sentence)
    .replace(/[ \t]+([.,;:!?])/g, "$1")
    .replace(/[ \t]{2,}/g, " ")
    .trim();
  if (isConnective(said)) return { statement: { text: said, lead: null, sources: [] }, problems: [] };
  const own = numbersIn(sentence);
  const problems: string[] = [];
  const sources: { passage: Passage; range: { from: number; to: number } }[] = [];
  for (const n of own.length > 0 ? own : shared) {
    const passage = passages[n - 1];
    const range = passage ? narrow(said, passage) : null;
    if (passage && range) sources.push({ passage, range });
    else if (passage) problems.push(`[${n}] does not say: "${brief(said)}"`);
    else problems.push(`[${n}] is not among the passages 1 to ${passages.length}`);
  }
  // Small models say what a passage says and forget its number.
  const found = sources.length === 0 ? findSource(said, passages) : null;
  if (found !== null) sources.push(found);
  if (sources.length > 0) return { statement: { text: said, lead: null, sources }, problems: [] };
  const why =
    contentWords(said).size < sharedAtLeast && own.length > 0
      ? [`"${brief(said)}" says too little to be checked`]
      : problems;
  return { statement: null, problems: why.length > 0 ? why : [`no passage is cited for: "${brief(said)}"`] };
}

/** A heading or a line that only introduces the next ones. */
function isConnective(said: string): boolean {
  return /^#{1,6}\s/.test(said) || (/:\**$/.test(said) && said.length <= 120 && !said.includes("\n"));
}

/** Drops headings and introductions that nothing cited follows. */
export function withoutOrphans(statements: readonly Statement[]): readonly Statement[] {
  return statements.filter(
    (statement, index) => statement.sources.length > 0 || (statements[index + 1]?.sources.length ?? 0) > 0,
  );
}

function brief(text: string): string {
  const flat = text.replace(/\s+/g, " ");
  return flat.length > 160 ? `${flat.slice(0, 159)}…` : flat;
}

/** The one repair turn of a cited answer. */
export function citationRepair(problems: readonly string[]): string {
  return [
    "Some statements of your answer are not supported by the passage they cite:",
    ...problems.slice(0, 8).map((problem) => `- ${problem}`),
    "Write the whole answer again. Keep only statements that a passage makes, each followed by its [n].",
    `If no passage holds the answer, write exactly: ${notFound}`,
  ].join("\n");
}
