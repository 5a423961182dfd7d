import type { Step } from "../ports.ts";

/** `set: value`: writes its evaluated value. */
export const setStep: Step = {
  name: "set@1",
  effect: "pure",
  run: (input) => Promise.resolve({ value: input.with["value"] ?? null }),
};
