import type { ParamsInput, Result } from "../protocol/methods.ts";
import { AskResult } from "../protocol/review.ts";

type Readable = "run.get" | "run.events";
type Request = <M extends Readable>(method: M, params: ParamsInput<M>) => Promise<Result<M>>;

/** What a follow-up takes along: the question of an earlier run and its answer. Null = that run has no answer. */
export async function previousOf(request: Request, run: string): Promise<string | null> {
  const answer = AskResult.safeParse((await request("run.get", { run })).result);
  if (!answer.success) return null;
  const { events } = await request("run.events", { run, after: 0, limit: 1 });
  const [first] = events;
  const question = first?.kind === "run-start" ? first.input["question"] : undefined;
  return typeof question === "string" ? `${question}\n${answer.data.text}` : answer.data.text;
}
