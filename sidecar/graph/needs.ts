import type { Node } from "../protocol/ir.ts";

/** Bits of a list's nodes: `has(node, other)` = other ends before node starts. */
export interface Ancestry {
  has(node: number, other: number): boolean;
  /** Ids along a cycle, first = last; null if there is none. */
  readonly cycle: readonly string[] | null;
}

/** Who waits for whom in one list, through any number of steps. Unknown ids are passed over. */
export function ancestryOf(nodes: readonly Node[]): Ancestry {
  const index = new Map(nodes.map((node, at) => [node.id, at]));
  const width = Math.ceil(nodes.length / 32);
  const bits = new Int32Array(width * nodes.length);
  const state = new Uint8Array(nodes.length);
  const parents = nodes.map((node) => node.needs.flatMap((need) => index.get(need) ?? []));
  let cycle: readonly string[] | null = null;

  const settle = (at: number): void => {
    for (const parent of parents[at] ?? []) {
      const word = at * width + (parent >> 5);
      bits[word] = (bits[word] ?? 0) | (1 << (parent & 31));
      for (let each = 0; each < width; each += 1) {
        bits[at * width + each] = (bits[at * width + each] ?? 0) | (bits[parent * width + each] ?? 0);
      }
    }
    state[at] = 2;
  };
  for (const root of nodes.keys()) {
    const path = state[root] === 0 ? [root] : [];
    while (path.length > 0) {
      const at = path[path.length - 1] ?? 0;
      state[at] = 1;
      const open = (parents[at] ?? []).find((parent) => state[parent] !== 2);
      if (open === undefined) {
        settle(at);
        path.pop();
      } else if (state[open] === 1) {
        const round = path.slice(path.indexOf(open)).map((each) => nodes[each]?.id ?? "");
        cycle ??= [...round, round[0] ?? ""].reverse();
        settle(at);
        path.pop();
      } else path.push(open);
    }
  }
  return { cycle, has: (node, other) => ((bits[node * width + (other >> 5)] ?? 0) & (1 << (other & 31))) !== 0 };
}
