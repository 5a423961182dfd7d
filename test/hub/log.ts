import assert from "node:assert/strict";
import type { HubClient } from "../../sidecar/client/client.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { RunEvent } from "../../sidecar/protocol/events.ts";

/** The log has no gap, one start and one end, and no step or operation that is there twice. */
export function assertOnce(events: readonly RunEvent[]): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_event, index) => index + 1),
  );
  const count = (name: (event: RunEvent) => string | null): void => {
    const seen = new Map<string, number>();
    for (const event of events) {
      const key = name(event);
      if (key !== null) seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    for (const [key, times] of seen) assert.equal(times, 1, `${key} is there ${times} times`);
  };
  count((event) => (event.kind === "run-end" || event.kind === "run-start" ? event.kind : null));
  count((event) => (event.kind === "step-end" ? `step-end ${event.instance}` : null));
  count((event) => (event.kind === "op-end" ? `op-end ${event.instance} ${event.op}` : null));
  assert.equal(events.at(-1)?.kind, "run-end");
  const ended = new Set<string>();
  for (const event of events) {
    if (event.kind === "step-end") ended.add(event.instance);
    if (event.kind === "step-start") assert.ok(!ended.has(event.instance), `${event.instance} began after its end`);
  }
}

/** An operation that ended well: never to be executed again. */
interface KeptOperation {
  readonly instance: string;
  readonly kind: string;
  readonly name: string;
  /** Its step had not ended, so that it will be replayed. */
  readonly isOpen: boolean;
}

/** What these events hold as done. */
export function keptOperations(events: readonly RunEvent[]): readonly KeptOperation[] {
  const ended = new Set(events.flatMap((event) => (event.kind === "step-end" ? [event.instance] : [])));
  return events.flatMap((event) => {
    if (event.kind !== "op-end" || event.error) return [];
    const { instance, op } = event;
    const start = events.find((other) => other.kind === "op-start" && other.instance === instance && other.op === op);
    assert.equal(start?.kind, "op-start", `${instance} ${op} ended without a start`);
    return [{ instance, kind: start.opKind, name: start.name, isOpen: !ended.has(instance) }];
  });
}

/** Resolves with the log of a run once it has ended, in whichever hub. */
export async function untilEnded(client: HubClient, run: string): Promise<readonly RunEvent[]> {
  await new Promise<void>((resolve, reject) => {
    client.onClose(() => reject(new PodiumError("no_hub", "The hub went away while the run went on.")));
    const look = async (): Promise<void> => {
      await client.watch("run.watch", { run }, (item) => {
        if ("event" in item && item.event.kind === "run-end") resolve();
      });
      if ((await client.request("run.events", { run, after: 0, limit: 1 })).ended) resolve();
    };
    look().catch(reject);
  });
  return (await client.request("run.events", { run, after: 0, limit: 500 })).events;
}
