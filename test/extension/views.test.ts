import assert from "node:assert/strict";
import { contextKeys, withItem, withLink } from "../../extension/state.ts";
import { modelsView } from "../../extension/trees/models.ts";
import { reviewView } from "../../extension/trees/review.ts";
import type { Row } from "../../extension/trees/row.ts";
import { runsView, stepRows } from "../../extension/trees/runs.ts";
import { workflowsView } from "../../extension/trees/workflows.ts";
import { at, finding, held, model, ready, run } from "./support.ts";

const children = (row: Row | undefined): readonly Row[] => (Array.isArray(row?.children) ? row.children : []);
const noSteps = async (): Promise<readonly Row[]> => [];

describe("views", () => {
  it("Review shows findings by file and what was held back with its reason", () => {
    const review = {
      run: "run_1",
      title: "Review of staged changes",
      root: "/w",
      ended: true,
      findings: [finding(), finding({ id: "2", path: "src/pool.ts", severity: "medium" as const }), held()],
    };
    const view = reviewView(model({ review }));
    assert.deepEqual(
      view.rows.map(({ label }) => label),
      ["cache.ts", "pool.ts", "Held back (1)"],
    );
    const [first] = children(view.rows[0]);
    assert.equal(first?.description, "line 41");
    assert.deepEqual(first?.click?.argument, { root: "/w", path: "src/cache.ts", line: 41, endLine: 41 });
    assert.equal(children(view.rows[2])[0]?.description, "not real");
    assert.equal(view.badge, undefined);
    assert.equal(contextKeys(model({ review }))["podium.review"], "findings");
  });

  it("a clean review is a full result, not an empty view", () => {
    const review = { run: "run_1", title: "Review", root: "/w", ended: true, findings: [held()] };
    assert.deepEqual(
      reviewView(model({ review })).rows.map(({ label }) => label),
      ["Nothing to report", "Held back (1)"],
    );
    assert.equal(contextKeys(model({ review }))["podium.review"], "clean");
  });

  it("Runs groups by what they want from a person, and only it has a badge", () => {
    const day = 86_400_000;
    const rows = [
      run({ run: "run_w", status: "parked", reason: "ask", waits: 1 }),
      run({ run: "run_r" }),
      run({ run: "run_p", status: "parked", reason: "provider" }),
      run({ run: "run_d", status: "succeeded", endedAt: at + 900 }),
      run({ run: "run_o", status: "failed", createdAt: at - 2 * day, endedAt: at - 2 * day + 5000 }),
      run({ run: "run_i", status: "running", imported: true }),
    ];
    const view = runsView(model({ runs: rows }), at, noSteps);
    assert.deepEqual(
      view.rows.map(({ label, description }) => `${label} ${description}`),
      ["Waiting for you 1", "Running 2", "Today 2", "Earlier 1"],
    );
    assert.deepEqual(
      children(view.rows[1]).map(({ context }) => context),
      ["run.running", "run.parked"],
    );
    assert.match(children(view.rows[1])[1]?.description ?? "", /no model server/);
    assert.equal(view.badge?.value, 1);
  });

  it("a run unfolds into at most 200 steps and says how many are left", () => {
    const steps = Array.from({ length: 250 }, (_, index) => ({
      instance: `found[${index}]/draft`,
      step: "ask@1",
      status: "done" as const,
      attempt: 1,
      startedAt: at,
      ms: 1200,
      effect: "pure" as const,
      ops: [],
    }));
    const rows = stepRows("run_1", steps);
    assert.equal(rows.length, 201);
    assert.equal(rows.at(-1)?.label, "50 more steps");
  });

  it("Workflows offers sound ones and names the line of a broken one", () => {
    const sound = { name: "ask_workspace", source: "builtin" as const, hash: "1", inputs: {}, problems: [] };
    const problem = { code: "expr_syntax", message: "Bad expression.", line: 7, column: 3, endLine: 7, endColumn: 9 };
    const broken = {
      name: "mine",
      source: "workspace" as const,
      file: "/w/x.yaml",
      hash: "2",
      inputs: {},
      problems: [problem],
    };
    const view = workflowsView(model({ workflows: [sound, broken] }));
    assert.deepEqual(
      view.rows.map(({ label }) => label),
      ["This workspace", "Built in"],
    );
    assert.equal(children(view.rows[0])[0]?.description, "line 7");
    assert.equal(children(view.rows[0])[0]?.context, "workflow.broken.file");
    assert.equal(children(view.rows[1])[0]?.click?.command, "podium.run");
  });

  it("Models says what is loaded, how large the window is and what leaves the machine", () => {
    const view = modelsView(
      model({ models: { ...ready(), installed: [{ flavour: "mlx_lm", start: "mlx_lm.server" }] } }),
    );
    assert.deepEqual(
      view.rows.map(({ label }) => label),
      ["Roles", "ollama 0.33", "mlx_lm"],
    );
    const [loaded] = children(view.rows[1]);
    assert.equal(loaded?.description, "18 GB · 32k of 256k");
    assert.equal(loaded?.icon, "circle-filled");
    const [remote] = children(modelsView(model({ models: ready({ remote: true }) })).rows[1]);
    assert.equal(remote?.icon, "cloud");
  });

  it("folds a partial list of runs into the known one, newest first", () => {
    const before = model({ runs: [run({ run: "run_1", createdAt: 1 })] });
    const after = withItem(before, {
      runs: [run({ run: "run_2", createdAt: 2 }), run({ run: "run_1", createdAt: 1, status: "succeeded" })],
    });
    assert.deepEqual(
      after.runs.map((row) => `${row.run} ${row.status}`),
      ["run_2 running", "run_1 succeeded"],
    );
    assert.equal(
      withLink({ ...after, working: { run: "run_2", label: "x", queue: 0 } }, "reconnecting", at).working,
      null,
    );
  });
});
