import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parseAgent } from "../../sidecar/agents/agent.ts";

const folder = new URL("../../sidecar/agents/", import.meta.url);

describe("agent files", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".md"))) {
    it(`${file} is sound, short and free of dates`, () => {
      const text = readFileSync(new URL(file, folder), "utf8");
      const { agent, problems } = parseAgent(text, file);
      assert.deepEqual(problems, []);
      assert.equal(`${agent?.name}.md`, file);
      assert.ok((agent?.system.length ?? 0) / 4 <= 1500);
      assert.doesNotMatch(agent?.system ?? "", /\b20\d\d\b/);
    });
  }

  it("names everything that is wrong, with its line", () => {
    const text = "---\nname: Bad Name\ncolour: red\ntemperature: hot\nabout\n---\n";
    const { agent, problems } = parseAgent(text, "x.md");
    assert.equal(agent, null);
    assert.deepEqual(problems.map(({ line }) => line).sort(), [2, 3, 4, 5, 7]);
    assert.match(problems.find(({ line }) => line === 3)?.message ?? "", /Unknown setting colour; known are name/);
    assert.equal(parseAgent("You review.", "x.md").problems.length, 1);
  });

  it("reads lists and fills in the rest", () => {
    const { agent } = parseAgent(
      '---\r\nname: a\r\ntools: [workspace.read, "git.diff"]\r\n---\r\nYou are.\r\n',
      "a.md",
    );
    assert.deepEqual(agent?.tools, ["workspace.read", "git.diff"]);
    assert.deepEqual(
      [agent?.role, agent?.access, agent?.maxTokens, agent?.system],
      ["main", "readonly", 800, "You are."],
    );
  });
});
