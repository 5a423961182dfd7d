import type { ResolvedModel, StepContext } from "../ports.ts";
import type { Json } from "../protocol/json.ts";
import type { AskResult } from "../protocol/review.ts";
import { checkAnswer, citationRepair, notFound, saysNotFound } from "../quality/answer.ts";
import { compose, type Passage } from "../quality/citations.ts";
import { extractiveAnswer } from "../quality/extractive.ts";
import { withoutThinking } from "../quality/structured.ts";
import type { Question } from "./ask-input.ts";
import { repairTurn, type Said, say } from "./ask-model.ts";
import { buildPrompt } from "./ask-prompt.ts";

/** The value of an ask without `returns`, as plain data. */
export function answerValue({ text, citations, extractive }: AskResult): Json {
  return { text, citations: citations.map((citation) => ({ ...citation })), extractive };
}

/** The answer that needs no model: what the passages say, or that they do not. */
export function extract(question: Question, passages: readonly Passage[]): AskResult {
  const { text, citations } = extractiveAnswer(question.prompt, passages);
  return { text, citations: [...citations], extractive: true };
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
  if (passages.length === 0) return { text: notFound, citations: [], extractive: false };
  const prompt = buildPrompt(question, model);
  const said = await say(question, prompt.messages, null, context);
  const first = check(said, prompt.passages);
  if (first.problems.length === 0) return result(first, question);
  const turn = repairTurn(question, prompt.messages, said, citationRepair(first.problems));
  const second = check(await say(question, turn, null, context), prompt.passages);
  const best = sourced(second) >= sourced(first) || second.refused ? second : first;
  if (best.refused || sourced(best) > 0) return result(best, question);
  return extract(question, passages);
}

type Checked = ReturnType<typeof checkAnswer> & { readonly refused: boolean; readonly cut: boolean };

function check(said: Said, passages: readonly Passage[]): Checked {
  const text = withoutThinking(said.text);
  if (saysNotFound(text)) return { statements: [], problems: [], refused: true, cut: false };
  const whole = said.cut ? withoutLastPiece(text) : text;
  const checked = checkAnswer(whole, passages);
  const empty = checked.statements.length === 0 && checked.problems.length === 0;
  const problems = empty ? ["the answer is empty"] : checked.problems;
  return { ...checked, problems, refused: false, cut: said.cut };
}

/** Drops the sentence in which a cut answer broke off. */
function withoutLastPiece(text: string): string {
  return text.replace(/(?<=[.!?\]]|^)[^.!?\]]*$/, "");
}

function sourced({ statements }: Checked): number {
  return statements.filter(({ sources }) => sources.length > 0).length;
}

function result(checked: Checked, question: Question): AskResult {
  if (checked.refused) return { text: notFound, citations: [], extractive: false };
  const { text, citations } = compose(checked.statements);
  return { text: withNotice(text, checked.cut, question), citations: [...citations], extractive: false };
}

function withNotice(text: string, cut: boolean, question: Question): string {
  return cut ? `${text}\n\n(The answer was cut at ${question.agent.maxTokens} tokens.)`.trim() : text;
}
