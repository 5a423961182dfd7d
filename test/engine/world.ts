import { createHash } from "node:crypto";
import { runShow } from "../../sidecar/engine/result.ts";
import { createRuns, type Runs, type StartInput } from "../../sidecar/engine/runs.ts";
import type { Step, Tool } from "../../sidecar/ports.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir, MapNode, Node, StepNode, SwitchNode } from "../../sidecar/protocol/ir.ts";
import type { Json, JsonObject } from "../../sidecar/protocol/json.ts";
import { approveStep } from "../../sidecar/steps/approve.ts";
import { setStep } from "../../sidecar/steps/set.ts";
import { useStep } from "../../sidecar/steps/use.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createFakeModels, say } from "../support/fake-models.ts";
import { createMemoryStore, type MemoryStore } from "../support/memory-store.ts";

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
export const human = { by: "person", door: "test", human: true } as const;

/** Every node needs all written above it unless it says otherwise, as the YAML reader does. */
export function graph(nodes: readonly Node[], output = "null"): Ir {
  return { podium: 1, name: "test", input: {}, nodes: below(nodes), output };
}
const below = (nodes: readonly Node[]): Node[] =>
  nodes.map((node, at) => (node.needs[0] === "*" ? { ...node, needs: nodes.slice(0, at).map(({ id }) => id) } : node));

type Extra = Partial<Omit<StepNode, "kind" | "id" | "step">>;
export const step = (id: string, name: string, inputs: JsonObject = {}, extra: Extra = {}): StepNode => ({
  kind: "step",
  id,
  needs: ["*"],
  step: name,
  with: inputs,
  config: {},
  ...extra,
});
export const set = (id: string, value: Json, extra: Extra = {}): StepNode => step(id, "set@1", { value }, extra);
export const use = (id: string, tool: string, inputs: JsonObject = {}, extra: Extra = {}): StepNode =>
  step(id, "use@1", inputs, { config: { tool }, ...extra });
export const approve = (id: string, extra: Extra = {}): StepNode =>
  step(id, "approve@1", { title: `Go on with ${id}?` }, extra);
export const choose = (id: string, arms: readonly [string, string | null, readonly Node[]][]): SwitchNode => ({
  kind: "switch",
  id,
  needs: ["*"],
  arms: arms.map(([name, when, nodes]) => ({ name, when, nodes: below(nodes) })),
});
export const each = (id: string, list: string, nodes: readonly Node[], extra: Partial<MapNode> = {}): MapNode => ({
  kind: "map",
  id,
  needs: ["*"],
  list,
  as: "item",
  width: 2,
  onItemError: "fail",
  nodes: below(nodes),
  ...extra,
});

/** Asks the model for `prompt` and gives the text. */
const sayStep: Step = {
  name: "say@1",
  effect: "pure",
  async run(input, context) {
    const content = String(input.with["prompt"] ?? "hi");
    const request = { messages: [{ role: "user", content }], maxTokens: 100, temperature: 0, think: "off" } as const;
    const { text } = await context.model({ role: "main", request });
    return { value: text };
  },
};

export interface World {
  readonly store: MemoryStore;
  readonly runs: Runs;
  readonly clock: FakeClock;
  readonly models: ReturnType<typeof createFakeModels>;
  /** Calls of tools by name, over all restarts. */
  readonly called: Map<string, number>;
  /** Starts by instance of the steps that count themselves. */
  start(ir: Ir, more?: Partial<StartInput>): Promise<string>;
  log(run: string): Promise<readonly RunEvent[]>;
  /** As after kill -9: a new engine over what was committed, perhaps one that knows more. */
  restart(more?: Options): World;
}

interface Options {
  readonly steps?: readonly Step[];
  readonly tools?: readonly Tool[];
  readonly script?: Parameters<typeof createFakeModels>[0];
  readonly width?: number;
  readonly hubWidth?: number;
}

const anything = { kind: "any" } as const;
/** A tool that gives its input back and is counted. */
export const echo = (name: string, effect: Tool["effect"]): Tool => ({
  name,
  about: name,
  effect,
  input: anything,
  output: anything,
  run: async (input) => input,
});

export function createWorld(options: Options = {}, kept?: Pick<World, "store" | "called" | "clock" | "models">): World {
  const clock = kept?.clock ?? createFakeClock();
  const store = kept?.store.reopen() ?? createMemoryStore();
  const called = kept?.called ?? new Map<string, number>();
  const models = kept?.models ?? createFakeModels(options.script ?? (() => say("hello world")));
  let ids = 0;
  const counted = (options.tools ?? []).map((tool): [string, Tool] => [
    tool.name,
    {
      ...tool,
      run(input, context) {
        called.set(tool.name, (called.get(tool.name) ?? 0) + 1);
        return tool.run(input, context);
      },
    },
  ]);
  const steps = [setStep, useStep, approveStep, sayStep, ...(options.steps ?? [])];
  const runs = createRuns({
    store,
    models,
    tools: new Map(counted),
    steps: new Map(steps.map((known) => [known.name, known])),
    clock,
    ids: {
      next: (prefix) => {
        ids += 1;
        return `${prefix}_${store.epoch}_${ids}`;
      },
    },
    digest,
    width: options.width ?? 4,
    ...(options.hubWidth === undefined ? {} : { hubWidth: options.hubWidth }),
  });
  const world: World = {
    store,
    runs,
    clock,
    models,
    called,
    start: (ir, more = {}) =>
      runs.start({
        workflow: ir.name,
        ir,
        irHash: "hash",
        input: {},
        root: "/w",
        trusted: true,
        env: {},
        settings: { roles: {}, servers: [], network: "local", requireModel: false, budget: {} },
        idem: null,
        ...more,
      }),
    log: (run) => store.read(run, 0, 100_000),
    restart: (more = {}) => createWorld({ ...options, ...more }, world),
  };
  return world;
}

/** `step-end a`, `run-end succeeded`: one word or two per event. */
export const words = (events: readonly RunEvent[]): readonly string[] =>
  events.map((event) => {
    if ("instance" in event) return `${event.kind} ${event.instance}`;
    return event.kind === "run-end" ? `${event.kind} ${event.status}` : event.kind;
  });

/** The result of a run, as a client sees it. */
export const outputOf = async (world: World, run: string): Promise<unknown> => {
  const view = await world.runs.view(run);
  return (await runShow(view, world.store.getBlob, digest)).result;
};
