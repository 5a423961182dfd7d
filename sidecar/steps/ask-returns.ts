import { checkValue, toJsonSchema } from "../graph/types.ts";
import type { ResolvedModel, StepContext } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Json } from "../protocol/json.ts";
import type { TypeSpec } from "../protocol/types.ts";
import { extractJson, repairPrompt, withoutThinking } from "../quality/structured.ts";
import type { Question } from "./ask-input.ts";
import { constraint, repairTurn, type Said, say } from "./ask-model.ts";
import { buildPrompt } from "./ask-prompt.ts";

/** A typed answer: schema in the prompt and, where the server takes one, in the request; one repair turn; then `bad_output`. */
export async function answerTyped(
  question: Question,
  returns: TypeSpec,
  model: ResolvedModel,
  context: StepContext,
): Promise<Json> {
  const { messages } = buildPrompt(question, model);
  const schema = constraint(toJsonSchema(returns), model);
  const said = await say(question, messages, schema, context);
  const first = readValue(said, returns, question);
  if ("value" in first) return first.value;
  const turn = repairTurn(question, messages, said, repairPrompt([first.problem]));
  const second = readValue(await say(question, turn, schema, context), returns, question);
  if ("value" in second) return second.value;
  throw new PodiumError(
    "bad_output",
    `${model.ref} gave no usable answer in two tries: ${second.problem}. Try again, or choose another model for the role ${question.role}.`,
    { reason: "schema" },
  );
}

function readValue(
  said: Said,
  returns: TypeSpec,
  question: Question,
): { readonly value: Json } | { readonly problem: string } {
  const found = returns.kind === "object" || returns.kind === "list" ? extractJson(said.text) : scalar(said.text);
  if (found === null) {
    return {
      problem: said.cut
        ? `it was cut at ${question.agent.maxTokens} tokens; make it shorter`
        : "it holds no complete JSON",
    };
  }
  try {
    return { value: checkValue(returns, found, returns.kind === "object" ? "" : "answer") };
  } catch (error) {
    if (!(error instanceof PodiumError)) throw error;
    return { problem: error.message.replace(/\.$/, "").trim() };
  }
}

/** A single value, which models write bare or as JSON. */
function scalar(text: string): Json | null {
  const bare = withoutThinking(text).replace(/^```\w*\s*|\s*```$/g, "");
  if (bare === "") return null;
  try {
    const value: Json = JSON.parse(bare);
    return value;
  } catch {
    return bare;
  }
}
