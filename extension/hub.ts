import type { HubClient } from "../sidecar/client/client.ts";
import { PodiumError, toPodiumError } from "../sidecar/protocol/errors.ts";
import type { HubRecord } from "../sidecar/protocol/hub.ts";
import type { Item } from "../sidecar/protocol/methods.ts";
import type { Link } from "./state.ts";

/** What the window uses of an attached connection. */
export type Connection = Pick<HubClient, "request" | "watch" | "onClose" | "close" | "record">;

/** How a HubLink reaches the outside; everything that waits or reads a file comes from here. */
export interface LinkOptions {
  /** Attaches, and starts the process when none answers and `mayStart`; rejects with `no_hub`. */
  readonly reach: (mayStart: boolean) => Promise<Connection>;
  readonly readRecord: () => HubRecord | null;
  /** False in Restricted Mode: then no process is ever started. */
  readonly mayStart: () => boolean;
  readonly onLink: (link: Link, error: string | null) => void;
  readonly onItem: (item: Item<"hub.watch">) => void;
  readonly onAttach: (connection: Connection) => Promise<void>;
  /** Ends a process that holds our socket and does not answer. */
  readonly kill: (pid: number) => void;
  readonly random: () => number;
}

const backoffMs = [500, 1000, 2000, 4000, 8000, 16_000, 30_000] as const;
const pingMs = 10_000;
const missesAllowed = 2;

/** The window's one connection: made on first need, restored with backoff when it is lost, silent in Restricted Mode. */
export class HubLink {
  readonly #options: LinkOptions;
  #connection: Connection | null = null;
  #attaching: Promise<Connection> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #failures = 0;
  #pinging: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get connection(): Connection | null {
    return this.#connection;
  }

  /** The connection, starting what is needed; rejects with the reason in one sentence. */
  need(): Promise<Connection> {
    if (this.#connection) return Promise.resolve(this.#connection);
    this.#attaching ??= this.#attach(
      this.#failures === 0 ? "starting" : "reconnecting",
      this.#options.mayStart(),
    ).finally(() => {
      this.#attaching = null;
    });
    return this.#attaching;
  }

  /** Attaches to a process that already answers and never starts one. */
  async attachIfRunning(): Promise<void> {
    if (this.#connection || this.#attaching || this.#options.readRecord()?.pid === undefined) return;
    this.#attaching = this.#attach(null, false).finally(() => {
      this.#attaching = null;
    });
    await this.#attaching.catch(() => undefined);
  }

  /** Drops the connection, for instance to say hello again with other scopes. */
  drop(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#rest();
    connection?.close();
  }

  dispose(): void {
    this.#ended = true;
    this.drop();
  }

  #rest(): void {
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#pinging) clearInterval(this.#pinging);
    this.#retry = null;
    this.#pinging = null;
  }

  async #attach(shown: Link | null, mayStart: boolean): Promise<Connection> {
    this.#rest();
    if (shown && mayStart) this.#options.onLink(shown, null);
    try {
      const connection = await this.#options.reach(mayStart);
      if (this.#ended) {
        connection.close();
        throw new PodiumError("cancelled", "The window is closing.");
      }
      this.#connection = connection;
      connection.onClose(() => this.#lost(connection));
      await connection.watch("hub.watch", {}, this.#options.onItem);
      await this.#options.onAttach(connection);
      this.#failures = 0;
      this.#options.onLink("attached", null);
      this.#watchPulse(connection);
      return connection;
    } catch (error) {
      const problem = toPodiumError(error, "no_hub");
      this.#connection = null;
      if (!this.#ended) this.#options.onLink(mayStart ? "stopped" : "cold", mayStart ? problem.message : null);
      throw problem;
    }
  }

  /** A process that ended in order and has nothing due stays ended; any other loss is repaired. */
  #lost(connection: Connection): void {
    if (this.#connection !== connection || this.#ended) return;
    this.#connection = null;
    this.#rest();
    const record = this.#options.readRecord();
    const due = record?.attention ? record.attention.open > record.attention.waiting : false;
    if (!this.#options.mayStart() || (record !== null && record.pid === undefined && !due)) {
      this.#options.onLink("cold", null);
      return;
    }
    this.#options.onLink("reconnecting", null);
    this.#reconnect();
  }

  #reconnect(): void {
    const base = this.#failures === 0 ? 0 : (backoffMs[Math.min(this.#failures, backoffMs.length) - 1] ?? 30_000);
    this.#failures += 1;
    this.#retry = setTimeout(
      () => {
        this.need().catch((error: unknown) => {
          if (this.#ended || toPodiumError(error).reason === "crash_loop") return;
          this.#options.onLink("reconnecting", toPodiumError(error).message);
          this.#reconnect();
        });
      },
      base * (1 + this.#options.random() * 0.2),
    );
  }

  /** Two pings of 10 s without an answer, while this process did not sleep, mean a blocked process: it is ended. */
  #watchPulse(connection: Connection): void {
    let misses = 0;
    let last = Date.now();
    this.#pinging = setInterval(() => {
      const slept = Date.now() - last > 2 * pingMs;
      last = Date.now();
      if (slept) misses = 0;
      misses += 1;
      connection.request("ping", {}).then(
        () => {
          misses = 0;
        },
        () => undefined,
      );
      const { pid } = connection.record;
      if (misses > missesAllowed && pid !== undefined && this.#options.mayStart()) this.#options.kill(pid);
    }, pingMs);
    this.#pinging.unref();
  }
}
