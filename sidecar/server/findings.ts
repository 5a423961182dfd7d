import type { RunEvent } from "../protocol/events.ts";
import { type Finding, FindingSignal } from "../protocol/review.ts";

/** The findings that are shown per workspace, by path: those of its newest review. */
export interface FindingBoard {
  /** Takes one durable event of any run; returns the workspace and path whose findings changed. */
  take(event: RunEvent): { readonly root: string; readonly path: string } | null;
  paths(root: string): readonly string[];
  of(root: string, path: string): readonly Finding[];
  onChange(listener: (root: string, path: string) => void): () => void;
  /** The review whose findings are shown; null = none since this process started. */
  run(root: string): string | null;
}

interface Board {
  readonly run: string;
  readonly byPath: Map<string, Finding[]>;
}

/** A new review of a workspace replaces the findings of the one before; each finding is there as soon as it is verified. */
export function createFindingBoard(): FindingBoard {
  const boards = new Map<string, Board>();
  const rootOf = new Map<string, string>();
  const listeners = new Set<(root: string, path: string) => void>();
  const tell = (root: string, path: string): void => {
    for (const listener of listeners) listener(root, path);
  };
  const clear = (root: string): void => {
    const old = boards.get(root);
    boards.delete(root);
    for (const path of old?.byPath.keys() ?? []) tell(root, path);
  };
  return {
    take(event) {
      if (event.kind === "run-start" && event.workflow === "review_changes") {
        clear(event.root);
        boards.set(event.root, { run: event.run, byPath: new Map() });
        rootOf.set(event.run, event.root);
        return null;
      }
      if (event.kind !== "signal" || event.name !== "finding") return null;
      const root = rootOf.get(event.run);
      const board = root === undefined ? undefined : boards.get(root);
      if (root === undefined || board?.run !== event.run) return null;
      const parsed = FindingSignal.safeParse(event.value);
      if (!parsed.success || "reason" in parsed.data) return null;
      const finding = parsed.data;
      board.byPath.set(finding.path, [...(board.byPath.get(finding.path) ?? []), finding]);
      tell(root, finding.path);
      return { root, path: finding.path };
    },
    paths: (root) => [...(boards.get(root)?.byPath.keys() ?? [])],
    of: (root, path) => boards.get(root)?.byPath.get(path) ?? [],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run: (root) => boards.get(root)?.run ?? null,
  };
}
