import { html, nothing, svg, type TemplateResult } from "lit";
import type { StepStatus } from "../sidecar/protocol/events.ts";
import type { Row } from "./rows.ts";

const icon: Record<StepStatus, string> = {
  pending: "circle-large-outline",
  ready: "circle-large-outline",
  running: "sync",
  done: "check",
  failed: "error",
  skipped: "circle-slash",
  parked: "bell-dot",
};
const words: Record<StepStatus, string> = {
  pending: "not started",
  ready: "ready",
  running: "running",
  done: "done",
  failed: "failed",
  skipped: "skipped",
  parked: "waiting",
};

export const secondsText = (ms: number | null): string =>
  ms === null ? "" : ms < 100 ? "0.0" : ms < 10_000 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000));

/** Bars are SVG: the content policy forbids style attributes, and attributes of shapes are no styles. */
function bar(row: Row, total: number): TemplateResult {
  const scale = 1000 / Math.max(1, total);
  return html`<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
    ${row.segments.map(({ phase, from, to }) => svg`<rect class="phase-${phase}" x=${from * scale} y="0" width=${Math.max(4, (to - from) * scale)} height="10"></rect>`)}
  </svg>`;
}

export interface TreeActions {
  readonly select: (instance: string) => void;
  readonly toggle: (instance: string) => void;
  readonly leave: () => void;
}

function neighbour(key: string, rows: readonly Row[], at: number): Row | undefined {
  if (key === "ArrowDown") return rows[at + 1];
  if (key === "ArrowUp") return rows[at - 1];
  if (key === "Home") return rows[0];
  return key === "End" ? rows.at(-1) : undefined;
}

/** True when the key meant something here. */
function pressed(key: string, rows: readonly Row[], focusable: string | null, actions: TreeActions): boolean {
  const at = rows.findIndex(({ instance }) => instance === focusable);
  const row = rows[at];
  if (!row) return false;
  const next = neighbour(key, rows, at);
  const folds =
    key === " " || (key === "ArrowRight" && !row.open) || (key === "ArrowLeft" && row.open && row.hasChildren);
  if (next) actions.select(next.instance);
  else if (folds) actions.toggle(row.instance);
  else if (key === "Enter") actions.select(row.instance);
  else if (key === "Escape") actions.leave();
  else return false;
  return true;
}

/** Steps and waterfall in one treegrid; ↑↓ move, ←→ fold, Enter inspects. */
export function renderTree(
  rows: readonly Row[],
  selected: string | null,
  total: number,
  actions: TreeActions,
): TemplateResult {
  const focusable = selected ?? rows[0]?.instance ?? null;
  const onKey = (event: KeyboardEvent): void => {
    if (pressed(event.key, rows, focusable, actions)) event.preventDefault();
  };
  return html`<div class="tree" role="treegrid" aria-label="Steps" aria-rowcount=${rows.length} @keydown=${onKey}>
    ${rows.map(
      (row) => html`<div
        class="row level-${Math.min(6, row.level)} ${row.instance === selected ? "selected" : ""}"
        role="row"
        aria-level=${row.level}
        aria-expanded=${row.hasChildren ? String(row.open) : nothing}
        aria-selected=${String(row.instance === selected)}
        tabindex=${row.instance === focusable ? 0 : -1}
        data-instance=${row.instance}
        @click=${() => actions.select(row.instance)}
        @dblclick=${() => actions.toggle(row.instance)}
      >
        <span role="gridcell" class="mark status-${row.status}"><i class="codicon codicon-${icon[row.status]} ${row.status === "running" ? "codicon-modifier-spin" : ""}" aria-label=${words[row.status]}></i></span>
        <span role="gridcell" class="name">${row.hasChildren ? html`<i class="codicon codicon-chevron-${row.open ? "down" : "right"}" aria-hidden="true"></i>` : nothing}${row.label} <span class="muted">${row.detail}</span></span>
        <span role="gridcell" class="cell-bar">${bar(row, total)}</span>
        <span role="gridcell" class="number" aria-label="${secondsText(row.ms)} seconds">${secondsText(row.ms)}</span>
      </div>`,
    )}
    <div class="legend muted" aria-hidden="true">
      ${(["wait", "load", "prompt", "tokens", "tool", "you"] as const).map((phase) => html`<svg class="swatch" viewBox="0 0 10 10"><rect class="phase-${phase}" width="10" height="10"></rect></svg>${phase} `)}
    </div>
  </div>`;
}
