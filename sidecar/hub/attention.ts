import type { RunStore } from "../ports.ts";
import type { RunEvent } from "../protocol/events.ts";
import type { Attention } from "../protocol/hub.ts";

export interface AttentionBoard {
  get(): Attention | null;
  onChange(listener: (attention: Attention | null) => void): () => void;
  take(event: RunEvent): void;
  /** Counts again from the store. */
  refresh(): Promise<void>;
  /** Runs that go on by themselves: neither ended nor held up by anything. */
  active(): number;
}

const changing = new Set<string>([
  "run-start",
  "run-end",
  "run-park",
  "run-resume",
  "step-park",
  "ask",
  "answer",
  "step-start",
]);

/** Runs waiting for a person and runs not ended, for `hub.json` and the status bar; counted from the store's rows. */
export function createAttention(store: RunStore): AttentionBoard {
  const listeners = new Set<(attention: Attention | null) => void>();
  let current: Attention | null = null;
  let running = 0;
  let pending: Promise<void> | null = null;
  let again = false;

  const count = async (): Promise<void> => {
    const open = await store.open();
    const rows = await Promise.all(open.map((run) => store.row(run)));
    const waiting = rows.filter((row) => (row?.waits ?? 0) > 0).length;
    running = rows.filter((row) => row?.status === "running" || row?.status === "queued").length;
    const line =
      waiting > 0 ? `${waiting} waiting for you` : running > 0 ? `${running} running` : `${open.length} not finished`;
    const next: Attention | null = open.length === 0 ? null : { waiting, open: open.length, line };
    if (JSON.stringify(next) === JSON.stringify(current)) return;
    current = next;
    for (const listener of listeners) listener(current);
  };
  const refresh = (): Promise<void> => {
    again = pending !== null;
    pending ??= count().finally(() => {
      pending = null;
      if (again) void refresh();
    });
    return pending;
  };
  return {
    get: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    take(event) {
      if (changing.has(event.kind)) void refresh();
    },
    refresh,
    active: () => running,
  };
}
