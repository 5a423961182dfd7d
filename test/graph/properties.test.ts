import assert from "node:assert/strict";
import fc from "fast-check";
import type { Action } from "../../sidecar/graph/action.ts";
import type { Schedule } from "../../sidecar/graph/schedule.ts";
import { stateOf } from "../../sidecar/graph/view.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir, Node } from "../../sidecar/protocol/ir.ts";
import { canonicalJson } from "../../sidecar/state/codec.ts";
import { type Driven, dice, drive, foldAll } from "./drive.ts";
import { logOf, naiveNext } from "./oracle.ts";
import { workflow } from "./workflows.ts";

const same = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  one.size === other.size && [...one].every((item) => other.has(item));

const said = (action: Action): string => {
  if ("place" in action) return `${action.type} ${action.place.instance}`;
  return "instance" in action ? `${action.type} ${action.instance}` : action.type;
};

/** Every action that may be taken now, without answering any; a start comes again and again, so its second time ends it. */
function allNext(schedule: Schedule, width: number): ReadonlySet<string> {
  const actions = new Set<string>();
  for (let action = schedule.take(width); action && !actions.has(said(action)); action = schedule.take(width)) {
    actions.add(said(action));
    // The time of a retry may have come before the crash as well as after it.
    if (action.type === "wait") schedule.wake(action.place);
  }
  return actions;
}

const ends = (events: readonly RunEvent[]): readonly string[] =>
  events
    .filter((event) => event.kind === "step-end" || event.kind === "step-skip")
    .map((event) => `${event.kind} ${event.instance}`)
    .sort();

const orders = fc.array(fc.nat(50), { minLength: 1, maxLength: 30 });
const seeds = fc.integer({ min: 1, max: 1_000_000 });
const runs = { numRuns: 150 };
const started = (events: readonly RunEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === "step-start" ? [event.instance] : []));
const chain = (size: number): Ir => ({
  podium: 1,
  name: "chain",
  input: {},
  nodes: Array.from({ length: size }, (_, at): Node => {
    const needs = Array.from({ length: at }, (_unused, other) => `s${other}`);
    return { kind: "step", id: `s${at}`, needs, step: "set@1", with: {}, config: {}, retry: { max: 2 } };
  }),
  output: "null",
});

describe("properties of the schedule", function () {
  this.timeout(15_000);

  it("agrees at every step with E2 read naively from the log, and ends", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, (ir, seed, order) => {
        const look = ({ events, running, parked, schedule }: Driven): void => {
          const expected = naiveNext(ir, logOf(events));
          assert.deepEqual([...expected], [], "a step that may start was not started");
          if (running.size + parked.size === 0) assert.ok(schedule.ended, "nothing runs and the run has not ended");
        };
        const { events } = drive(ir, { seed, order, look });
        // Each start was allowed by the log before it.
        for (const [at, event] of events.entries()) {
          if (event.kind !== "step-start" || event.cause !== "start") continue;
          assert.ok(
            naiveNext(ir, logOf(events.slice(0, at))).has(event.instance),
            `${event.instance} started too early`,
          );
        }
      }),
      runs,
    );
  });

  it("gives the same state whatever the finish order and width (R009)", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, orders, fc.integer({ min: 1, max: 4 }), (ir, seed, one, other, width) => {
        const left = drive(ir, { seed, order: one });
        const right = drive(ir, { seed, order: other, width });
        assert.equal(canonicalJson(stateOf(left.schedule.root)), canonicalJson(stateOf(right.schedule.root)));
        assert.ok(same(new Set(started(left.events)), new Set(started(right.events))));
      }),
      runs,
    );
  });

  it("resumed from any prefix of the log knows the next action of the run that went on, also after failures (E2.10)", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, fc.integer({ min: 1, max: 5 }), (ir, seed, order, width) => {
        const next = new Map<number, string>();
        const took = (action: Action, at: number): void => {
          if (!next.has(at)) next.set(at, said(action));
        };
        const failures = (instance: string): number => (dice(instance, seed + 1) % 7 === 0 ? 2 : 0);
        const { events } = drive(ir, { seed, order, width, failures, took });
        for (const [at, expected] of next) {
          const possible = allNext(foldAll(ir, events.slice(0, at)), width);
          assert.ok(possible.has(expected), `after event ${at} not ${expected} but ${[...possible].join(", ")}`);
        }
      }),
      runs,
    );
  });

  it("resumed from any prefix of the log comes to the same state, by the same ends, and starts nothing twice", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, fc.nat(), (ir, seed, order, cut) => {
        const whole = drive(ir, { seed, order });
        const log = whole.events.slice(0, cut % (whole.events.length + 1));
        const resumed = drive(ir, { seed, order, log });
        assert.equal(canonicalJson(stateOf(resumed.schedule.root)), canonicalJson(stateOf(whole.schedule.root)));
        assert.deepEqual(ends(resumed.events), ends(whole.events));
        const done = logOf(log).ended;
        for (const event of resumed.events.slice(log.length))
          if (event.kind === "step-start") assert.ok(!done.has(event.instance), `${event.instance} ran again`);
      }),
      runs,
    );
  });

  it("gives the same state, and nothing left to do, when folded again from its log", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, (ir, seed, order) => {
        const { events, schedule } = drive(ir, { seed, order });
        const again = foldAll(ir, events);
        assert.equal(canonicalJson(stateOf(again.root)), canonicalJson(stateOf(schedule.root)));
        assert.equal(again.take(1000), null);
      }),
      runs,
    );
  });

  it("runs a chain in its order (R032)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), seeds, orders, (size, seed, order) => {
        const { events } = drive(chain(size), { seed, order });
        assert.deepEqual(
          started(events),
          Array.from({ length: size }, (_, at) => `s${at}`),
        );
      }),
      runs,
    );
  });

  it("runs exactly the arm that was taken (R033)", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, (ir, seed, order) => {
        const { events } = drive(ir, { seed, order });
        const log = logOf(events);
        for (const instance of [...log.started, ...log.opened.keys()]) {
          for (const { 0: before, 1: arm = "", index } of instance.matchAll(/\.([^/]+)\//g)) {
            const owner = instance.slice(0, index);
            assert.deepEqual(log.ended.get(owner), [arm], `${before} was not taken`);
          }
        }
      }),
      runs,
    );
  });

  it("records one start per attempt, failed and retried ones too (R034)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), seeds, orders, (size, seed, order) => {
        const failures = (instance: string): number => dice(instance, seed) % 4;
        const { events } = drive(chain(size), { seed, order, failures });
        const attempts = events.filter((event) => event.kind === "step-end" || event.kind === "step-error");
        assert.equal(started(events).length, attempts.length);
        const last = events.at(-1);
        const isOver = Array.from({ length: size }, (_, at) => failures(`s${at}`)).some((times) => times > 2);
        assert.equal(last?.kind === "run-end" && last.status, isOver ? "failed" : "succeeded");
      }),
      runs,
    );
  });

  it("leaves all keys that a step does not write as they were (R031)", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, (ir, seed, order) => {
        let before = new Map<string, string>();
        const look = ({ schedule }: Driven): void => {
          const now = new Map(
            Object.entries(stateOf(schedule.root)).map(([key, value]) => [key, canonicalJson(value)]),
          );
          for (const [key, text] of before) assert.equal(now.get(key), text, `${key} changed`);
          before = now;
        };
        drive(ir, { seed, order, look });
      }),
      runs,
    );
  });
});
