import type { ResolvedModel, StepContext } from "../ports.ts";
import type { Json } from "../protocol/json.ts";
import type { AskResult } from "../protocol/review.ts";
import { checkAnswer, citationRepair, notFound, saysNotFound } from "../quality/answer.ts";
import { compose, type Passage, type Statement } from "../quality/citations.ts";
import { extractiveAnswer } from "../quality/extractive.ts";
import { withoutThinking } from "../quality/structured.ts";
import type { Question } from "./ask-input.ts";
import { repairTurn, type Said, say } from "./ask-model.ts";
import { buildPrompt } from "./ask-prompt.ts";
import { checkSources } from "./ask-sources.ts";

/** The value of an ask without `returns`, as plain data. */
export function answerValue({ text, citations, extractive, note }: AskResult): Json {
  const plain = citations.map((citation) => ({ ...citation }));
  return { text, citations: plain, extractive, ...(note === undefined ? {} : { note }) };
}

/** An answer before its sources were read again; no statement = it was not found. */
interface Draft {
  readonly statements: readonly Statement[];
  readonly extractive: boolean;
  readonly cut: boolean;
  readonly note: string | null;
}

/** The answer that needs no model: what the passages say, or that they do not. */
export function extract(question: Question, passages: readonly Passage[], context: StepContext): Promise<AskResult> {
  return settle(extractDraft(question, passages, null), question, context);
}

/** A free answer, without citations. */
export async function answerFreely(question: Question, model: ResolvedModel, context: StepContext): Promise<AskResult> {
  const said = await say(question, buildPrompt(question, model).messages, null, context);
  return { text: withNotice(withoutThinking(said.text), said.cut, question), citations: [], extractive: false };
}

/** A cited answer: checked, repaired once, and what still fails is dropped; when nothing is left, the extractive answer. */
export async function answerCited(
  question: Question,
  passages: readonly Passage[],
  model: ResolvedModel,
  context: StepContext,
): Promise<AskResult> {
  return settle(await draftOf(question, passages, model, context), question, context);
}

async function draftOf(
  question: Question,
  passages: readonly Passage[],
  model: ResolvedModel,
  context: StepContext,
): Promise<Draft> {
  if (passages.length === 0) return refusal;
  const prompt = buildPrompt(question, model);
  const said = await say(question, prompt.messages, null, context);
  const first = check(said, prompt.passages);
  if (first.problems.length === 0) return asDraft(first);
  const turn = repairTurn(question, prompt.messages, said, citationRepair(first.problems));
  const second = check(await say(question, turn, null, context), prompt.passages);
  const best = sourced(second) >= sourced(first) ? second : first;
  return sourced(best) > 0 ? asDraft(best) : extractDraft(question, passages, unsupported);
}

const refusal: Draft = { statements: [], extractive: false, cut: false, note: null };
const unsupported =
  "What the model wrote is not supported by the passages that it cites, so these are the passages themselves.";

function extractDraft(question: Question, passages: readonly Passage[], note: string | null): Draft {
  const { missing } = question.found;
  const about = { before: question.data, ...(missing === undefined ? {} : { missing }) };
  const statements = extractiveAnswer(question.prompt, passages, about);
  return { statements, extractive: true, cut: false, note: statements.length > 0 ? note : null };
}

function asDraft({ statements, cut }: Checked): Draft {
  return { statements, extractive: false, cut, note: null };
}

/** Reads the sources again, since files change while a model writes, and puts the answer together. */
async function settle(draft: Draft, question: Question, context: StepContext): Promise<AskResult> {
  const { statements, gone } = await checkSources(draft.statements, context);
  const changed =
    gone.length === 0 ? null : `${gone.join(", ")} changed in the meantime; what was cited from there is left out.`;
  const notes = [question.found.note ?? null, draft.note, changed].filter((note) => note !== null);
  const note = notes.length === 0 ? {} : { note: notes.join(" ") };
  const { text, citations } = compose(statements);
  if (citations.length === 0) return { text: notFound, citations: [], extractive: draft.extractive, ...note };
  return {
    text: withNotice(text, draft.cut, question),
    citations: [...citations],
    extractive: draft.extractive,
    ...note,
  };
}

type Checked = ReturnType<typeof checkAnswer> & { readonly cut: boolean };

function check(said: Said, passages: readonly Passage[]): Checked {
  const text = withoutThinking(said.text);
  if (saysNotFound(text)) return { statements: [], problems: [], cut: false };
  const whole = said.cut ? withoutLastPiece(text) : text;
  const checked = checkAnswer(whole, passages);
  const empty = checked.statements.length === 0 && checked.problems.length === 0;
  const problems = empty ? ["the answer is empty"] : checked.problems;
  return { ...checked, problems, cut: said.cut };
}

/** Drops the sentence in which a cut answer broke off. */
function withoutLastPiece(text: string): string {
  return text.replace(/(?<=[.!?\]]|^)[^.!?\]]*$/, "");
}

function sourced({ statements }: Checked): number {
  return statements.filter(({ sources }) => sources.length > 0).length;
}

function withNotice(text: string, cut: boolean, question: Question): string {
  return cut ? `${text}\n\n(The answer was cut at ${question.agent.maxTokens} tokens.)`.trim() : text;
}
