import * as z from "zod";
import { ErrorShape } from "./errors.ts";
import { LiveEvent, RunEvent } from "./events.ts";
import { Json } from "./json.ts";
import { ModelsResult } from "./models.ts";
import { RunRow } from "./results.ts";

/** What the editor sends to the run panel by postMessage. `now` is the editor's wall clock in ms. */
export const ToPanel = z.discriminatedUnion("type", [
  /** Shows this run from nothing: forget every event seen before. `recording` = the banner's text of a recorded run, else null. */
  z.object({
    type: z.literal("init"),
    run: z.string(),
    row: RunRow.nullable(),
    recording: z.string().nullable(),
    trusted: z.boolean(),
    now: z.number(),
  }),
  /** Durable events of the shown run, ascending; may repeat events already sent (drop seq ≤ the last one applied). */
  z.object({ type: z.literal("events"), run: z.string(), events: z.array(RunEvent), head: z.int(), now: z.number() }),
  z.object({ type: z.literal("live"), run: z.string(), event: LiveEvent, now: z.number() }),
  /** The row of the shown run changed. */
  z.object({ type: z.literal("row"), row: RunRow }),
  z.object({ type: z.literal("models"), models: ModelsResult }),
  /** Answer to `blob`; `value` is absent when the text was swept. */
  z.object({ type: z.literal("blob"), hash: z.string(), value: Json.exactOptional() }),
  /** `lost` = the connection is gone and is being restored; the run itself goes on. */
  z.object({ type: z.literal("connection"), state: z.enum(["attached", "lost"]) }),
  /** An action of the person failed: one sentence with a code. */
  z.object({ type: z.literal("problem"), error: ErrorShape }),
]);
export type ToPanel = z.infer<typeof ToPanel>;

/** What the run panel sends to the editor. Paths are relative to the run's root, with `/`; lines are 1-based, inclusive. */
export const FromPanel = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({
    type: z.literal("open"),
    path: z.string().min(1),
    line: z.int().positive().exactOptional(),
    endLine: z.int().positive().exactOptional(),
  }),
  z.strictObject({ type: z.literal("cancel") }),
  z.strictObject({ type: z.literal("resume") }),
  z.strictObject({ type: z.literal("answer"), ask: z.string(), value: Json }),
  z.strictObject({ type: z.literal("followUp"), question: z.string().min(1) }),
  z.strictObject({ type: z.literal("runAgain") }),
  z.strictObject({ type: z.literal("blob"), hash: z.string() }),
  z.strictObject({ type: z.literal("copy"), text: z.string() }),
]);
export type FromPanel = z.infer<typeof FromPanel>;
