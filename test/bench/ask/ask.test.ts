import assert from "node:assert/strict";
import { figures, table } from "./bench.ts";
import { measureAsk } from "./measure.ts";

describe("answers without a model on this repository", function () {
  this.timeout(180_000);

  it("find the file, cite what supports them and refuse what is not here", async () => {
    const rows = await measureAsk();
    // The repository changes under the questions, so one of twenty may slip before the table is looked at.
    for (const { name, value, limit } of figures(rows))
      assert.ok(value >= Math.min(limit, name.endsWith("supported") ? 100 : 95), `${name}: ${value} %\n${table(rows)}`);
    const [start] = rows;
    assert.ok(start && start.question === "How does Podium resume a run after a crash?" && !start.refused);
    assert.ok(start.statements >= 3, `the start question has ${start.statements} statements`);
  });
});
