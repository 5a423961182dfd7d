import fc from "fast-check";
import type { Ir, Node } from "../../sidecar/protocol/ir.ts";

/** Random workflows: lists of nodes that need some of those above them. */
const listOf = (depth: number, name: string): fc.Arbitrary<Node[]> =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom("step", "step", "step", "approve", "switch", "switch", "map", "map"),
        fc.array(fc.nat(4), { maxLength: 3 }),
        fc.nat(2),
        fc.nat(),
      ),
      { minLength: 1, maxLength: depth === 3 ? 5 : 3 },
    )
    .chain((drafts) =>
      fc.tuple(
        ...drafts.map(([kind, picks, count, salt], at): fc.Arbitrary<Node> => {
          const id = `${name}${at}`;
          const above = [...new Set(picks.filter((pick) => pick < at))].sort();
          const needs =
            salt % 3 === 0
              ? Array.from({ length: at }, (_, other) => `${name}${other}`)
              : above.map((pick) => `${name}${pick}`);
          const common = { id, needs, ...(salt % 5 === 0 ? { onError: "continue" as const } : {}) };
          const retry = salt % 4 === 0 ? { retry: { max: 1 } } : {};
          const leaf: Node = { kind: "step", ...common, ...retry, step: "set@1", with: {}, config: {} };
          if (kind === "approve") return fc.constant({ ...leaf, step: "approve@1" });
          if (depth <= 1 || kind === "step") return fc.constant(leaf);
          const inner = listOf(depth - 1, `${id}_`);
          if (kind === "switch") {
            return fc.tuple(inner, inner).map(([yes, no]) => ({
              kind: "switch",
              ...common,
              arms: [
                { name: "then", when: "true", nodes: yes },
                { name: "else", when: null, nodes: no },
              ],
            }));
          }
          return inner.map((nodes) => ({
            kind: "map",
            ...common,
            list: "[]",
            as: "item",
            width: count + 1,
            onItemError: salt % 2 === 0 ? "continue" : "fail",
            nodes,
          }));
        }),
      ),
    );

export const workflow: fc.Arbitrary<Ir> = listOf(3, "n").map((nodes) => ({
  podium: 1,
  name: "random",
  input: {},
  nodes,
  output: "null",
}));
