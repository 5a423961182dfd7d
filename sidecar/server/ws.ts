import { WebSocket } from "ws";
import { PodiumError, toPodiumError } from "../protocol/errors.ts";
import {
  type Build,
  Hello,
  type HelloResult,
  MIN_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
  type Scope,
} from "../protocol/hub.ts";
import { methods } from "../protocol/methods.ts";
import { ClientFrame, limits } from "../protocol/wire.ts";
import type { Caller, Handlers, Streams } from "./caller.ts";
import { assertDepth } from "./depth.ts";
import { dispatch, isMethod, isPlain, isStream, subscribe } from "./dispatch.ts";
import { isHuman, type Secrets } from "./guard.ts";

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
}

/** Serves one authenticated socket: hello first, then requests, each answered exactly once. */
export function serveSocket(socket: WebSocket, scopes: readonly Scope[], host: SocketHost): void {
  let caller: Caller | null = null;
  const stops = new Map<number, () => void>();

  const send = (frame: object): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > limits.buffered) {
      socket.close(1013, "reading too slowly; page run.events");
      return;
    }
    socket.send(JSON.stringify(frame));
  };

  const hello = async (params: unknown): Promise<HelloResult> => {
    const said = Hello.parse(params);
    if (said.protocol < MIN_PROTOCOL_VERSION || said.minProtocol > PROTOCOL_VERSION) {
      throw new PodiumError(
        "hub_incompatible",
        `Podium ${host.build.version} runs and speaks protocol ${PROTOCOL_VERSION}. Update both to the same version.`,
      );
    }
    const human = isHuman(said.human, host.secrets);
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
    return {
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
    caller = {
      ...known,
      settings: change.settings,
      trusted: change.trusted ?? known.trusted,
      roots: change.roots ? await host.realRoots(change.roots) : known.roots,
    };
    host.onSettings(socket, change.settings);
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
      send({ id, item }),
    );
    if (socket.readyState === WebSocket.OPEN) stops.set(id, stop);
    else stop();
    return result;
  };

  const receive = async (text: string): Promise<void> => {
    let frame: ClientFrame;
    try {
      assertDepth(text, limits.depth);
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
      send({ id, result: await answer(id, method, params) });
    } catch (error) {
      send({ id, error: toPodiumError(error).toShape() });
    }
  };

  socket.on("message", (data) => void receive(String(data)));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const stop of stops.values()) stop();
    host.onSettings(socket, null);
  });
}
