import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { StepStatus } from "../sidecar/protocol/events.ts";
import { bar } from "./bar.ts";
import { moveOf } from "./keys.ts";
import type { Mounted } from "./mounted.ts";
import type { Row } from "./rows.ts";
import { secondsText } from "./text.ts";

const icon: Record<StepStatus, string> = {
  pending: "circle-large-outline",
  ready: "circle-large-outline",
  running: "sync",
  done: "check",
  failed: "error",
  skipped: "circle-slash",
  parked: "bell-dot",
};
/** What a person calls the state of a step. */
export const statusWords: Record<StepStatus, string> = {
  pending: "not started",
  ready: "ready",
  running: "running",
  done: "done",
  failed: "failed",
  skipped: "skipped",
  parked: "waiting",
};

export interface TreeActions {
  /** Moves the keyboard to a row. */
  readonly focus: (instance: string) => void;
  /** Shows a row in the inspector; `enter` also moves the keyboard there. */
  readonly inspect: (instance: string, enter: boolean) => void;
  readonly toggle: (instance: string) => void;
  readonly leave: () => void;
}

export interface TreeView {
  readonly rows: readonly Row[];
  readonly label: (row: Row) => string;
  readonly selected: string | null;
  readonly active: string | null;
  /** Length of the whole run in ms. */
  readonly total: number;
  readonly mounted: Mounted;
  /** No row holds others: there is nothing to fold. */
  readonly isFlat: boolean;
}

function renderRow(row: Row, index: number, view: TreeView, actions: TreeActions): TemplateResult {
  const label = view.label(row);
  const took = secondsText(row.ms);
  return html`<div
    class="row level-${Math.min(7, row.level)} ${row.instance === view.selected ? "selected" : ""} is-${row.status}"
    role="row"
    aria-level=${row.level}
    aria-posinset=${row.place}
    aria-setsize=${row.siblings}
    aria-rowindex=${index + 1}
    aria-expanded=${row.hasChildren ? String(row.open) : nothing}
    aria-selected=${String(row.instance === view.selected)}
    tabindex=${row.instance === view.active ? 0 : -1}
    data-instance=${row.instance}
    @click=${() => actions.inspect(row.instance, false)}
    @dblclick=${() => actions.toggle(row.instance)}
  >
    <span role="gridcell" class="mark status-${row.status}"><i class="codicon codicon-${icon[row.status]} ${row.status === "running" ? "codicon-modifier-spin" : ""}" role="img" aria-label=${statusWords[row.status]}></i></span>
    <span role="gridcell" class="name" title="${label}${row.detail ? `  ${row.detail}` : ""}"
      >${
        row.hasChildren
          ? html`<i
              class="codicon codicon-chevron-${row.open ? "down" : "right"}"
              aria-hidden="true"
              @click=${(event: Event) => {
                event.stopPropagation();
                actions.toggle(row.instance);
              }}
            ></i>`
          : view.isFlat
            ? nothing
            : html`<i class="indent" aria-hidden="true"></i>`
      }<span class="label">${label}</span><span class="muted">${row.detail}</span></span
    >
    <span role="gridcell" class="cell-bar">${bar(row.segments, view.total)}</span>
    <span role="gridcell" class="number">${took}${took === "" ? nothing : html`<span class="sr-only"> ${took.includes(":") ? "minutes" : "seconds"}</span>`}</span>
  </div>`;
}

/** Steps and waterfall in one treegrid: ↑↓ Home End move, ←→ fold, Enter inspects, Escape goes back to the result. */
export function renderTree(view: TreeView, actions: TreeActions): TemplateResult {
  const { rows, active, mounted } = view;
  const shown = rows.slice(mounted.from, mounted.to);
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moveOf(event.key, rows, active);
    if (move === null || active === null) return;
    event.preventDefault();
    if ("to" in move) actions.focus(move.to);
    else if (move.act === "inspect") actions.inspect(active, event.key === "Enter");
    else if (move.act === "toggle") actions.toggle(active);
    else actions.leave();
  };
  return html`<div class="tree" role="treegrid" aria-label="Steps of the run" aria-rowcount=${rows.length} aria-colcount="4" @keydown=${onKey}>
    <div class="spacer" role="presentation" data-rows=${mounted.from}></div>
    ${repeat(
      shown,
      ({ instance }) => instance,
      (row, index) => renderRow(row, mounted.from + index, view, actions),
    )}
    <div class="spacer" role="presentation" data-rows=${Math.max(0, rows.length - mounted.to)}></div>
  </div>`;
}
