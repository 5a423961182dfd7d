import type { Activity, Live } from "../sidecar/protocol/live.ts";
import type { RunView } from "../sidecar/protocol/run.ts";
import { type Load, nameIn } from "./labels.ts";
import { durationText, modelName, plural, visible } from "./text.ts";

/** What an open operation is doing now: `what` in words, `figure` how far it is. Never one without the other. */
export interface Doing {
  /** The step, as a person knows it. */
  readonly name: string;
  readonly what: string;
  readonly figure: string;
  readonly model: string | null;
}

function words(current: Activity, name: string, now: number): readonly [what: string, figure: string] {
  const since = durationText(Math.max(0, now - current.since));
  switch (current.label) {
    case "connecting":
      return ["Asking the model server", since];
    case "queued": {
      const wait = current.expectedMs === null ? "" : `, ~${durationText(current.expectedMs)}`;
      return ["Queued, one answer at a time", `#${current.position ?? 1}${wait}`];
    }
    case "loading": {
      const loaded = current.elapsedMs ?? now - current.since;
      const figure =
        current.expectedMs === null
          ? durationText(loaded)
          : `${durationText(loaded)} of ~${durationText(current.expectedMs)}`;
      return ["Loading the model", figure];
    }
    case "prefill":
      return ["Reading the prompt", `${Math.floor((100 * (current.done ?? 0)) / Math.max(1, current.total ?? 1))} %`];
    case "first_token":
      return ["Waiting for the first word", since];
    case "generating": {
      const seconds = (now - (current.firstTokenAt ?? now)) / 1000;
      const speed = seconds < 0.5 ? "" : ` · ${Math.round(current.tokens / seconds)} tok/s`;
      return ["Writing", `${plural(current.tokens, "token")}${speed}`];
    }
    case "tool":
      return [`Running ${name}`, since];
    case "you":
      return ["Waiting for you", since];
    case "held":
      return [`Waiting: ${current.reason ?? "held back"}`, since];
  }
}

/** What one operation is doing. `now` in ms. */
export function doing(view: RunView, current: Activity, now: number, load: Load): Doing {
  const op = view.steps.get(current.instance)?.ops.find(({ ordinal }) => ordinal === current.op);
  const called = visible(op?.name ?? current.reason ?? "a tool");
  const [what, figure] = words(current, called, now);
  const model = op?.kind === "model" ? modelName(called) : current.model === null ? null : modelName(current.model);
  return { name: nameIn(view, current.instance, load), what: visible(what), figure, model };
}

/** Everything that is going on, what moves before what waits. */
export function allDoing(view: RunView, live: Live, now: number, load: Load): readonly Doing[] {
  const waits = (label: Activity["label"]): number => (label === "queued" || label === "held" ? 1 : 0);
  return [...live.values()]
    .toSorted((left, right) => waits(left.label) - waits(right.label))
    .map((current) => doing(view, current, now, load));
}
