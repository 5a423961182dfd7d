import type { Message, ResolvedModel, StepContext } from "../ports.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { Question } from "./ask-input.ts";

/** What a model said. `cut` = it reached its token limit in the middle. */
export interface Said {
  readonly text: string;
  readonly cut: boolean;
}

/** One recorded generation of this ask. */
export async function say(
  question: Question,
  messages: readonly Message[],
  schema: JsonObject | null,
  context: StepContext,
): Promise<Said> {
  const { maxTokens, temperature, think } = question.agent;
  const { text, finish } = await context.model({
    role: question.role,
    request: {
      messages,
      maxTokens,
      temperature,
      think: schema === null ? think : "off",
      ...(schema === null ? {} : { schema }),
    },
  });
  return { text, cut: finish === "length" };
}

/** The conversation of the one repair turn. A runaway answer is quoted in part, so that the turn fits into its reserve. */
export function repairTurn(
  question: Question,
  messages: readonly Message[],
  said: Said,
  problem: string,
): readonly Message[] {
  return [
    ...messages,
    { role: "assistant", content: said.text.slice(0, question.agent.maxTokens * 4) },
    { role: "user", content: problem },
  ];
}

/** The schema to send along, when the server may constrain decoding by it. */
export function constraint(schema: JsonObject, model: ResolvedModel): JsonObject | null {
  return model.card.jsonSchema === "no" ? null : schema;
}
