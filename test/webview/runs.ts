import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRecording } from "../../extension/recording.ts";
import type { DurableBody, EphemeralBody, LiveEvent, RunEvent } from "../../sidecar/protocol/events.ts";
import type { Ir, Node } from "../../sidecar/protocol/ir.ts";
import type { JsonObject } from "../../sidecar/protocol/json.ts";
import type { ToPanel } from "../../sidecar/protocol/panel.ts";

const run = "run_1";
export const startedAt = 1_700_000_000_000;

const step = (id: string, needs: readonly string[], given: Partial<Node & { kind: "step" }> = {}): Node => ({
  id,
  needs,
  kind: "step",
  step: "ask@1",
  with: {},
  config: {},
  ...given,
});

const irOf = (name: string, nodes: readonly Node[]): Ir => ({
  podium: 1,
  name,
  input: {},
  nodes: [...nodes],
  output: nodes.at(-1)?.id ?? "",
});

/** Numbers events and gives each 100 ms after the one before, unless `after` ms are said. */
export function log(bodies: readonly (DurableBody & { readonly after?: number })[]): RunEvent[] {
  let at = startedAt;
  return bodies.map(({ after = 100, ...body }, index) => {
    at += index === 0 ? 0 : after;
    return { run, seq: index + 1, at, epoch: 1, ...body } as RunEvent;
  });
}

export const live = (body: EphemeralBody, at = startedAt + 1000): LiveEvent => ({ run, at, ...body });

const start = (workflow: string, nodes: readonly Node[], input: JsonObject = {}): DurableBody => ({
  kind: "run-start",
  workflow,
  ir: irOf(workflow, nodes),
  irHash: "h",
  input,
  budget: {},
  settings: { roles: {}, servers: [], network: "local", requireModel: false, budget: {} },
  env: {},
  root: "/w",
  trusted: true,
  idem: null,
});

const model = "ollama@127.0.0.1:11434/qwen3:4b";
const begin = (instance: string): DurableBody => ({ kind: "step-start", instance, attempt: 1, cause: "start" });
const call = (instance: string, opKind: "model" | "tool", name: string): DurableBody => ({
  kind: "op-start",
  instance,
  op: 0,
  attempt: 1,
  opKind,
  name,
  hash: "h",
  effect: "pure",
  request: { inline: { messages: [{ role: "user", content: "When does an entry expire?" }] } },
});

const nodes = [
  step("found", [], { step: "use@1", config: { tool: "workspace.search" } }),
  step("answer", ["found"], { config: { agent: "answerer" } }),
];

/** A question up to the moment where the model was asked. */
export const asking: readonly DurableBody[] = [
  start("ask_workspace", nodes, { question: "When does an entry expire?" }),
  begin("found"),
  call("found", "tool", "workspace.search"),
  { kind: "op-end", instance: "found", op: 0, attempt: 1, result: { inline: { hits: [] } } },
  { kind: "step-end", instance: "found", attempt: 1, ms: 200, delta: { inline: { hits: [] } } },
  begin("answer"),
  call("answer", "model", model),
];

export const citation = {
  n: 1,
  path: "src/cache.ts",
  line: 10,
  endLine: 12,
  quote: "if (!entry || entry.until < Date.now()) return undefined;",
};

/** The same to its end, with this answer. */
export const answered = (
  text: string,
  citations: readonly (typeof citation)[] = [citation],
): readonly DurableBody[] => {
  const value = { text, citations: [...citations], extractive: false };
  return [
    ...asking,
    {
      kind: "op-end",
      instance: "answer",
      op: 0,
      attempt: 1,
      result: { inline: { text } },
      model,
      usage: { in: 2310, out: 96, cached: 0, estimated: false },
      timings: { waitMs: 400, loadMs: 1200, promptMs: 900, tokensMs: 2400, toolMs: 0, youMs: 0 },
      after: 5600,
    } as DurableBody,
    { kind: "step-end", instance: "answer", attempt: 1, ms: 5600, delta: { inline: value } },
    { kind: "run-end", status: "succeeded", output: { inline: value } },
  ];
};

/** A run that waits for an answer to this question. */
export const waiting = (ask: Partial<DurableBody & { kind: "ask" }> = {}): readonly DurableBody[] => [
  start("confirm", [step("sure", [], { step: "approve@1" })]),
  begin("sure"),
  {
    kind: "ask",
    instance: "sure",
    op: 0,
    ask: "ask_1",
    askKind: "question",
    title: "Delete the two files?",
    show: { files: ["a.ts", "b.ts"] },
    digest: "d",
    reason: "ask",
    ...ask,
  },
  { kind: "step-park", instance: "sure", reason: ask.reason ?? "ask", detail: "Delete the two files?" },
];

/** A map over `count` items, each of one call. */
export function wide(count: number): readonly DurableBody[] {
  const map: Node = {
    id: "found",
    needs: ["list"],
    kind: "map",
    list: "list.files",
    as: "file",
    width: 4,
    onItemError: "continue",
    nodes: [step("draft", [])],
  };
  const files = Array.from({ length: count }, (_, index) => ({ path: `src/file-${index}.ts` }));
  return [
    start("review_all", [step("list", []), map]),
    begin("list"),
    { kind: "step-end", instance: "list", attempt: 1, ms: 5, delta: { inline: { files } } },
    { kind: "map-open", instance: "found", n: count },
    ...files.flatMap((_, index): DurableBody[] => {
      const instance = `found[${index}]/draft`;
      return [
        begin(instance),
        call(instance, "model", model),
        { kind: "op-end", instance, op: 0, attempt: 1, result: { inline: { text: "[]" } } },
        { kind: "step-end", instance, attempt: 1, ms: 30, delta: { inline: [] } },
        { kind: "step-end", instance: `found[${index}]`, attempt: 1, ms: 0 },
      ];
    }),
  ];
}

/** The run that comes with the extension. */
export const recorded = parseRecording(
  readFileSync(join(import.meta.dirname, "../../extension/media/recording.jsonl"), "utf8"),
);

/** The messages that show a run; `now` is when, in ms after its start. */
export const show = (
  events: readonly RunEvent[],
  given: { readonly now?: number; readonly recording?: string; readonly trusted?: boolean } = {},
): ToPanel[] => {
  const now = startedAt + (given.now ?? 10_000);
  const shown = events[0]?.run ?? run;
  return [
    { type: "init", run: shown, row: null, recording: given.recording ?? null, trusted: given.trusted ?? true, now },
    { type: "events", run: shown, events: [...events], head: events.length, now },
  ];
};

export const liveMessage = (body: EphemeralBody, at?: number): ToPanel => {
  const event = live(body, at);
  return { type: "live", run, event, now: event.at };
};
