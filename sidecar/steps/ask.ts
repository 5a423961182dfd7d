import type { ResolvedModel, Step, StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import { type AskAgent, type Question, readQuestion } from "./ask-input.ts";
import { answerTyped } from "./ask-returns.ts";
import { answerCited, answerFreely, answerValue, extract } from "./ask-text.ts";

/**
 * The step `ask@1`. with: {prompt, context?, cite?: hits}; config: {role?, agent?, returns?, without?}. Writes
 * {text, citations, extractive}, or the parsed value when `returns` is set. Throws `provider_unavailable` when no model may
 * answer and nothing can stand in, `context_overflow`, `bad_output`, and what the model layer throws.
 */
export function createAskStep({ agents }: { readonly agents: ReadonlyMap<string, AskAgent> }): Step {
  return {
    name: "ask@1",
    effect: "pure",
    run: async (input, context) => ({ value: await answer(readQuestion(input, agents), context) }),
  };
}

async function answer(question: Question, context: StepContext): Promise<Json> {
  const model = context.resolve(question.role);
  if (model === null) return answerWithout(question, context, noModel(question, context.whyNone()));
  try {
    return await answerWith(question, model, context);
  } catch (error) {
    if (error instanceof PodiumError && error.code === "provider_unavailable")
      return answerWithout(question, context, error);
    throw error;
  }
}

async function answerWith(question: Question, model: ResolvedModel, context: StepContext): Promise<Json> {
  if (question.returns) return answerTyped(question, question.returns, model, context);
  if (question.passages) return answerValue(await answerCited(question, question.passages, model, context));
  return answerValue(await answerFreely(question, model, context));
}

/** What stands in for a model: the passages themselves, or the value the workflow names. */
async function answerWithout(question: Question, context: StepContext, error: PodiumError): Promise<Json> {
  if (context.settings.requireModel) throw error;
  if (question.without) {
    context.degrade();
    return question.without.value;
  }
  if (question.returns || !question.passages) throw error;
  context.degrade();
  return answerValue(await extract(question, question.passages, context));
}

function noModel({ role }: Question, why: string | null): PodiumError {
  const wayOut = "start a model server such as Ollama, or choose a model for this role";
  return new PodiumError(
    "provider_unavailable",
    `No model may answer for the role ${role}: ${why === null ? "" : `${why}; `}${wayOut}.`,
  );
}
