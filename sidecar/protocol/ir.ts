import * as z from "zod";
import { JsonObject } from "./json.ts";
import { TypeSpec } from "./types.ts";

/** Where a piece of the graph was written; 1-based, end exclusive. Not part of the hash. */
export const SourceRange = z.object({
  line: z.int(),
  column: z.int(),
  endLine: z.int(),
  endColumn: z.int(),
});
export type SourceRange = z.infer<typeof SourceRange>;

export const Budget = z.object({
  tokens: z.int().positive().exactOptional(),
  minutes: z.number().positive().exactOptional(),
});
export type Budget = z.infer<typeof Budget>;

export const RetryPolicy = z.strictObject({ max: z.int().min(1).max(10), on: z.array(z.string()).exactOptional() });
export type RetryPolicy = z.infer<typeof RetryPolicy>;

/** What every node of a list has. `needs` is explicit: ids of the same list whose end is an in-edge; [] starts at once. */
interface NodeCommon {
  /** The written id, or `if1`, `switch1` … (n-th of its kind in its list). Writes the state key of that name. */
  readonly id: string;
  readonly needs: readonly string[];
  readonly retry?: RetryPolicy;
  readonly timeoutMs?: number;
  readonly onError?: "fail" | "continue";
}

/** A step that runs: `ask@1`, `use@1`, `set@1`, `approve@1`, or one registered by a host. */
export interface StepNode extends NodeCommon {
  readonly kind: "step";
  readonly step: string;
  /** Inputs. A string starting with `=` is an expression and keeps its type (`==` = literal `=`), `${…}` in text is joined. */
  readonly with: JsonObject;
  /** Constants of the step, never evaluated: role, agent, result type, tool name. */
  readonly config: JsonObject;
  /** Name under which the value leaves at once as a durable signal. */
  readonly emit?: string;
}

/** `if` and `switch`: no operation; takes the first arm whose condition is true, kills the others. */
export interface SwitchNode extends NodeCommon {
  readonly kind: "switch";
  /** `name` is the instance segment (`then`, `else`, `1`, `2` …); `when: null` is the else arm. */
  readonly arms: readonly { readonly name: string; readonly when: string | null; readonly nodes: readonly Node[] }[];
}

/** `each`: one instance of `nodes` per item, at most `width` at a time, results by index. */
export interface MapNode extends NodeCommon {
  readonly kind: "map";
  readonly list: string;
  readonly as: string;
  readonly width: number;
  readonly onItemError: "fail" | "continue";
  readonly nodes: readonly Node[];
  readonly keep?: string;
  readonly yield?: string;
  readonly emit?: string;
}

export type Node = StepNode | SwitchNode | MapNode;

const common = {
  id: z.string(),
  needs: z.array(z.string()),
  retry: RetryPolicy.exactOptional(),
  timeoutMs: z.int().positive().exactOptional(),
  onError: z.enum(["fail", "continue"]).exactOptional(),
};
export const Node: z.ZodType<Node> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.strictObject({
      ...common,
      kind: z.literal("step"),
      step: z.string().regex(/@\d+$/),
      with: JsonObject,
      config: JsonObject,
      emit: z.string().exactOptional(),
    }),
    z.strictObject({
      ...common,
      kind: z.literal("switch"),
      arms: z.array(z.strictObject({ name: z.string(), when: z.string().nullable(), nodes: z.array(Node) })),
    }),
    z.strictObject({
      ...common,
      kind: z.literal("map"),
      list: z.string(),
      as: z.string(),
      width: z.int().positive(),
      onItemError: z.enum(["fail", "continue"]),
      nodes: z.array(Node),
      keep: z.string().exactOptional(),
      yield: z.string().exactOptional(),
      emit: z.string().exactOptional(),
    }),
  ]),
);

/** A workflow as plain data; sha256 of its canonical JSON is the version stored in each run. */
export const Ir = z.strictObject({
  podium: z.literal(1),
  name: z.string(),
  about: z.string().exactOptional(),
  input: z.record(z.string(), TypeSpec),
  budget: Budget.exactOptional(),
  nodes: z.array(Node),
  /** Expression over the final state. */
  output: z.string(),
});
export type Ir = z.infer<typeof Ir>;

/** One thing wrong with a workflow. */
export const Problem = z.object({ code: z.string(), message: z.string(), ...SourceRange.shape });
export type Problem = z.infer<typeof Problem>;
