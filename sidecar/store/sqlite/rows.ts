import { crc32 } from "node:zlib";
import { PodiumError } from "../../protocol/errors.ts";
import { DurableBody, type RunEvent } from "../../protocol/events.ts";

/** One event as stored: its envelope in columns, the rest as JSON. */
export interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly epoch: number;
  /** CRC-32 over all the others and the run. */
  readonly sum: number;
  readonly body: string;
}

/** Events that one log may hold: the place of `seq` in the key of the table. */
const perLog = 2 ** 28;

/** The key of an event. Those of one log lie between the keys of seq 0 in this log and in the next. */
export const eventId = (log: number, seq: number): number => log * perLog + seq;

/** What may be recorded only once in a run; null for an event that may come again. */
export function onceOf(event: RunEvent): string | null {
  if (event.kind === "step-end") return `end ${event.instance}`;
  if (event.kind === "op-end") return `op ${event.instance} ${event.op} ${event.attempt}`;
  return event.kind === "signal" ? `signal ${event.instance} ${event.name}` : null;
}

const sumOf = (run: string, seq: number, at: number, epoch: number, body: string): number =>
  crc32(body, crc32(`${run} ${seq} ${at} ${epoch}`));

export function encodeEvent({ run, seq, at, epoch, ...rest }: RunEvent): EventRow {
  const body = JSON.stringify(rest);
  return { seq, at, epoch, sum: sumOf(run, seq, at, epoch, body), body };
}

/** Throws `data_corrupt` naming run and seq when a byte changed since it was written. */
export function decodeEvent(run: string, { seq, at, epoch, sum, body }: EventRow): RunEvent {
  const sentence = `Event ${seq} of ${run} is damaged in the database; the run cannot be continued, start it again.`;
  if (sumOf(run, seq, at, epoch, body) !== sum) {
    throw new PodiumError("data_corrupt", sentence, { reason: "checksum" });
  }
  const parsed = DurableBody.safeParse(JSON.parse(body));
  if (!parsed.success) throw new PodiumError("data_corrupt", sentence, { reason: "shape", cause: parsed.error });
  return { run, seq, at, epoch, ...parsed.data };
}
