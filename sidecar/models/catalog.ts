import type { Clock, Endpoint } from "../ports.ts";
import type { PodiumError } from "../protocol/errors.ts";
import type { EndpointInfo } from "../protocol/models.ts";
import { createHealth, type Health } from "./health.ts";

const rediscoverMs = 60_000;
const firstPauseMs = 2000;
const lastPauseMs = 30_000;
const againMs = 1000;

/** The servers that were found, each with what is known of it. */
export interface Catalog {
  /** Resolves after the first look; later calls return at once. */
  ready(): Promise<void>;
  /** Resolves when what is known is not older than it should be. */
  fresh(): Promise<void>;
  /** Looks again, unless that was done within the last second: before somebody is told that nothing answers. */
  again(): Promise<void>;
  /** Looks for servers and at each of them; calls at the same time share one look. */
  refresh(): Promise<void>;
  /** Looks in the background at what is due. */
  touch(): void;
  infos(): readonly EndpointInfo[];
  find(url: string): Health | null;
  /** Tells `listener` after a look that changed something, and keeps looking while anybody listens. */
  subscribe(listener: () => void): () => void;
  note(health: Health, error: PodiumError | null): void;
  close(): void;
}

export function createCatalog(discover: () => Promise<readonly Endpoint[]>, clock: Clock): Catalog {
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let healths = new Map<string, Health>();
  let first: Promise<void> | null = null;
  let flight: Promise<void> | null = null;
  let watching = false;
  let pauseMs = firstPauseMs;
  let rediscoverAt = 0;
  let published = "";
  let lookedAt = Number.NEGATIVE_INFINITY;

  const infos = () => [...healths.values()].flatMap((health) => health.info() ?? []);
  const publish = (): void => {
    const now = JSON.stringify(infos());
    if (now === published) return;
    published = now;
    for (const listener of listeners) listener();
  };
  const discoverAll = async (): Promise<void> => {
    const found = await discover().catch(() => []);
    // A server that was down at first has shown its kind since: what was learnt of another kind does not hold for it.
    const knownHealth = (endpoint: Endpoint): Health | undefined => {
      const known = healths.get(endpoint.url);
      return known?.endpoint.flavour === endpoint.flavour ? known : undefined;
    };
    healths = new Map(found.map((endpoint) => [endpoint.url, knownHealth(endpoint) ?? createHealth(endpoint, clock)]));
    const someUp = infos().some(({ state }) => state !== "down");
    pauseMs = someUp ? firstPauseMs : Math.min(lastPauseMs, pauseMs * 2);
    rediscoverAt = clock.monotonic() + (someUp ? rediscoverMs : pauseMs);
  };
  const look = async (all: "all" | "due"): Promise<void> => {
    if (all === "all" || clock.monotonic() >= rediscoverAt) await discoverAll();
    const now = clock.monotonic();
    const due = [...healths.values()].filter(
      (health) => all === "all" || health.info() === null || health.due() <= now,
    );
    await Promise.all(due.map((health) => health.look(closing.signal)));
    if (all === "all") lookedAt = clock.monotonic();
    publish();
  };
  const run = (all: "all" | "due"): Promise<void> => {
    flight ??= look(all).finally(() => {
      flight = null;
    });
    return flight;
  };
  const ready = (): Promise<void> => {
    first ??= run("all");
    return first;
  };
  const refresh = async (): Promise<void> => {
    await flight;
    await run("all");
  };
  const nextDue = () => Math.min(rediscoverAt, ...[...healths.values()].map((health) => health.due()));
  const watch = async (): Promise<void> => {
    while (listeners.size > 0 && !closing.signal.aborted) {
      await run("due");
      const pause = Math.max(250, nextDue() - clock.monotonic());
      await clock.sleep(pause, closing.signal).catch(() => undefined);
    }
    watching = false;
  };

  return {
    ready,
    fresh: async () => {
      await ready();
      if (clock.monotonic() >= nextDue()) await run("due");
    },
    again: async () => {
      await ready();
      if (clock.monotonic() - lookedAt >= againMs) await refresh();
    },
    refresh,
    touch: () => {
      if (clock.monotonic() >= nextDue()) void run("due");
    },
    infos,
    find: (url) => healths.get(url) ?? null,
    subscribe: (listener) => {
      listeners.add(listener);
      if (!watching) {
        watching = true;
        void watch();
      }
      return () => listeners.delete(listener);
    },
    note: (health, error) => {
      if (error === null) health.succeeded();
      else health.failed(error);
      publish();
    },
    close: () => closing.abort(),
  };
}
