import type { ErrorShape } from "../sidecar/protocol/errors.ts";
import type { Ref, RunEvent } from "../sidecar/protocol/events.ts";
import type { Json } from "../sidecar/protocol/json.ts";
import { applyDurable, applyLive, type Live } from "../sidecar/protocol/live.ts";
import type { ToPanel } from "../sidecar/protocol/panel.ts";
import type { RunRow } from "../sidecar/protocol/results.ts";
import { applyEvent, foldRun, type RunView } from "../sidecar/protocol/run.ts";

export interface PanelState {
  run: string | null;
  row: RunRow | null;
  recording: string | null;
  trusted: boolean;
  view: RunView | null;
  events: RunEvent[];
  live: Live;
  blobs: Map<string, Json | undefined>;
  lost: boolean;
  problem: ErrorShape | null;
  /** Editor's clock minus this page's, ms. */
  skew: number;
}

export const emptyState = (): PanelState => ({
  run: null,
  row: null,
  recording: null,
  trusted: true,
  view: null,
  events: [],
  live: new Map(),
  blobs: new Map(),
  lost: false,
  problem: null,
  skew: 0,
});

function takeEvents(state: PanelState, events: readonly RunEvent[]): void {
  for (const event of events) {
    if (event.seq <= (state.view?.seq ?? 0)) continue;
    state.events.push(event);
    if (state.view) applyEvent(state.view, event);
    else state.view = foldRun(state.events);
    applyDurable(state.live, event);
  }
}

/** Folds one message of the editor into the panel's state. */
export function takeMessage(state: PanelState, message: ToPanel): void {
  switch (message.type) {
    case "init":
      Object.assign(state, emptyState(), {
        run: message.run,
        row: message.row,
        recording: message.recording,
        trusted: message.trusted,
        skew: message.now - Date.now(),
      });
      return;
    case "events":
      if (message.run === state.run) takeEvents(state, message.events);
      return;
    case "live":
      if (message.run === state.run) applyLive(state.live, message.event);
      return;
    case "row":
      state.row = message.row;
      return;
    case "models":
      return;
    case "blob":
      state.blobs.set(message.hash, message.value);
      return;
    case "connection":
      state.lost = message.state === "lost";
      return;
    case "problem":
      state.problem = message.error;
      return;
  }
}

/** The value behind a reference: itself, loaded, still asked for (`undefined`), or swept (`null` text). */
export function loadValue(state: PanelState, ref: Ref | undefined, ask: (hash: string) => void): Json | undefined {
  if (!ref) return undefined;
  if ("inline" in ref) return ref.inline;
  if (!state.blobs.has(ref.blob)) {
    state.blobs.set(ref.blob, undefined);
    ask(ref.blob);
  }
  return state.blobs.get(ref.blob);
}
