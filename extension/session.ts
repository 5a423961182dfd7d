import type { RunEvent } from "../sidecar/protocol/events.ts";
import { FindingSignal as FindingSchema, type FindingSignal, ReviewResult } from "../sidecar/protocol/review.ts";
import { foldRun } from "../sidecar/protocol/run.ts";
import type { Connection } from "./hub.ts";
import type { ReviewSession } from "./state.ts";

const pageSize = 500;

/** The whole log of a run, in order. */
async function readLog(connection: Connection, run: string): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for (let after = 0; ; ) {
    const page = await connection.request("run.events", { run, after, limit: pageSize });
    events.push(...page.events);
    const last = page.events.at(-1)?.seq;
    if (last === undefined || last >= page.head) return events;
    after = last;
  }
}

/** A review as its log tells it: findings as they were verified, and, after its end, everything that was held back. */
export async function readReview(connection: Connection, run: string): Promise<ReviewSession | null> {
  const view = foldRun(await readLog(connection, run));
  if (!view) return null;
  const ended = view.endedAt !== null;
  const findings = new Map<string, FindingSignal>();
  for (const signal of view.signals) {
    const parsed = FindingSchema.safeParse(signal.value);
    if (signal.name === "finding" && parsed.success) findings.set(parsed.data.id, parsed.data);
  }
  if (ended) {
    const result = ReviewResult.safeParse((await connection.request("run.get", { run })).result);
    for (const finding of result.success ? [...result.data.findings, ...result.data.heldBack] : []) {
      findings.set(finding.id, finding);
    }
  }
  const scope = view.input["scope"];
  const title = typeof scope === "string" ? `Review of ${scope} changes` : "Review";
  return { run, title, root: view.root, ended, findings: [...findings.values()] };
}
