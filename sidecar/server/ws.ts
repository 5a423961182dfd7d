import { WebSocket } from "ws";
import type * as z from "zod";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import {
  type Build,
  Hello,
  type HelloResult,
  MIN_PROTOCOL_VERSION,
  type Notice,
  PROTOCOL_VERSION,
  type Scope,
} from "../protocol/hub.ts";
import { methods } from "../protocol/methods.ts";
import { ClientFrame, limits } from "../protocol/wire.ts";
import type { Caller, Handlers, Streams } from "./caller.ts";
import { assertDepth } from "./depth.ts";
import { dispatch, isMethod, isPlain, isStream, subscribe } from "./dispatch.ts";
import { isSecret, type Secrets } from "./guard.ts";

export interface SocketHost {
  readonly handlers: Handlers;
  readonly streams: Streams;
  readonly secrets: Secrets;
  readonly build: Build;
  readonly epoch: number;
  readonly home: string;
  /** Resolves the roots a client names to real paths; drops what does not exist. */
  readonly realRoots: (roots: readonly string[]) => Promise<readonly string[]>;
  /** A person's settings arrived, changed, or left with their connection (`null`). */
  readonly onSettings: (connection: object, settings: Readonly<Record<string, unknown>> | null) => void;
  /** What this kind of client is to be told with its hello. */
  readonly notice?: (client: Hello["client"]) => Notice | null;
}

/** What both sides must say first, whatever else a later version puts into its hello. */
const Range = Hello.pick({ protocol: true, minProtocol: true });

function assertCompatible({ protocol, minProtocol }: z.infer<typeof Range>, build: Build): void {
  if (protocol >= MIN_PROTOCOL_VERSION && minProtocol <= PROTOCOL_VERSION) return;
  throw new PodiumError(
    "hub_incompatible",
    `Podium ${build.version} runs and speaks protocol ${PROTOCOL_VERSION}. Update both to the same version.`,
  );
}

/** Refuses a request over the size that its row of the method table allows. */
function assertSize(method: string, text: string): void {
  if (!isMethod(method)) return;
  const { maxBytes } = methods[method];
  if (Buffer.byteLength(text) <= maxBytes) return;
  throw new PodiumError("too_large", `${method}: the request has more than ${maxBytes} bytes.`);
}

/** Serves one authenticated socket: hello first, then requests, each answered exactly once. */
export function serveSocket(socket: WebSocket, scopes: readonly Scope[], host: SocketHost): void {
  let caller: Caller | null = null;
  const stops = new Map<number, () => void>();

  /** Bytes of answers that were asked for and are not written yet: a large one does not make its reader slow. */
  let answering = 0;

  const isTooSlow = (): boolean =>
    socket.bufferedAmount - answering > limits.buffered || socket.bufferedAmount > limits.message;
  const send = (frame: object, isAnswer: boolean): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (isTooSlow()) {
      socket.close(1013, "reading too slowly; page run.events");
      return;
    }
    const text = JSON.stringify(frame);
    const bytes = isAnswer ? Buffer.byteLength(text) : 0;
    answering += bytes;
    socket.send(text, () => {
      answering -= bytes;
    });
  };

  const hello = async (params: unknown): Promise<HelloResult> => {
    const range = Range.safeParse(params);
    if (range.success) assertCompatible(range.data, host.build);
    const said = Hello.parse(params);
    if (!isSecret(said.token, host.secrets.token))
      throw new PodiumError("unauthorized", "The token of the hello is not the one of this hub.");
    if (caller) throw new PodiumError("invalid_input", "hello: it was said already; settings.set changes the folders.");
    const human = isSecret(said.human, host.secrets.human);
    const granted = said.scopes.filter((scope) => scopes.includes(scope) || (scope === "human" && human));
    caller = {
      door: "ws",
      client: said.client,
      scopes: new Set(granted),
      roots: await host.realRoots(said.roots),
      trusted: said.trusted,
      settings: said.settings ?? {},
    };
    host.onSettings(socket, said.settings ?? {});
    const notice = host.notice?.(said.client) ?? null;
    return {
      ...(notice === null ? {} : { notice }),
      build: host.build,
      protocol: PROTOCOL_VERSION,
      scopes: granted,
      epoch: host.epoch,
      pid: process.pid,
      home: host.home,
    };
  };

  const changeSettings = async (params: unknown, known: Caller): Promise<object> => {
    const change = methods["settings.set"].params.parse(params);
    // At once, so that the very next request already runs under them.
    const changed = { ...known, settings: change.settings, trusted: change.trusted ?? known.trusted };
    caller = changed;
    host.onSettings(socket, change.settings);
    if (change.roots) {
      const roots = await host.realRoots(change.roots);
      // What was said meanwhile counts too.
      caller = { ...(caller ?? changed), roots };
    }
    return {};
  };

  const answer = async (id: number, method: string, params: unknown): Promise<unknown> => {
    if (method === "hello") return hello(params);
    const known = caller;
    if (!known) throw new PodiumError("unauthorized", "The first request must be hello.");
    if (method === "settings.set") return changeSettings(params, known);
    if (!isMethod(method)) throw new PodiumError("not_found", `There is no method ${method}.`);
    if (isPlain(method)) return dispatch(host.handlers, method, params, known);
    if (!isStream(method)) throw new PodiumError("not_found", `There is no method ${method}.`);
    const { result, stop } = await subscribe(host.streams, method, params, known, (item: unknown) =>
      send({ id, item }, false),
    );
    stops.get(id)?.();
    if (socket.readyState === WebSocket.OPEN) stops.set(id, stop);
    else stop();
    return result;
  };

  const receive = async (text: string): Promise<void> => {
    let frame: ClientFrame;
    try {
      frame = ClientFrame.parse(JSON.parse(text));
    } catch {
      socket.close(1007, "not a request");
      return;
    }
    if ("unsubscribe" in frame) {
      stops.get(frame.unsubscribe)?.();
      stops.delete(frame.unsubscribe);
      return;
    }
    const { id, method, params } = frame;
    try {
      assertSize(method, text);
      // The frame itself is one level more than its parameters.
      assertDepth(text, limits.depth + 1);
      send({ id, result: await answer(id, method, params) }, true);
    } catch (error) {
      send({ id, error: toPodiumError(error).toShape() }, true);
    }
  };

  socket.on("message", (data) => void receive(String(data)));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const stop of stops.values()) stop();
    host.onSettings(socket, null);
  });
}
