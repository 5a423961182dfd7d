import { PodiumError } from "../protocol/errors.ts";
import type { LiveEvent, RunEvent } from "../protocol/events.ts";
import type { Attention } from "../protocol/hub.ts";
import { activityText, applyDurable, applyLive, type Live } from "../protocol/live.ts";
import type { Item } from "../protocol/methods.ts";
import type { ModelsResult } from "../protocol/models.ts";
import { type Streams, sees } from "./caller.ts";
import type { FindingBoard } from "./findings.ts";
import type { HubParts } from "./handlers.ts";

export interface StreamParts extends HubParts {
  readonly findings: FindingBoard;
  readonly onModels: (listener: (models: ModelsResult) => void) => () => void;
  readonly attention: {
    get(): Attention | null;
    onChange(listener: (attention: Attention | null) => void): () => void;
  };
  readonly onDrain: (listener: (calls: number) => void) => () => void;
  /** Calls back after `ms`, once; returns how to forget it. */
  readonly after: (ms: number, work: () => void) => () => void;
}

const listKinds = new Set<string>([
  "run-start",
  "run-park",
  "run-resume",
  "run-end",
  "run-adopt",
  "ask",
  "answer",
  "step-park",
  "step-start",
]);

/** The two live feeds: one run, and everything a window lists. */
export function createStreams(parts: StreamParts): Streams {
  return {
    "run.watch": async ({ run }, caller, push) => {
      const row = await parts.store.row(run);
      if (!row || !sees(caller, row.root ?? ""))
        throw new PodiumError("unknown_run", `There is no run ${run}. List them with: podium runs ls`);
      const head = await parts.store.head(run);
      const stop = parts.runs.watch(run, { durable: (event) => push({ event }), live: (live) => push({ live }) });
      return { result: { head }, stop };
    },
    "hub.watch": async (_params, caller, push) => {
      const visible = new Map<string, boolean>();
      const sendRow = async (run: string): Promise<void> => {
        const row = await parts.store.row(run);
        if (row && sees(caller, row.root ?? "")) push({ runs: [row] });
      };
      const working = trackWorking(push, parts, (run) => visible.get(run) === true);
      const stops = [
        parts.runs.subscribeAll({
          durable: (event) => {
            if (event.kind === "run-start") visible.set(event.run, sees(caller, event.root));
            working.durable(event);
            if (listKinds.has(event.kind)) void sendRow(event.run);
          },
          live: (event) => working.live(event),
        }),
        parts.onModels((models) => push({ models })),
        parts.attention.onChange((attention) => push({ attention })),
        parts.onDrain((calls) => push({ draining: { calls } })),
        parts.findings.onChange((root, path) => {
          if (sees(caller, root)) push({ findings: { run: "", root, path } });
        }),
        working.stop,
      ];
      push({ attention: parts.attention.get() });
      const rows = await parts.store.list({ roots: caller.roots, limit: 200 });
      for (const { run } of rows) if (!visible.has(run)) visible.set(run, true);
      push({ runs: [...rows] });
      void parts.models.list(false).then((models) => push({ models }));
      return {
        result: {},
        stop: () => {
          for (const stop of stops) stop();
        },
      };
    },
  };
}

/** Remembers what ended: a call that was dropped may still say something, and must not come back to life by it. */
function createOver(): { take(event: RunEvent): void; has(event: LiveEvent): boolean } {
  const runs = new Set<string>();
  const calls = new Map<string, Set<string>>();
  return {
    take(event) {
      if (event.kind === "run-end") {
        runs.add(event.run);
        calls.delete(event.run);
      }
      if (event.kind === "op-start") calls.get(event.run)?.delete(`${event.instance}:${event.op}`);
      if (event.kind !== "op-end") return;
      const ended = calls.get(event.run) ?? new Set();
      calls.set(event.run, ended.add(`${event.instance}:${event.op}`));
    },
    has: (event) =>
      runs.has(event.run) ||
      (event.kind !== "log" && calls.get(event.run)?.has(`${event.instance}:${event.op}`) === true),
  };
}

/** Says at most once a second what the newest open operation of a visible run is doing, and how many wait behind it. */
function trackWorking(
  push: (item: Item<"hub.watch">) => void,
  parts: StreamParts,
  isVisible: (run: string) => boolean,
): { durable(event: RunEvent): void; live(event: LiveEvent): void; stop(): void } {
  const byRun = new Map<string, Live>();
  const over = createOver();
  let forget: (() => void) | null = null;
  let last = "";
  const say = (): void => {
    forget = null;
    const open = [...byRun].flatMap(([run, live]) => [...live.values()].map((activity) => ({ run, activity })));
    const busy = open.find(({ activity }) => activity.label !== "queued" && activity.label !== "you") ?? open[0];
    const queue = open.filter(({ activity }) => activity.label === "queued").length;
    const working = busy ? { run: busy.run, label: activityText(busy.activity, parts.now()), queue } : null;
    const text = JSON.stringify(working);
    if (text !== last) push({ working });
    last = text;
    if (busy) later();
  };
  const later = (): void => {
    forget ??= parts.after(1000, say);
  };
  const liveOf = (run: string): Live => {
    const live = byRun.get(run) ?? new Map();
    byRun.set(run, live);
    return live;
  };
  return {
    durable(event) {
      if (!isVisible(event.run)) return;
      applyDurable(liveOf(event.run), event);
      over.take(event);
      if (event.kind === "run-end") byRun.delete(event.run);
      if (event.kind === "op-start" || event.kind === "run-end") later();
    },
    live(event) {
      if (!isVisible(event.run) || over.has(event)) return;
      applyLive(liveOf(event.run), event);
      later();
    },
    stop() {
      forget?.();
    },
  };
}
