import type { Ir, Node } from "../protocol/ir.ts";

/** One node with what the scheduler and the view need to know of its list, worked out once per run. */
export interface PlannedNode {
  readonly node: Node;
  readonly list: PlannedList;
  /** Position in the list's topological order; ties keep the written order. */
  readonly rank: number;
  readonly needs: readonly PlannedNode[];
  /** The nearest approve written above in the same list; the ones above that one gate it in turn. */
  readonly gate: PlannedNode | null;
  /** Nodes whose `needs` name this one. */
  readonly dependents: readonly PlannedNode[];
  /** Nodes that have this one as their gate. */
  readonly gated: readonly PlannedNode[];
  readonly arms: readonly { readonly name: string; readonly when: string | null; readonly list: PlannedList }[];
  readonly body: PlannedList | null;
  /** Bit `rank` is set for every ancestor in this list. */
  readonly ancestors: Uint32Array;
}

export interface PlannedList {
  /** By rank. */
  readonly nodes: readonly PlannedNode[];
  /** Which nodes of this list write a state key, arms of switches included, by rank. */
  readonly writers: ReadonlyMap<string, readonly PlannedNode[]>;
}

export const isApprove = (node: Node): boolean => node.kind === "step" && node.step.startsWith("approve@");

export const isAncestor = (of: PlannedNode, candidate: PlannedNode): boolean =>
  (((of.ancestors[candidate.rank >>> 5] ?? 0) >>> (candidate.rank & 31)) & 1) === 1;

interface Draft {
  readonly node: Node;
  readonly needs: readonly string[];
  readonly gate: string | null;
  open: number;
}

/** Kahn's order; a node of a cycle, which `validate` refuses, would be left out. */
function topological(drafts: readonly Draft[]): readonly Draft[] {
  const dependents = new Map<string, Draft[]>();
  for (const draft of drafts) {
    for (const id of edgesOf(draft)) {
      const list = dependents.get(id);
      if (list) list.push(draft);
      else dependents.set(id, [draft]);
    }
  }
  const position = new Map(drafts.map((draft, at) => [draft, at]));
  const ready = drafts.filter((draft) => draft.open === 0);
  const ordered: Draft[] = [];
  for (let at = 0; at < ready.length; at += 1) {
    const draft = ready[at];
    if (!draft) break;
    ordered.push(draft);
    for (const next of dependents.get(draft.node.id) ?? []) {
      next.open -= 1;
      if (next.open === 0) ready.push(next);
    }
  }
  const isWritten = ordered.every((draft, at) => position.get(draft) === at);
  if (isWritten) return ordered;
  return writtenFirst(drafts, dependents);
}

const edgesOf = (draft: Draft): readonly string[] => (draft.gate === null ? draft.needs : [...draft.needs, draft.gate]);

/** The topological order that stays closest to the written one. */
function writtenFirst(drafts: readonly Draft[], dependents: ReadonlyMap<string, readonly Draft[]>): readonly Draft[] {
  const open = new Map(drafts.map((draft) => [draft, edgesOf(draft).length]));
  const ordered: Draft[] = [];
  const left = new Set(drafts);
  for (;;) {
    const next = [...left].find((draft) => open.get(draft) === 0);
    if (!next) return ordered;
    left.delete(next);
    ordered.push(next);
    for (const dependent of dependents.get(next.node.id) ?? []) open.set(dependent, (open.get(dependent) ?? 0) - 1);
  }
}

function draftsOf(nodes: readonly Node[]): readonly Draft[] {
  const known = new Set(nodes.map((node) => node.id));
  let gate: string | null = null;
  return nodes.map((node) => {
    const needs = node.needs.filter((id) => known.has(id));
    const draft: Draft = { node, needs, gate, open: needs.length + (gate === null ? 0 : 1) };
    if (isApprove(node)) gate = node.id;
    return draft;
  });
}

function ancestorsOf(size: number, edges: readonly PlannedNode[]): Uint32Array {
  const bits = new Uint32Array((size + 31) >>> 5);
  let last: PlannedNode | null = null;
  for (const edge of edges) {
    const word = edge.rank >>> 5;
    bits[word] = (bits[word] ?? 0) | (1 << (edge.rank & 31));
    if (last === null || edge.rank > last.rank) last = edge;
  }
  // The highest edge usually holds all others already, so the rest is merged only where it adds something.
  for (const edge of last === null
    ? []
    : [last, ...edges.filter((other) => other !== last && !isAncestor(last, other))]) {
    for (let word = 0; word < bits.length; word += 1) bits[word] = (bits[word] ?? 0) | (edge.ancestors[word] ?? 0);
  }
  return bits;
}

/** State keys a node writes into its enclosing scope. */
function keysOf(node: Node): readonly string[] {
  switch (node.kind) {
    case "step":
      return [node.id];
    case "map":
      return [node.id, `${node.id}_failed`];
    case "switch":
      return [...new Set(node.arms.flatMap((arm) => arm.nodes.flatMap(keysOf)))];
  }
}

function planList(source: readonly Node[]): PlannedList {
  const drafts = topological(draftsOf(source));
  const byId = new Map<string, PlannedNode & { dependents: PlannedNode[]; gated: PlannedNode[] }>();
  const nodes: PlannedNode[] = [];
  const writers = new Map<string, PlannedNode[]>();
  const list: PlannedList = { nodes, writers };
  for (const draft of drafts) {
    const { node } = draft;
    const needs = draft.needs.flatMap((id) => byId.get(id) ?? []);
    const gate = draft.gate === null ? null : (byId.get(draft.gate) ?? null);
    const planned = {
      node,
      list,
      rank: nodes.length,
      needs,
      gate,
      dependents: [],
      gated: [],
      arms:
        node.kind === "switch"
          ? node.arms.map((arm) => ({ name: arm.name, when: arm.when, list: planList(arm.nodes) }))
          : [],
      body: node.kind === "map" ? planList(node.nodes) : null,
      ancestors: ancestorsOf(source.length, gate === null ? needs : [...needs, gate]),
    };
    for (const need of draft.needs) byId.get(need)?.dependents.push(planned);
    if (draft.gate !== null) byId.get(draft.gate)?.gated.push(planned);
    byId.set(node.id, planned);
    nodes.push(planned);
    for (const key of keysOf(node)) {
      const known = writers.get(key);
      if (known) known.push(planned);
      else writers.set(key, [planned]);
    }
  }
  return list;
}

/** Works out order, gates and ancestors of every list of a workflow. */
export function planOf(ir: Ir): PlannedList {
  return planList(ir.nodes);
}
