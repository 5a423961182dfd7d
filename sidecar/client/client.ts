import { WebSocket } from "ws";
import * as z from "zod";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import {
  type Hello,
  type HelloResult,
  type HubRecord,
  MIN_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
} from "../protocol/hub.ts";
import {
  type Item,
  type Method,
  methods,
  type ParamsInput,
  type Result,
  type StreamMethod,
} from "../protocol/methods.ts";
import { limits, ServerFrame } from "../protocol/wire.ts";

/** What a client says about itself; the rest of the hello comes from `hub.json`. */
export type Introduction = Omit<Hello, "token" | "human" | "protocol" | "minProtocol"> & { readonly human: boolean };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PodiumError) => void;
}

const results: { readonly [M in Method]: { readonly result: z.ZodType<Result<M>> } } = methods;
const items: { readonly [M in StreamMethod]: { readonly item: z.ZodType<Item<M>> } } = methods;

/** One authenticated socket to the hub. Every request is answered or rejected with `no_hub` when the socket ends. */
export class HubClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #streams = new Map<number, (item: unknown) => void>();
  readonly #onClose = new Set<() => void>();
  readonly record: HubRecord;
  #nextId = 1;
  #hello: HelloResult | null = null;

  private constructor(socket: WebSocket, record: HubRecord) {
    this.#socket = socket;
    this.record = record;
    socket.on("message", (data) => this.#receive(String(data)));
    socket.on("close", () => this.#end());
    socket.on("error", () => socket.terminate());
  }

  /** Connects and says hello; rejects with `no_hub` when nobody answers (reason `silent`: not within `deadlineMs`), `hub_incompatible` on a version gap. */
  static async connect(record: HubRecord, introduction: Introduction, deadlineMs = 5000): Promise<HubClient> {
    const { port, token, human } = record;
    if (port === undefined || token === undefined) throw new PodiumError("no_hub", "Podium is not running.");
    if (record.minProtocol > PROTOCOL_VERSION || record.protocol < MIN_PROTOCOL_VERSION) {
      throw new PodiumError(
        "hub_incompatible",
        `Podium ${record.build.version} is running and speaks another protocol. Update both, or stop it with: podium hub stop`,
      );
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: deadlineMs,
      maxPayload: 64 * limits.frame,
    });
    const began = performance.now();
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", (cause) => {
        const reason = performance.now() - began >= deadlineMs ? { reason: "silent" } : {};
        reject(new PodiumError("no_hub", "Podium does not answer.", { ...reason, cause }));
      });
    });
    const client = new HubClient(socket, record);
    const { human: wantsHuman, ...said } = introduction;
    client.#hello = await client.#withDeadline(
      client.request("hello", {
        ...said,
        token,
        ...(wantsHuman && human !== undefined ? { human } : {}),
        protocol: PROTOCOL_VERSION,
        minProtocol: MIN_PROTOCOL_VERSION,
      }),
      deadlineMs,
    );
    return client;
  }

  get hello(): HelloResult {
    if (!this.#hello) throw new PodiumError("no_hub", "Podium has not answered the hello.");
    return this.#hello;
  }

  /** Sends one request and resolves with its parsed result. */
  async request<M extends Method>(method: M, params: ParamsInput<M>): Promise<Result<M>> {
    return results[method].result.parse(await this.#send(this.#nextId++, method, params));
  }

  /** Opens a stream; items arrive until `stop` or the end of the socket. Resolves when the hub has accepted it. */
  async watch<M extends StreamMethod>(
    method: M,
    params: ParamsInput<M>,
    onItem: (item: Item<M>) => void,
  ): Promise<{ readonly result: Result<M>; readonly stop: () => void }> {
    const id = this.#nextId++;
    this.#streams.set(id, (item) => {
      const parsed = items[method].item.safeParse(item);
      // A newer hub may tell of things that this build does not know.
      if (parsed.success) onItem(parsed.data);
    });
    const result = results[method].result.parse(await this.#send(id, method, params));
    const stop = (): void => {
      if (this.#streams.delete(id) && this.#socket.readyState === WebSocket.OPEN)
        this.#socket.send(JSON.stringify({ unsubscribe: id }));
    };
    return { result, stop };
  }

  onClose(listener: () => void): void {
    this.#onClose.add(listener);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #send(id: number, method: Method, params: unknown): Promise<unknown> {
    if (this.#socket.readyState !== WebSocket.OPEN)
      return Promise.reject(new PodiumError("no_hub", "The connection to Podium has ended."));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async #withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#socket.terminate();
    }, ms);
    try {
      return await work;
    } catch (cause) {
      throw isLate ? new PodiumError("no_hub", "Podium does not answer.", { reason: "silent", cause }) : cause;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(text: string): void {
    const frame = readFrame(text);
    if (!frame) {
      // Whoever speaks like this is no hub; what waits is told that the connection ended.
      this.#socket.terminate();
      return;
    }
    if ("item" in frame) {
      this.#streams.get(frame.id)?.(frame.item);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    if ("error" in frame) {
      const { code, message, retryable, reason, cause } = frame.error;
      waiting?.reject(
        new PodiumError(code, message, {
          retryable,
          ...(reason ? { reason } : {}),
          ...(cause ? { cause: new Error(cause) } : {}),
        }),
      );
      return;
    }
    waiting?.resolve(frame.result);
  }

  #end(): void {
    for (const waiting of this.#waiting.values())
      waiting.reject(toPodiumError(new PodiumError("no_hub", "The connection to Podium has ended.")));
    this.#waiting.clear();
    this.#streams.clear();
    for (const listener of this.#onClose) listener();
  }
}

/** An error whose code a newer hub has and this build has not. */
const LaterError = z.object({ id: z.int(), error: z.object({ code: z.string(), message: z.string() }) });

function readFrame(text: string): ServerFrame | null {
  try {
    const value: unknown = JSON.parse(text);
    const parsed = ServerFrame.safeParse(value);
    if (parsed.success) return parsed.data;
    const later = LaterError.safeParse(value);
    if (!later.success) return null;
    const { id, error } = later.data;
    return { id, error: { code: "internal", message: `${error.code}: ${error.message}`, retryable: false } };
  } catch {
    return null;
  }
}
