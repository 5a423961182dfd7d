import assert from "node:assert/strict";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { AskResult } from "../../sidecar/protocol/review.ts";
import { ask, assertHonest, hits, scripted, step } from "./support.ts";

describe("ask without a model", () => {
  it("answers from the passages and says that it is degraded", async () => {
    const { context, seen } = scripted([], { model: null });
    const result = assertHonest(await ask(context, { cite: hits }));
    assert.equal(result.extractive, true);
    assert.equal(seen.degraded, 1);
    assert.ok(result.citations.length > 0);
  });

  it("does the same when the provider goes away in the call", async () => {
    const { context, seen } = scripted([new PodiumError("provider_unavailable", "All are down.")]);
    assertHonest(await ask(context, { cite: hits }));
    assert.equal(seen.degraded, 1);
  });

  it("does not invent: what the passages do not cover is not found", async () => {
    const { context } = scripted([], { model: null });
    const value = await step.run(
      { with: { prompt: "Which Helm chart installs it?", cite: hits }, config: {} },
      context,
    );
    assert.deepEqual(value.value, { text: "Not found in this workspace.", citations: [], extractive: true });
  });

  it("gives several statements from several files, each verbatim, and none that only repeats the question", async () => {
    const line = (path: string, text: string) => ({ path, line: 1, endLine: 1, text });
    const cite = [
      line("README.md", 'Ask it: "How does a run resume after a crash?" and wait for the answer of the run.'),
      line(
        "ARCHITECTURE.md",
        "A run resumes after a crash: the hub reads the log of the run and goes on where it ends.",
      ),
      line("docs/a.md", "Finished steps of a run are not executed again after a crash."),
      line("docs/b.md", "After the crash, open questions of the run wait for the same answer as before."),
      line("docs/c.md", "Bananas are rich in potassium, whatever a run or a walk may do."),
    ];
    const files = new Map(cite.map(({ path, text }) => [path, [text]]));
    const { context } = scripted([], { model: null, files });
    const result = AskResult.parse(await ask(context, { cite }));
    const paths = result.citations.map(({ path }) => path).sort();
    assert.deepEqual(paths, ["ARCHITECTURE.md", "docs/a.md", "docs/b.md"]);
    for (const { quote } of result.citations) assert.ok(result.text.includes(quote.replace(/\.$/, "")));
  });

  it("is not found when the question names what stands nowhere here", async () => {
    const asked = "How does a run resume after a crash of the Zookeeper?";
    const cite = (missing: readonly string[]) => ({ hits: filesOf(), missing: [...missing], truncated: false });
    const filesOf = () => hits.map((hit) => ({ ...hit }));
    const answer = async (missing: readonly string[]) => {
      const { context } = scripted([], { model: null });
      const value = await step.run({ with: { prompt: asked, cite: cite(missing) }, config: {} }, context);
      return AskResult.parse(value.value).text;
    };
    assert.equal(await answer(["zookeeper"]), "Not found in this workspace.");
  });

  it("takes the subject of a short follow-up from what was said before", async () => {
    const follow = async (context: string) => {
      const prompt = "And from where is it replayed?";
      const run = scripted([], { model: null });
      const value = await step.run({ with: { prompt, cite: hits, context }, config: {} }, run.context);
      return AskResult.parse(value.value).text;
    };
    assert.match(await follow("How does a run resume after a crash?\nIt reads the log."), /recorded operations/);
  });

  it("fails when a model is required, or when nothing can stand in", async () => {
    const required = scripted([], { model: null, requireModel: true });
    await assert.rejects(ask(required.context, { cite: hits }), { code: "provider_unavailable" });
    const free = scripted([], { model: null });
    await assert.rejects(ask(free.context, {}), { code: "provider_unavailable" });
    assert.equal(free.seen.degraded, 0);
  });

  it("uses the value of without, also when it is null", async () => {
    const { context, seen } = scripted([], { model: null });
    const returns = { kind: "object", fields: { findings: { kind: "list", item: { kind: "any" } } } };
    assert.deepEqual(await ask(context, {}, { returns, without: { findings: [] } }), { findings: [] });
    assert.equal(await ask(context, {}, { returns, without: null }), null);
    assert.equal(seen.degraded, 2);
  });
});
