import assert from "node:assert/strict";
import fc from "fast-check";
import type { DurableBody, RunEvent } from "../../sidecar/protocol/events.ts";
import { foldRun } from "../../sidecar/protocol/run.ts";
import { project, startProjection } from "../../sidecar/store/sqlite/projection.ts";
import { decodeEvent, encodeEvent } from "../../sidecar/store/sqlite/rows.ts";
import { events, runStart } from "../contracts/run-store.ts";

// A map itself only opens and ends: what starts and parks are the steps in its items.
const instances = ["a", "b", "map[0]/c", "map[1]/c"];
const bodyOf = (kind: number, instance: string, ended: Set<string>): DurableBody[] => {
  const reason = kind % 2 === 0 ? "ask" : "provider";
  switch (kind) {
    case 0:
      return [{ kind: "step-start", instance, attempt: 1, cause: "start" }];
    case 1:
      ended.add(instance);
      return [{ kind: "step-end", instance, attempt: 1, ms: 1 }];
    case 2:
    case 3:
      return [{ kind: "step-park", instance, reason, detail: "" }];
    case 4:
      return [{ kind: "step-retry", instance, attempt: 2, at: 0 }];
    case 5:
      return [{ kind: "run-adopt", why: "crash" }];
    case 6:
      return [{ kind: "run-park", reason: "paused", detail: "" }];
    case 7:
      return [{ kind: "run-resume", by: "me" }];
    case 8:
      ended.add(instance);
      return [{ kind: "step-skip", instance }];
    case 9:
      return [{ kind: "map-open", instance: "map", n: 2 }];
    case 10:
      return [
        {
          kind: "op-end",
          instance,
          op: 0,
          attempt: 1,
          usage: { in: 3, out: 2, cached: 1, estimated: false },
        },
      ];
    case 11:
      return [
        { kind: "step-error", instance, attempt: 1, ms: 1, error: { code: "stalled", message: "", retryable: true } },
      ];
    case 12:
      ended.add("map");
      return [{ kind: "step-end", instance: "map", attempt: 1, ms: 1 }];
    default:
      return [{ kind: "answer", instance, op: 0, ask: `ask_${instance}`, by: "me", door: "cli", value: true }];
  }
};

const steps = fc.array(fc.tuple(fc.nat(13), fc.constantFrom(...instances)), { maxLength: 40 });

describe("projection", () => {
  it("says at every event what foldRun says", () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (choices, end) => {
        const ended = new Set<string>();
        const bodies = choices.flatMap(([kind, instance]) =>
          ended.has(instance) ? [] : bodyOf(kind, instance, ended),
        );
        if (end) bodies.push({ kind: "run-end", status: "cancelled" });
        const first = runStart("run_1", 1);
        const log: RunEvent[] = [first];
        const row = startProjection(first);
        for (const event of events("run_1", 1, 2, bodies)) {
          log.push(event);
          project(row, event);
          const view = foldRun(log);
          assert.ok(view);
          assert.deepEqual(
            [row.status, row.reason, row.endedAt, row.attempts, row.asks.size, row.usage],
            [view.status, view.reason, view.endedAt, view.attempts, view.asks.size, view.usage],
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("stores an event with any text so that it comes back equal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.json(), (text, json) => {
        const [event] = events("run_1", 1, 2, [
          { kind: "signal", instance: text, name: text, value: JSON.parse(json) },
        ]);
        assert.ok(event);
        assert.equal(JSON.stringify(decodeEvent("run_1", encodeEvent(event))).length, JSON.stringify(event).length);
      }),
      { numRuns: 50 },
    );
  }).timeout(10_000);
});
