import type { Step } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";

/** `use: tool`: calls one tool with the evaluated inputs; the value is what the tool gives. */
export const useStep: Step = {
  name: "use@1",
  effect: "pure",
  async run(input, context) {
    const tool = input.config["tool"];
    if (typeof tool !== "string")
      throw new PodiumError("invalid_workflow", "A use step names no tool; write use: followed by one.");
    return { value: await context.tool(tool, input.with) };
  },
};
