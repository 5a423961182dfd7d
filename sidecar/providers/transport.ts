import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { Agent, type Dispatcher } from "undici";
import { PodiumError } from "../protocol/errors.ts";
import { brokenSend, cancelled } from "./classify.ts";
import { egress, type Network, refused, within } from "./egress.ts";

/** What happened on the wire, for the clocks: the socket is open, the answer's headers came, some bytes came. */
export type Pulse = (beat: "connected" | "headers" | "bytes" | "token") => void;

interface Outgoing {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly signal: AbortSignal;
  readonly pulse?: Pulse;
}

export interface Incoming {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** The bytes as they come; leaving the loop early destroys the socket. Throws PodiumErrors only. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly host: string;
  /** Bytes of the body that left this machine; 0 for a loopback server. */
  readonly bytes: number;
}

export interface Transport {
  /** The setting now. */
  network(): Network;
  /** Resolves with the headers. Throws `unreachable`, `bad_request` (closed without an answer), `bad_output` (redirect) or `cancelled`. */
  send(outgoing: Outgoing): Promise<Incoming>;
  close(): Promise<void>;
}

const highWater = 256 * 1024;

/** Lookup that hides every address the network setting does not allow. */
const guardedLookup =
  (network: () => Network): LookupFunction =>
  (hostname, options, callback) => {
    const allowed: Network = hostname === "localhost" ? "local" : network();
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first, ...rest] = error ? [] : addresses.filter(({ address }) => within(address, allowed));
      if (error || !first) callback(error ?? refused(hostname, allowed), "", 0);
      else if (options.all) callback(null, [first, ...rest]);
      else callback(null, first.address, first.family);
    });
  };

/** One exchange: queues body chunks between the socket and the reader, and pauses the socket when the reader is slow. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #outgoing: Outgoing;
  readonly #headers = Promise.withResolvers<{ status: number; headers: { readonly [name: string]: string } }>();
  readonly #chunks: Uint8Array[] = [];
  #queued = 0;
  #controller: Dispatcher.DispatchController | null = null;
  #state: "waiting" | "open" | "ended" | "failed" = "waiting";
  #failure: PodiumError | null = null;
  #wake: () => void = () => undefined;

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing;
    this.#headers.promise.catch(() => undefined);
    if (outgoing.signal.aborted) this.#abort();
    else outgoing.signal.addEventListener("abort", this.#abort, { once: true });
  }

  get headers() {
    return this.#headers.promise;
  }

  #abort = () => {
    this.#fail(cancelled(this.#outgoing.signal));
    this.#controller?.abort(new Error("aborted"));
  };

  #fail(error: PodiumError) {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#state = "failed";
    this.#failure = error;
    this.#headers.reject(error);
    this.#wake();
  }

  onRequestStart(controller: Dispatcher.DispatchController) {
    this.#controller = controller;
    if (this.#state === "failed") controller.abort(new Error("aborted"));
    else this.#outgoing.pulse?.("connected");
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    raw: { [name: string]: string | string[] | undefined },
  ) {
    if (status < 200 || this.#state !== "waiting") return;
    this.#state = "open";
    this.#outgoing.pulse?.("headers");
    const headers = Object.fromEntries(Object.entries(raw).map(([name, value]) => [name.toLowerCase(), String(value)]));
    this.#headers.resolve({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer) {
    if (this.#state !== "open") return;
    this.#outgoing.pulse?.("bytes");
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued > highWater) controller.pause();
    this.#wake();
  }

  onResponseEnd() {
    if (this.#state === "open") this.#state = "ended";
    this.#wake();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error) {
    this.#fail(
      brokenSend(error, this.#outgoing.url, this.#state === "open" ? "body" : this.#controller ? "sent" : "connect"),
    );
  }

  async *body(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#queued -= chunk.length;
          if (this.#queued <= highWater && this.#state === "open") this.#controller?.resume();
          yield chunk;
        } else if (this.#failure) throw this.#failure;
        else if (this.#state === "ended") return;
        else await new Promise<void>((wake) => (this.#wake = wake));
      }
    } finally {
      this.#outgoing.signal.removeEventListener("abort", this.#abort);
      if (this.#state !== "ended") this.#controller?.abort(new Error("not read to the end"));
    }
  }
}

/** The only way to a model server. Deadlines belong to the callers, except the one to connect. Ms. */
export function createTransport(options: {
  /** The setting, or how to read it: asked at every send. */
  readonly network: Network | (() => Network);
  readonly connectMs?: number;
}): Transport {
  const { network } = options;
  const current = typeof network === "function" ? network : () => network;
  const agent = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: options.connectMs ?? 2000, lookup: guardedLookup(current) },
  });
  return {
    network: current,
    async send(outgoing) {
      const url = URL.parse(outgoing.url);
      if (!url)
        throw new PodiumError("bad_request", `"${outgoing.url}" is not an address; write it as http://host:port.`);
      const { host, loopback } = egress(url, current());
      const exchange = new Exchange(outgoing);
      agent.dispatch(
        {
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: outgoing.method,
          headers: {
            accept: "*/*",
            ...(outgoing.body === undefined ? {} : { "content-type": "application/json" }),
            ...outgoing.headers,
          },
          // A kept socket that the server has just closed would look like a request it refused.
          reset: true,
          ...(outgoing.body === undefined ? {} : { body: outgoing.body }),
        },
        exchange,
      );
      const { status, headers } = await exchange.headers;
      const body = exchange.body();
      if (status >= 300 && status < 400) {
        await body.next();
        await body.return(undefined);
        throw new PodiumError(
          "bad_output",
          `${host} answered with a redirect, which Podium does not follow; enter the final address.`,
          {
            reason: "protocol",
          },
        );
      }
      return { status, headers, body, host, bytes: loopback ? 0 : Buffer.byteLength(outgoing.body ?? "") };
    },
    close: () => agent.destroy(),
  };
}

const decoder = () => new TextDecoder("utf-8");

/** The whole body as text, cut after `limit` bytes. */
export async function readText(body: AsyncIterable<Uint8Array>, limit = 8 * 1024 * 1024): Promise<string> {
  const decode = decoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    text += decode.decode(chunk, { stream: true });
    if (bytes > limit) break;
  }
  return text + decode.decode();
}
