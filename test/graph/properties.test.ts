import assert from "node:assert/strict";
import fc from "fast-check";
import type { Action } from "../../sidecar/graph/action.ts";
import { Schedule } from "../../sidecar/graph/schedule.ts";
import { stateOf } from "../../sidecar/graph/view.ts";
import type { DurableBody, RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir, Node } from "../../sidecar/protocol/ir.ts";
import type { Json } from "../../sidecar/protocol/json.ts";
import { canonicalJson } from "../../sidecar/state/codec.ts";

// Ends by instance, as the log has them: what the oracle decides from.
interface Log {
  readonly ended: Map<string, readonly string[]>;
  readonly skipped: Set<string>;
  readonly started: Set<string>;
  readonly opened: Map<string, number>;
}

const logOf = (events: readonly RunEvent[]): Log => {
  const log: Log = { ended: new Map(), skipped: new Set(), started: new Set(), opened: new Map() };
  for (const event of events) {
    if (event.kind === "step-start") log.started.add(event.instance);
    if (event.kind === "step-end") log.ended.set(event.instance, event.edges ?? []);
    if (event.kind === "step-skip") log.skipped.add(event.instance);
    if (event.kind === "map-open") log.opened.set(event.instance, event.n);
  }
  return log;
};

const same = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  one.size === other.size && [...one].every((item) => other.has(item));

/** E2 as it is written, from nothing but the log: which steps may start, without any width. */
function naiveNext(ir: Ir, log: Log): Set<string> {
  const starts = new Set<string>();
  /** "open", "taken" or "dead": what the end of a node says to its out-edges. */
  const edge = (node: Node, prefix: string): "open" | "taken" | "dead" => {
    const instance = `${prefix}${node.id}`;
    if (log.skipped.has(instance)) return "dead";
    if (!log.ended.has(instance)) return "open";
    if (node.kind !== "switch") return "taken";
    const taken = node.arms.filter((arm) => log.ended.get(instance)?.includes(arm.name));
    return taken.every((arm) => hasEnded(arm.nodes, `${instance}.${arm.name}/`)) ? "taken" : "open";
  };
  const hasEnded = (nodes: readonly Node[], prefix: string): boolean =>
    nodes.every((node) => edge(node, prefix) !== "open");
  const isReady = (node: Node, nodes: readonly Node[], prefix: string): boolean => {
    const edges = nodes.filter(({ id }) => node.needs.includes(id)).map((need) => edge(need, prefix));
    return edges.every((state) => state !== "open") && (edges.length === 0 || edges.includes("taken"));
  };
  const visitItems = (node: Node & { kind: "map" }, instance: string): void => {
    const items = Array.from({ length: log.opened.get(instance) ?? 0 }, (_, index) => `${instance}[${index}]`);
    const open = log.ended.has(instance) ? [] : items.filter((item) => !log.ended.has(item));
    for (const item of open.slice(0, node.width)) visit(node.nodes, `${item}/`);
  };
  const visit = (nodes: readonly Node[], prefix: string): void => {
    for (const node of nodes.filter((candidate) => isReady(candidate, nodes, prefix))) {
      const instance = `${prefix}${node.id}`;
      const taken = log.ended.get(instance) ?? [];
      if (node.kind === "map") visitItems(node, instance);
      else if (node.kind === "step" && !log.started.has(instance)) starts.add(instance);
      else if (node.kind === "switch") {
        const arms = node.arms.filter((arm) => taken.includes(arm.name));
        for (const arm of arms) visit(arm.nodes, `${instance}.${arm.name}/`);
      }
    }
  };
  visit(ir.nodes, "");
  return starts;
}

// ---- random workflows: lists of nodes that need some of those above them ---------------------------------------------

const listOf = (depth: number, name: string): fc.Arbitrary<Node[]> =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom("step", "step", "switch", "map"),
        fc.array(fc.nat(4), { maxLength: 3 }),
        fc.nat(2),
        fc.nat(),
      ),
      { minLength: 1, maxLength: depth === 3 ? 5 : 3 },
    )
    .chain((drafts) =>
      fc.tuple(
        ...drafts.map(([kind, picks, count, salt], at): fc.Arbitrary<Node> => {
          const id = `${name}${at}`;
          const above = [...new Set(picks.filter((pick) => pick < at))].sort();
          const needs =
            salt % 3 === 0
              ? Array.from({ length: at }, (_, other) => `${name}${other}`)
              : above.map((pick) => `${name}${pick}`);
          const leaf: Node = { kind: "step", id, needs, step: "set@1", with: {}, config: {} };
          if (depth <= 1 || kind === "step") return fc.constant(leaf);
          const inner = listOf(depth - 1, `${id}_`);
          if (kind === "switch") {
            return fc.tuple(inner, inner).map(([yes, no]) => ({
              kind: "switch",
              id,
              needs,
              arms: [
                { name: "then", when: "true", nodes: yes },
                { name: "else", when: null, nodes: no },
              ],
            }));
          }
          return inner.map((nodes) => ({
            kind: "map",
            id,
            needs,
            list: "[]",
            as: "item",
            width: count + 1,
            onItemError: "fail",
            nodes,
          }));
        }),
      ),
    );

const workflow: fc.Arbitrary<Ir> = listOf(3, "n").map((nodes) => ({
  podium: 1,
  name: "random",
  input: {},
  nodes,
  output: "null",
}));

// ---- a driver that stands in for the executor --------------------------------------------------------------------------

interface Driven {
  readonly schedule: Schedule;
  readonly events: readonly RunEvent[];
  readonly running: ReadonlySet<string>;
}

/** A number that depends on nothing but a text and a seed. */
const dice = (text: string, seed: number): number => {
  let hash = seed | 0;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return Math.abs(hash ^ (hash >>> 13));
};

interface Plan {
  /** Chooses arms, list lengths and values: the same for every order. */
  readonly seed: number;
  /** Which of the running steps ends next. */
  readonly order: readonly number[];
  readonly width?: number;
  /** How often a step fails before it ends. */
  readonly failures?: (instance: string) => number;
  readonly look?: (driven: Driven) => void;
}

function drive(ir: Ir, plan: Plan): Driven {
  const schedule = new Schedule(ir);
  const events: RunEvent[] = [];
  const running = new Set<string>();
  const failed = new Map<string, number>();
  const push = (body: DurableBody, value?: Json): void => {
    const event: RunEvent = { run: "run_1", seq: events.length + 1, at: 0, epoch: 1, ...body };
    events.push(event);
    schedule.apply(event, value);
  };
  const end = (instance: string, attempt: number, value: Json): void =>
    push({ kind: "step-end", instance, attempt, ms: 0, delta: { inline: value } }, value);
  const close = (action: Action): void => {
    if (action.type === "end-item") end(action.instance, 1, action.instance);
    else if (action.type === "end-map")
      end(
        action.place.instance,
        1,
        action.place.items.map(({ end: at }) => at?.value ?? null),
      );
    else if (action.type === "fail")
      push({ kind: "step-error", instance: action.instance, attempt: 1, ms: 0, error: action.error });
    else if (action.type === "end-run" && action.error)
      push({ kind: "run-end", status: "failed", error: action.error });
    else if (action.type === "end-run") push({ kind: "run-end", status: "succeeded" });
  };
  const act = (action: Action): void => {
    if (action.type === "start") {
      const { instance, attempt } = action.place;
      running.add(instance);
      push({ kind: "step-start", instance, attempt: attempt + 1, cause: action.cause });
    } else if (action.type === "skip") push({ kind: "step-skip", instance: action.place.instance });
    else if (action.type === "wait") schedule.wake(action.place);
    else if (action.type === "choose") {
      const { instance } = action.place;
      const arm = ["then", "else", null][dice(instance, plan.seed) % 3];
      push({ kind: "step-end", instance, attempt: 1, ms: 0, edges: arm ? [arm] : [] });
    } else if (action.type === "open") {
      const { instance } = action.place;
      push({ kind: "map-open", instance, n: dice(instance, plan.seed) % 4 });
    } else close(action);
  };
  for (let turn = 0; turn < 5000; turn += 1) {
    for (let action = schedule.take(plan.width ?? 1000); action; action = schedule.take(plan.width ?? 1000))
      act(action);
    plan.look?.({ schedule, events, running });
    if (running.size === 0) return { schedule, events, running };
    const all = [...running].sort();
    const instance = all[(plan.order[turn % plan.order.length] ?? 0) % all.length] ?? "";
    running.delete(instance);
    const attempt = schedule.place(instance)?.attempt ?? 1;
    const times = failed.get(instance) ?? 0;
    if (times < (plan.failures?.(instance) ?? 0)) {
      failed.set(instance, times + 1);
      const error = { code: "step_failed", message: "no", retryable: false } as const;
      push({ kind: "step-error", instance, attempt, ms: 0, error });
      if (schedule.place(instance)?.status === "retrying") push({ kind: "step-retry", instance, attempt, at: 0 });
    } else end(instance, attempt, dice(instance, plan.seed));
  }
  return assert.fail("the run does not end");
}

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
        const look = ({ events, running, schedule }: Driven): void => {
          const expected = naiveNext(ir, logOf(events));
          assert.deepEqual([...expected], [], "a step that may start was not started");
          if (running.size === 0) assert.ok(schedule.ended, "nothing runs and the run has not ended");
        };
        const { events } = drive(ir, { seed, order, look });
        // Each start was allowed by the log before it.
        for (const [at, event] of events.entries()) {
          if (event.kind !== "step-start") continue;
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

  it("gives the same state, and nothing left to do, when folded again from its log", () => {
    fc.assert(
      fc.property(workflow, seeds, orders, (ir, seed, order) => {
        const { events, schedule } = drive(ir, { seed, order });
        const again = new Schedule(ir);
        for (const event of events) {
          const value =
            event.kind === "step-end" && event.delta && "inline" in event.delta ? event.delta.inline : undefined;
          again.apply(event, value);
        }
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
