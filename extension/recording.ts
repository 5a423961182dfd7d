import * as z from "zod";
import { PodiumError } from "../sidecar/protocol/errors.ts";
import { RunEvent } from "../sidecar/protocol/events.ts";
import { Json } from "../sidecar/protocol/json.ts";
import type { ToPanel } from "../sidecar/protocol/panel.ts";

const Header = z.object({ podium: z.int(), run: z.string(), recordedWith: z.string() });
const Blob = z.object({ blob: z.string(), base64: z.string() });
const longestGapMs = 1200;

/** A recorded run: the lines of `runs export`, with `recordedWith` in the header. */
export interface RecordedRun {
  readonly run: string;
  readonly recordedWith: string;
  readonly events: readonly RunEvent[];
  readonly blobs: ReadonlyMap<string, Json>;
}

/** Reads a recording; throws `data_corrupt` naming the line. */
export function parseRecording(text: string): RecordedRun {
  const [first = "", ...rest] = text.split("\n").filter((line) => line !== "");
  const events: RunEvent[] = [];
  const blobs = new Map<string, Json>();
  const header = parseLine(Header, first, 1);
  for (const [index, line] of rest.entries()) {
    const parsed = parseLine(z.union([Blob, RunEvent]), line, index + 2);
    if ("blob" in parsed)
      blobs.set(parsed.blob, Json.parse(JSON.parse(Buffer.from(parsed.base64, "base64").toString("utf8"))));
    else events.push(parsed);
  }
  return { run: header.run, recordedWith: header.recordedWith, events, blobs };
}

function parseLine<T>(schema: z.ZodType<T>, line: string, number: number): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    throw new PodiumError("data_corrupt", `The recording cannot be read, line ${number}. Install Podium again.`, {
      cause,
    });
  }
}

/** Ms to wait before each event: as recorded, long waits shortened. */
export const gaps = (events: readonly RunEvent[]): readonly number[] =>
  events.map((event, index) => Math.min(longestGapMs, Math.max(0, event.at - (events[index - 1]?.at ?? event.at))));

/** Posts the events at the pace of the recording, moved to now; returns the function that ends it. */
export function playRecording(recorded: RecordedRun, post: (message: ToPanel) => void, now: () => number): () => void {
  const waits = gaps(recorded.events);
  const head = recorded.events.at(-1)?.seq ?? 0;
  let timer: NodeJS.Timeout | null = null;
  const step = (index: number): void => {
    const event = recorded.events[index];
    if (!event) return;
    post({ type: "events", run: recorded.run, events: [{ ...event, at: now() }], head, now: now() });
    timer = setTimeout(() => step(index + 1), waits[index + 1] ?? 0);
  };
  step(0);
  return () => {
    if (timer) clearTimeout(timer);
  };
}
