import assert from "node:assert/strict";
import { AskResult } from "../../sidecar/protocol/review.ts";
import { ask, assertHonest, filesNow, hits, model, question, scripted, step } from "./support.ts";

describe("ask with passages", () => {
  it("narrows citations to the lines that say it and counts them in order", async () => {
    const { context, seen } = scripted([
      "Each run is a log of events in SQLite [2]. After a crash, open runs are resumed and recorded operations replayed [1].",
    ]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(seen.requests.length, 1);
    assert.equal(result.extractive, false);
    assert.deepEqual(
      result.citations.map(({ path, line, endLine }) => `${path}:${line}-${endLine}`),
      ["docs/storage.md:3-3", "sidecar/engine/resume.ts:10-10"],
    );
    assert.match(result.text, /SQLite \[1\]\. After .* replayed \[2\]\./);
  });

  it("repairs once, quoting the problem, and drops what still fails", async () => {
    const { context, seen } = scripted([
      "Runs are billed monthly by credit card [2]. Bananas are kept for ten years [7].",
      "Each run is an append-only log of events [2]. Bananas grow on pluto [1].",
    ]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(result.text, "Each run is an append-only log of events [1].");
    const repair = seen.requests[1]?.messages.at(-1)?.content ?? "";
    assert.match(repair, /\[2\] does not say: "Runs are billed monthly/);
    assert.match(repair, /\[7\] is not among the passages 1 to 2/);
  });

  it("falls back to the passages themselves when nothing is left", async () => {
    const { context, seen } = scripted(["It uses Kafka.", "It uses Kafka [1]."]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(result.extractive, true);
    assert.equal(seen.degraded, 0);
    assert.match(result.text, /recorded operations are replayed from the log/);
    assert.match(result.note ?? "", /not supported by the passages/);
  });

  it("does not lose the answer when only the repair turn gives up", async () => {
    const kept = scripted(["Each run is a log of events [2]. It uses Kafka [1].", "Not found in this workspace."]);
    const result = assertHonest(await ask(kept.context, { cite: hits }));
    assert.equal(result.text, "Each run is a log of events [1].");
    const none = scripted(["It uses Kafka [1].", "Not found in this workspace."]);
    assert.equal(assertHonest(await ask(none.context, { cite: hits })).extractive, true);
  });

  it("finds the source of what a passage says when the model forgot or mistook its number", async () => {
    const { context, seen } = scripted([
      "Each run is an append-only log of events. Recorded operations are replayed from the log [9].",
    ]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(seen.requests.length, 1);
    assert.equal(
      result.text,
      "Each run is an append-only log of events [1]. Recorded operations are replayed from the log [2].",
    );
    const vague = scripted([
      "A run is a log of bananas in space, on pluto and on mars.",
      "Not found in this workspace.",
    ]);
    assert.equal(AskResult.parse(await ask(vague.context, { cite: hits })).extractive, true);
  });

  it("says a repeated sentence once", async () => {
    const again = "Each run is a log of events in SQLite [2]. ".repeat(9);
    const result = assertHonest(await ask(scripted([again]).context, { cite: hits }));
    assert.equal(result.text, "Each run is a log of events in SQLite [1].");
  });

  it("cites lines where they are when the answer is ready, and drops those that are gone", async () => {
    const reply =
      "Each run is a log of events in SQLite [2]. After a crash, open runs are resumed and recorded operations replayed [1].";
    const moved = filesNow();
    moved.get("sidecar/engine/resume.ts")?.unshift("// new", "// lines");
    moved.set("docs/storage.md", ["# Storage", "", "Something else."]);
    const result = AskResult.parse(await ask(scripted([reply], { files: moved }).context, { cite: hits }));
    assert.match(result.text, /^After a crash, .* replayed \[1\]\.$/);
    assert.deepEqual(
      result.citations.map(({ path, line, endLine, quote }) => [path, line, endLine, quote]),
      [["sidecar/engine/resume.ts", 12, 12, hits[0]?.text.split("\n")[0]]],
    );
    assert.match(result.note ?? "", /docs\/storage\.md changed/);
    const gone = AskResult.parse(await ask(scripted([reply], { files: new Map() }).context, { cite: hits }));
    assert.deepEqual([gone.text, gone.citations], ["Not found in this workspace.", []]);
  });

  it("passes on what the search said", async () => {
    const { context } = scripted(["Each run is a log of events [2]."]);
    const value = await ask(context, { cite: { hits, note: "First search here.", missing: [], truncated: false } });
    assert.equal(assertHonest(value).note, "First search here.");
  });

  it("takes no for an answer and asks nothing when nothing was found", async () => {
    const refused = scripted(["<think>hm [1]</think>Not found in this workspace. [1]"]);
    const none = scripted([]);
    const expected = { text: "Not found in this workspace.", citations: [], extractive: false };
    assert.deepEqual(await ask(refused.context, { cite: hits }), expected);
    assert.deepEqual(await ask(none.context, { cite: [] }), expected);
  });

  it("says that an answer was cut and drops its last piece", async () => {
    const { context } = scripted([{ cut: "Each run is a log of events [2]. After a crash the ope" }]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(result.text, "Each run is a log of events [1].\n\n(The answer was cut at 1000 tokens.)");
  });

  it("does not take an index in code for a citation", async () => {
    const { context } = scripted(["The log of events of a run is `events[0]` in SQLite [2]."]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(result.citations.length, 1);
  });

  it("keeps lists and drops an introduction that nothing follows", async () => {
    const { context } = scripted([
      "It works so:\n\n- Each run is a log of events [2]\n- Recorded operations are replayed [1]",
    ]);
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(
      result.text,
      "It works so:\n\n- Each run is a log of events [1]\n- Recorded operations are replayed [2]",
    );
  });
});

describe("ask with a result type", () => {
  const returns = {
    kind: "object",
    fields: { verdict: { kind: "enum", values: ["real", "unsure"] }, why: { kind: "string" } },
  };

  it("sends the schema, no thinking, and reads the answer", async () => {
    const { context, seen } = scripted(['Sure:\n```json\n{"verdict": "real", "why": "x",}\n```']);
    const value = await ask(context, { context: [{ text: "a" }] }, { returns, agent: "reviewer" });
    assert.deepEqual(value, { verdict: "real", why: "x" });
    const [request] = seen.requests;
    assert.deepEqual(seen.roles, ["fast"]);
    assert.equal(request?.think, "off");
    assert.equal(request?.maxTokens, 500);
    assert.ok(request?.schema);
    assert.match(request?.messages[1]?.content ?? "", /"enum":\["real","unsure"\]/);
  });

  it("repairs once and then refuses", async () => {
    const good = scripted(['{"verdict": "maybe", "why": "x"}', '{"verdict": "unsure", "why": "x"}']);
    assert.deepEqual(await ask(good.context, {}, { returns }), { verdict: "unsure", why: "x" });
    assert.match(good.seen.requests[1]?.messages.at(-1)?.content ?? "", /verdict must be real \| unsure/);
    const bad = scripted(["no", { cut: '{"verdict": "re' }]);
    await assert.rejects(ask(bad.context, {}, { returns }), { code: "bad_output", reason: "schema" });
  });

  it("leaves constrained decoding out where the card says no", async () => {
    const card = { ...model.card, jsonSchema: "no" as const };
    const { context, seen } = scripted(['{"verdict": "real", "why": ""}'], { model: { ...model, card } });
    await ask(context, {}, { returns });
    assert.equal(seen.requests[0]?.schema, undefined);
  });
});

describe("the prompt", () => {
  it("begins alike for every question on the same passages", async () => {
    const { context, seen } = scripted(["Not found in this workspace.", "Not found in this workspace."]);
    await ask(context, { cite: hits });
    await step.run({ with: { prompt: "Where is the log stored?", cite: hits }, config: {} }, context);
    const [one = "", other = ""] = seen.requests.map(({ messages }) =>
      messages.map(({ content }) => content).join("\n"),
    );
    let same = 0;
    while (same < one.length && one[same] === other[same]) same += 1;
    assert.ok(same / Math.max(one.length, other.length) >= 0.9, `${same} of ${one.length}`);
  });

  it("fences what it quotes", async () => {
    const { context, seen } = scripted(["Not found in this workspace."]);
    await ask(context, { cite: hits });
    const text = seen.requests[0]?.messages[1]?.content ?? "";
    assert.equal(text.match(/<\/passage>/g)?.length, 2);
    assert.ok(text.indexOf("</passage>", text.indexOf('n="2"')) > text.indexOf("ignore all rules"));
    assert.ok(text.trimEnd().endsWith(question));
  });

  it("leaves out whole passages that do not fit, and refuses what can never fit", async () => {
    const long = Array.from({ length: 20 }, (_, n) => ({
      path: `f${n}.md`,
      line: 1,
      endLine: 1,
      text: "word ".repeat(800),
    }));
    const { context, seen } = scripted(["Not found in this workspace."]);
    await ask(context, { cite: long });
    const sent = seen.requests[0]?.messages.map(({ content }) => content).join("") ?? "";
    assert.ok(sent.length / 4 < model.contextTokens - 2000);
    assert.equal(sent.match(/<\/passage>/g)?.length, sent.match(/<passage /g)?.length);
    await assert.rejects(ask(context, { context: "x".repeat(40_000) }), {
      code: "context_overflow",
      message: /data 10/,
    });
  });

  it("names an agent that does not exist and an input that is wrong", async () => {
    const { context } = scripted([]);
    await assert.rejects(ask(context, {}, { agent: "nobody" }), {
      code: "invalid_workflow",
      message: /known agents: reviewer/,
    });
    await assert.rejects(ask(context, { cite: "hits" }), { code: "invalid_input", message: /cite/ });
  });
});
