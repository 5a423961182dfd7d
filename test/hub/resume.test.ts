import assert from "node:assert/strict";
import { resumeWhenServed } from "../../sidecar/hub/resume.ts";
import type { Attention } from "../../sidecar/protocol/hub.ts";
import type { ModelsResult } from "../../sidecar/protocol/models.ts";
import type { RunRow } from "../../sidecar/protocol/results.ts";
import { until } from "../support/hub.ts";

const models = (...states: readonly ("answers" | "down")[]): ModelsResult => ({
  endpoints: states.map((state, index) => ({ url: `http://${index}`, flavour: "ollama", state, models: [] })),
  roles: {},
});

describe("runs that wait for a model server", () => {
  it("go on when one begins to answer, each only then, and nobody looks when no run is open", async () => {
    const resumed: string[] = [];
    const listeners = new Set<(result: ModelsResult) => void>();
    let attend: (attention: Attention | null) => void = () => undefined;
    const reasons: { readonly [run: string]: string } = { run_a: "ask", run_p: "provider" };
    resumeWhenServed({
      store: {
        open: async () => Object.keys(reasons),
        row: async (run) => ({ run, status: "parked", reason: reasons[run] }) as RunRow,
      },
      runs: {
        resume: async (run) => {
          resumed.push(run);
          return "running";
        },
      },
      onModels: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onAttention: (listener) => {
        attend = listener;
        return () => undefined;
      },
    });
    const say = (result: ModelsResult): void => {
      for (const listener of listeners) listener(result);
    };
    assert.equal(listeners.size, 0);
    attend({ waiting: 1, open: 2, line: "" });
    say(models("down"));
    say(models("answers"));
    await until("the first", () => resumed.length === 1);
    say(models("answers"));
    say(models("answers", "answers"));
    await until("the second", () => resumed.length === 2);
    assert.deepEqual(resumed, ["run_p", "run_p"]);
    attend(null);
    assert.equal(listeners.size, 0);
  });
});
