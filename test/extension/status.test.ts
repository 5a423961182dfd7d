import assert from "node:assert/strict";
import type { Model } from "../../extension/state.ts";
import { type StatusState, statusOf, statusStates } from "../../extension/status.ts";
import { at, model, ready, run } from "./support.ts";

const down = { endpoints: [], roles: {} };
const reachable = (flavour: "mlx_lm" | "ollama") => ({
  endpoints: [
    { url: "http://127.0.0.1:8080", flavour, state: "reachable" as const, detail: "It is loading.", models: [] },
  ],
  roles: {},
});

/** Each row: the world, the state it must give, the text that is seen. */
const cases: readonly (readonly [string, Partial<Model>, StatusState, string])[] = [
  [
    "a run has a question",
    { runs: [run({ status: "parked", reason: "ask", waits: 1 })] },
    "waiting",
    "$(bell-dot) 1 waiting for you",
  ],
  [
    "not connected, the record says one waits",
    { link: "cold", attention: { waiting: 2, open: 2, line: "2 questions" } },
    "waiting",
    "$(bell-dot) 2 waiting for you",
  ],
  ["it cannot be started", { link: "stopped", error: "It ended five times." }, "stopped", "$(error) Podium stopped"],
  ["Restricted Mode", { link: "cold", trusted: false, models: null }, "restricted", "$(workspace-untrusted) View only"],
  ["starting", { link: "starting", since: at - 2300 }, "starting", "$(loading~spin) Starting 2 s"],
  [
    "the connection is lost",
    { link: "reconnecting", since: at - 1000 },
    "starting",
    "$(loading~spin) Reconnecting 1 s",
  ],
  ["an update waits for calls", { draining: 1 }, "starting", "$(loading~spin) Updating, 1 call left"],
  ["no server answers", { models: down }, "no_server", "$(debug-disconnect) No model server"],
  ["a server loads and does not answer", { models: reachable("mlx_lm") }, "unfit", "$(warning) mlx_lm: not answering"],
  ["Ollama has no model at all", { models: reachable("ollama") }, "unfit", "$(warning) Ollama: no fitting model"],
  ["no model fits", { models: { ...ready(), roles: {} } }, "unfit", "$(warning) Ollama: no fitting model"],
  ["the main model runs elsewhere", { models: ready({ remote: true }) }, "leaving", "$(cloud) qwen3-coder:30b"],
  [
    "memory is low",
    { working: { run: "run_1", label: "Memory low, waiting", queue: 0 } },
    "leaving",
    "$(warning) Memory low, waiting",
  ],
  ["a run works", { working: { run: "run_1", label: "38 tok/s", queue: 2 } }, "working", "$(loading~spin) 38 tok/s +2"],
  ["everything is ready", {}, "ready", "$(circle-filled) qwen3-coder:30b 32k"],
  ["nothing was needed yet", { link: "cold", models: null }, "cold", "$(circle-outline) Podium"],
];

describe("status bar", () => {
  for (const [name, changes, state, text] of cases) {
    it(`${name}: ${text}`, () => {
      const status = statusOf(model(changes), at);
      assert.equal(status.state, state);
      assert.equal(status.text, text);
      assert.ok(status.text.replace(/\$\([^)]*\)/, "x").length <= 28);
      assert.ok(status.actions.length > 0 && status.detail.length > 0 && status.spoken.length > 0);
    });
  }

  it("shows each of the ten states in some world", () => {
    assert.deepEqual(new Set(cases.map(([, changes]) => statusOf(model(changes), at).state)), new Set(statusStates));
  });

  it("prefers the earlier state when several hold", () => {
    const waitingRun = run({ status: "parked", reason: "ask", waits: 1 });
    assert.equal(
      statusOf(model({ models: down, runs: [waitingRun], working: { run: "run_1", label: "x", queue: 0 } }), at).state,
      "waiting",
    );
    assert.equal(
      statusOf(model({ models: down, working: { run: "run_1", label: "x", queue: 0 } }), at).state,
      "no_server",
    );
  });

  it("cuts names that a server made too long", () => {
    const long = ready({ ref: "ollama/a-very-long-model-name-that-nobody-can-read:70b-instruct-q8" });
    const status = statusOf(
      model({
        models: { ...long, roles: { main: "ollama/a-very-long-model-name-that-nobody-can-read:70b-instruct-q8" } },
      }),
      at,
    );
    assert.ok(status.text.replace(/\$\([^)]*\)/, "x").length <= 28, status.text);
  });
});
