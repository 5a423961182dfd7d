import { PodiumError } from "../protocol/errors.ts";
import type { RunEvent } from "../protocol/events.ts";
import type { RunShow } from "../protocol/results.ts";
import { applyEvent, foldRun, type RunView } from "../protocol/run.ts";
import type { Progress } from "./progress.ts";
import type { Session } from "./session.ts";

export interface FollowOptions {
  readonly onAsk: "fail" | "wait" | "deny";
  readonly progress: Progress;
  /** Opens a session again after the hub went away; the run itself goes on or resumes by itself. */
  readonly reconnect: () => Promise<Session>;
}

type Outcome = "settled" | "lost";

/**
 * Follows a run to its end, or to where it waits for a person, and resolves with its result. Survives the hub:
 * a lost connection is opened again and the log is paged on from the last event seen.
 */
export async function follow(
  first: Session,
  run: string,
  options: FollowOptions,
): Promise<{ readonly show: RunShow; readonly session: Session }> {
  let session = first;
  const events: RunEvent[] = [];
  let view: RunView | null = null;
  const take = (event: RunEvent): void => {
    if (event.seq <= (view?.seq ?? 0)) return;
    events.push(event);
    if (view) applyEvent(view, event);
    else view = foldRun(events);
    options.progress.durable(event);
  };
  for (;;) {
    const outcome = await untilSettled(session, run, () => view, take, options);
    if (outcome === "settled") break;
    session = await options.reconnect();
  }
  options.progress.end();
  return { show: await session.request("run.get", { run }), session };
}

async function untilSettled(
  session: Session,
  run: string,
  view: () => RunView | null,
  take: (event: RunEvent) => void,
  options: FollowOptions,
): Promise<Outcome> {
  let wake: () => void = () => undefined;
  let lost = false;
  let dirty = true;
  const poke = (): void => {
    dirty = true;
    wake();
  };
  session.onClose(() => {
    lost = true;
    poke();
  });
  try {
    const { stop } = await session.watch("run.watch", { run }, (item) => {
      if ("live" in item) options.progress.live(item.live);
      else poke();
    });
    for (;;) {
      if (lost) return "lost";
      if (dirty) {
        dirty = false;
        await page(session, run, view, take);
        if (await isSettled(session, view(), options.onAsk)) {
          stop();
          return "settled";
        }
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } catch (error) {
    if (lost || (error instanceof PodiumError && error.code === "no_hub")) return "lost";
    throw error;
  }
}

async function page(
  session: Session,
  run: string,
  view: () => RunView | null,
  take: (event: RunEvent) => void,
): Promise<void> {
  for (;;) {
    const after = view()?.seq ?? 0;
    const { events, head } = await session.request("run.events", { run, after });
    for (const event of events) take(event);
    if (events.length === 0 || (view()?.seq ?? 0) >= head) return;
  }
}

async function isSettled(session: Session, view: RunView | null, onAsk: FollowOptions["onAsk"]): Promise<boolean> {
  if (!view) return false;
  if (view.endedAt !== null) return true;
  if (view.status !== "parked" || onAsk === "wait") return false;
  if (onAsk === "fail") return true;
  for (const ask of [...view.asks.values()]) {
    try {
      await session.request("run.answer", { run: view.run, ask: ask.ask, value: { approved: false } });
    } catch (error) {
      if (!(error instanceof PodiumError && (error.code === "already_answered" || error.code === "ask_gone")))
        throw error;
    }
  }
  return view.asks.size === 0;
}
