import assert from "node:assert/strict";
import { inputOf, problemOf, questionsOf } from "../../extension/inputs.ts";

const info = {
  name: "w",
  source: "builtin" as const,
  hash: "h",
  problems: [],
  inputs: {
    question: { kind: "string" },
    depth: { kind: "enum", values: ["quick", "normal"], default: "normal" },
    top: { kind: "int", default: 8 },
    tags: { kind: "list", item: { kind: "string" }, optional: true },
    strict: { kind: "bool", default: false },
  },
};

describe("workflow inputs", () => {
  const questions = questionsOf(info);

  it("become questions with their choices and defaults", () => {
    assert.deepEqual(
      questions.map(({ name, choices, value, optional }) => [name, choices.length, value, optional]),
      [
        ["question", 0, undefined, false],
        ["depth", 2, "normal", true],
        ["top", 0, "8", true],
        ["tags", 0, undefined, true],
        ["strict", 2, "false", true],
      ],
    );
  });

  it("become an input: typed, and absent when left out", () => {
    const answers = ["why?", "quick", "12", "", "true"];
    assert.deepEqual(inputOf(questions.flatMap((question, index) => [[question, answers[index] ?? ""] as const])), {
      question: "why?",
      depth: "quick",
      top: 12,
      strict: true,
    });
  });

  it("say in one sentence what is wrong", () => {
    const [question, , top, tags] = questions;
    assert.ok(question && top && tags);
    assert.equal(problemOf(question, " "), "question is needed.");
    assert.equal(problemOf(top, "many"), "Write a whole number.");
    assert.equal(problemOf(tags, "[1"), "Write JSON.");
    assert.equal(problemOf(tags, '["a"]'), null);
  });
});
