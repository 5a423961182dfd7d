import type { Step } from "../ports.ts";
import type { Json } from "../protocol/json.ts";

interface Approval {
  readonly approved: boolean;
  readonly value: Json;
}

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function approvalOf(answer: Json, shown: Json): Approval {
  if (!isObject(answer)) return { approved: answer === true, value: shown };
  return { approved: answer["approved"] === true, value: answer["value"] ?? shown };
}

/** `approve: text`: a question; the steps below it run on Yes. The value is `{approved, value}`, value = what was shown or edited. */
export const approveStep: Step = {
  name: "approve@1",
  effect: "pure",
  async run(input, context) {
    const { title, show } = { title: input.with["title"], show: input.with["show"] };
    const edit = input.config["edit"] === true;
    const answer = await context.ask({
      title: typeof title === "string" ? title : "Go on?",
      ...(show === undefined ? {} : { show }),
      ...(edit ? { edit } : {}),
    });
    const { approved, value } = approvalOf(answer, show ?? null);
    return { value: { approved, value }, ...(approved ? {} : { denied: true }) };
  },
};
