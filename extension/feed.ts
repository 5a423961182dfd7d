import { toPodiumError } from "../sidecar/protocol/errors.ts";
import type { LiveEvent, RunEvent } from "../sidecar/protocol/events.ts";
import type { ToPanel } from "../sidecar/protocol/panel.ts";
import type { Connection } from "./hub.ts";

const pageSize = 500;
const frameMs = 33;

/**
 * Relays one run to the panel: first the log in pages, then what is new, in order and without a gap.
 * Live parts are joined and sent at most thirty times a second. Returns the function that ends it.
 */
export function feedRun(
  connection: Connection,
  run: string,
  post: (message: ToPanel) => void,
  now: () => number,
): () => void {
  let ended = false;
  let stop: () => void = () => undefined;
  let waiting: RunEvent[] | null = [];
  let live: LiveEvent[] = [];
  let frame: NodeJS.Timeout | null = null;

  const send = (events: readonly RunEvent[], head: number): void => {
    if (!ended && events.length > 0) post({ type: "events", run, events: [...events], head, now: now() });
  };
  const flush = (): void => {
    frame = null;
    for (const event of live) if (!ended) post({ type: "live", run, event, now: now() });
    live = [];
  };
  const takeLive = (event: LiveEvent): void => {
    live = joined(live, event);
    frame ??= setTimeout(flush, frameMs);
  };
  const begin = async (): Promise<void> => {
    const watching = await connection.watch("run.watch", { run }, (item) => {
      if ("live" in item) takeLive(item.live);
      else if (waiting) waiting.push(item.event);
      else {
        flush();
        send([item.event], item.event.seq);
      }
    });
    stop = watching.stop;
    if (ended) return stop();
    for (let after = 0; !ended; ) {
      const page = await connection.request("run.events", { run, after, limit: pageSize });
      send(page.events, page.head);
      const last = page.events.at(-1)?.seq ?? page.head;
      if (last >= page.head || page.events.length === 0) break;
      after = last;
    }
    const held = waiting ?? [];
    waiting = null;
    send(held, held.at(-1)?.seq ?? 0);
  };
  begin().catch((error: unknown) => {
    if (!ended) post({ type: "problem", error: toPodiumError(error).toShape() });
  });
  return () => {
    ended = true;
    if (frame) clearTimeout(frame);
    stop();
  };
}

/** Tokens of one call that follow each other become one event. */
function joined(live: readonly LiveEvent[], event: LiveEvent): LiveEvent[] {
  const last = live.at(-1);
  const follows =
    last?.kind === "token-delta" &&
    event.kind === "token-delta" &&
    last.instance === event.instance &&
    last.op === event.op &&
    last.offset + last.text.length === event.offset;
  if (!follows) return [...live, event];
  const parts = (last.parts ?? 1) + (event.parts ?? 1);
  return [...live.slice(0, -1), { ...last, text: last.text + event.text, parts }];
}
