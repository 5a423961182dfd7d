import type { ModelPart, Step } from "../../sidecar/ports.ts";
import type { Ir, Node, StepNode } from "../../sidecar/protocol/ir.ts";
import type { Json, JsonObject } from "../../sidecar/protocol/json.ts";

/** What is run, how many steps one run has, and what its output must be. */
export interface Scenario {
  readonly ir: Ir;
  readonly steps: number;
  /** Runs at once. */
  readonly runs: number;
  /** Token events that one run sends to its observer. */
  readonly tokens: number;
  readonly output: Json;
  /** The rows of one run for the raw bound: one list per transaction. */
  readonly rows: readonly (readonly Json[])[];
}

const node = (id: string, needs: readonly string[], step: string, inputs: JsonObject): StepNode => ({
  kind: "step",
  id,
  needs,
  step,
  with: inputs,
  config: {},
});
const set = (id: string, needs: readonly string[], value: Json): StepNode => node(id, needs, "set@1", { value });
const graph = (name: string, nodes: readonly Node[], output: string): Ir => ({
  podium: 1,
  name,
  input: {},
  nodes: [...nodes],
  output,
});
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const before = (at: number): readonly string[] => (at === 0 ? [] : [`s${at - 1}`]);
const one = { runs: 1, tokens: 0 } as const;

/** n steps one after another, each writes its own number. */
export function chain(n: number, runs = 1): Scenario {
  const nodes = times(n, (at) => set(`s${at}`, before(at), at));
  const rows = times(n, (at) => [{ [`s${at}`]: at }]);
  return { ...one, runs, ir: graph(`chain-${n}`, nodes, `s${n - 1}`), steps: n, output: n - 1, rows };
}

/** One step, n at once, one join. */
export function fan(n: number): Scenario {
  const names = times(n, (at) => `k${at}`);
  const nodes = [
    set("first", [], 1),
    ...names.map((id, at) => set(id, ["first"], at)),
    set("join", names, `=k${n - 1} + k0`),
  ];
  const rows = [[{ first: 1 }], names.map((name, at) => ({ [name]: at })), [{ join: n - 1 }]];
  return { ...one, ir: graph(`fan-${n}`, nodes, "join"), steps: n + 2, output: n - 1, rows };
}

/** A value of `bytes` is written first and only carried by the n - 1 steps after it. */
export function blob(bytes: number, n: number): Scenario {
  const rest = times(n - 1, (at) => set(`s${at}`, at === 0 ? ["big"] : before(at), at));
  const rows = [[{ big: "x".repeat(bytes) }], ...times(n - 1, (at) => [{ [`s${at}`]: at }])];
  const nodes = [node("big", [], "text@1", { bytes }), ...rest];
  return { ...one, ir: graph(`blob-${bytes}`, nodes, `s${n - 2}`), steps: n, output: n - 2, rows };
}

/** n messages of 1 KB; the language has no loop yet, so each is a step of a chain with a key of its own. */
export function append(n: number): Scenario {
  const nodes = times(n, (at) => node(`s${at}`, before(at), "text@1", { bytes: 1000 }));
  const rows = times(n, (at) => [{ [`s${at}`]: "x".repeat(1000) }]);
  return { ...one, ir: graph(`append-${n}`, nodes, "1"), steps: n, output: 1, rows };
}

/** One generation of n tokens, through the model's operation and the observer. */
export function stream(n: number): Scenario {
  const nodes = [node("gen", [], "tokens@1", { tokens: n })];
  return { ...one, tokens: n, ir: graph(`stream-${n}`, nodes, "gen"), steps: 1, output: n * 5, rows: [[{ gen: n }]] };
}

export const scenarios: ReadonlyMap<string, () => Scenario> = new Map([
  ["chain-10", () => chain(10)],
  ["chain-100", () => chain(100)],
  ["fan-100", () => fan(100)],
  ["load-100", () => chain(5, 100)],
  ["blob-1m-100", () => blob(1_000_000, 100)],
  ["append-1000", () => append(1000)],
  ["stream-10k", () => stream(10_000)],
]);

/** The steps that only the bench needs. */
export const benchSteps: readonly Step[] = [
  {
    name: "text@1",
    effect: "pure",
    run: (input) => Promise.resolve({ value: "x".repeat(Number(input.with["bytes"])) }),
  },
  {
    name: "tokens@1",
    effect: "pure",
    async run(input, context) {
      const content = String(input.with["tokens"]);
      const request = { messages: [{ role: "user", content }], maxTokens: 1e6, temperature: 0, think: "off" } as const;
      const { text } = await context.model({ role: "main", request });
      return { value: text.length };
    },
  },
];

/** Parts as a server sends them: 50 tokens, then a turn of the event loop. */
export async function* tokens(count: number): AsyncGenerator<ModelPart> {
  for (let at = 0; at < count; at += 1) {
    yield { type: "text", text: "token" };
    if (at % 50 === 49) await new Promise((done) => setImmediate(done));
  }
  yield {
    type: "end",
    finish: "stop",
    usage: { in: 1, out: count, cached: 0, estimated: false },
    timings: { waitMs: 0, loadMs: 0, promptMs: 0, tokensMs: 0, toolMs: 0, youMs: 0 },
    model: "fake/model",
  };
}
