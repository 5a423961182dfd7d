import * as z from "zod";
import { ErrorShape } from "../../protocol/errors.ts";

/** One question to the index worker. `database` is a file or `:memory:`; `forget` is an index file to delete. */
export const Question = z.object({
  id: z.int(),
  root: z.string(),
  env: z.record(z.string(), z.string()),
  database: z.string(),
  forget: z.string().exactOptional(),
  forbidden: z.array(z.string()),
  query: z.string(),
  context: z.string().exactOptional(),
  top: z.int(),
});
export type Question = z.infer<typeof Question>;

const Hit = z.object({ path: z.string(), line: z.int(), endLine: z.int(), text: z.string(), score: z.number() });

/** Its answer; exactly one per question. */
export const Answer = z.union([
  z.object({
    id: z.int(),
    hits: z.array(Hit),
    truncated: z.boolean(),
    note: z.string().exactOptional(),
    missing: z.array(z.string()).exactOptional(),
  }),
  z.object({ id: z.int(), error: ErrorShape }),
]);
export type Answer = z.infer<typeof Answer>;

export const WorkerData = z.object({ nativeBinding: z.string().exactOptional() });
export type WorkerData = z.infer<typeof WorkerData>;
