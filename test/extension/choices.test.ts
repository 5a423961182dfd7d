import assert from "node:assert/strict";
import { choicesOf } from "../../extension/choices.ts";

describe("answers that the editor offers", () => {
  const wait = {
    ask: "ask_1",
    kind: "question",
    title: "Go on?",
    reason: "ask",
    answerWith: "podium runs answer",
  } as const;
  const offered = (given: Partial<Parameters<typeof choicesOf>[0]>) =>
    choicesOf({ ...wait, ...given }).map(({ label, value }) => [label.replace(/^\$\([^)]*\) /, ""), value]);

  it("are yes and no for a question, allow and not for a permission", () => {
    assert.deepEqual(offered({}), [
      ["Yes", { approved: true }],
      ["No", { approved: false }],
    ]);
    assert.deepEqual(offered({ kind: "grant" }), [
      ["Allow", { approved: true }],
      ["Don't Allow", { approved: false }],
    ]);
  });

  it("are the three that the engine takes for an effect nobody knows of", () => {
    assert.deepEqual(offered({ kind: "grant", reason: "unsafe_unknown" }), [
      ["Run It Again", "retry"],
      ["Take It as Done", "done"],
      ["Skip the Step", "skip"],
    ]);
  });
});
