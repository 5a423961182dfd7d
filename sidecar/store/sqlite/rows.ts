import { crc32 } from "node:zlib";
import { PodiumError } from "../../protocol/errors.ts";
import { RunEvent } from "../../protocol/events.ts";

/** One event as stored: what the database checks in columns, the rest as JSON. */
export interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly epoch: number;
  readonly kind: string;
  readonly instance: string | null;
  readonly op: number | null;
  readonly attempt: number | null;
  readonly body: string;
  /** CRC-32 over all of the above and the run. */
  readonly sum: number;
}

const columns = new Set(["run", "seq", "at", "epoch", "kind", "instance", "op", "attempt"]);

function sumOf(run: string, row: Omit<EventRow, "sum">): number {
  const { seq, at, epoch, kind, instance, op, attempt, body } = row;
  return crc32([run, seq, at, epoch, kind, instance ?? "", op ?? "", attempt ?? "", body].join("\n"));
}

export function encodeEvent(event: RunEvent): EventRow {
  const body: { [key: string]: unknown } = {};
  for (const [key, value] of Object.entries(event)) if (!columns.has(key)) body[key] = value;
  const row = {
    seq: event.seq,
    at: event.at,
    epoch: event.epoch,
    kind: event.kind,
    instance: "instance" in event ? event.instance : null,
    op: "op" in event ? event.op : null,
    attempt: "attempt" in event ? event.attempt : null,
    body: JSON.stringify(body),
  };
  return { ...row, sum: sumOf(event.run, row) };
}

/** Throws `data_corrupt` naming run and seq when a byte changed since it was written. */
export function decodeEvent(run: string, row: EventRow): RunEvent {
  const { seq, at, epoch, kind, instance, op, attempt, body } = row;
  const sentence = `Event ${seq} of ${run} is damaged in the database; the run cannot be continued, start it again.`;
  if (sumOf(run, row) !== row.sum) throw new PodiumError("data_corrupt", sentence, { reason: "checksum" });
  const parsed = RunEvent.safeParse({
    run,
    seq,
    at,
    epoch,
    kind,
    ...(instance === null ? {} : { instance }),
    ...(op === null ? {} : { op }),
    ...(attempt === null ? {} : { attempt }),
    ...JSON.parse(body),
  });
  if (!parsed.success) throw new PodiumError("data_corrupt", sentence, { reason: "shape", cause: parsed.error });
  return parsed.data;
}
