import type { Row } from "./rows.ts";

/** What a key means in a treegrid whose rows take the focus: the row to go to, or what to do with the row. */
type Move = { readonly to: string } | { readonly act: "toggle" | "inspect" | "leave" } | null;

export function moveOf(key: string, rows: readonly Row[], active: string | null): Move {
  const at = rows.findIndex(({ instance }) => instance === active);
  const row = rows[at];
  if (!row) return null;
  const go = (target: Row | undefined): Move => (target && target !== row ? { to: target.instance } : null);
  switch (key) {
    case "ArrowDown":
      return go(rows[at + 1]);
    case "ArrowUp":
      return go(rows[at - 1]);
    case "PageDown":
      return go(rows[Math.min(rows.length - 1, at + 10)]);
    case "PageUp":
      return go(rows[Math.max(0, at - 10)]);
    case "Home":
      return go(rows[0]);
    case "End":
      return go(rows.at(-1));
    case "ArrowRight":
      if (!row.hasChildren) return null;
      return row.open ? go(rows[at + 1]) : { act: "toggle" };
    case "ArrowLeft":
      if (row.hasChildren && row.open) return { act: "toggle" };
      return go(rows.slice(0, at).findLast(({ level }) => level < row.level));
    case " ":
      return row.hasChildren ? { act: "toggle" } : { act: "inspect" };
    case "Enter":
      return { act: "inspect" };
    case "Escape":
      return { act: "leave" };
    default:
      return null;
  }
}
