import { once } from "node:events";
import { WebSocket } from "ws";
import { HubClient, type Introduction } from "../../sidecar/client/client.ts";
import { type Build, type HubRecord, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from "../../sidecar/protocol/hub.ts";
import type { Handlers, Streams } from "../../sidecar/server/caller.ts";
import { type Doors, type DoorsHost, openDoors } from "../../sidecar/server/doors.ts";

const build: Build = { version: "1.2.3", builtAt: "2026-01-01T00:00:00.000Z", channel: "dev" };
export const secrets = { token: "right-token-of-this-hub", human: "right-human-secret" };

/** Handlers that only say that they were reached, as `called`. */
export function createReached(): { readonly called: string[]; readonly handlers: Handlers; readonly streams: Streams } {
  const called: string[] = [];
  const reach = <T extends object>(answer: object): T =>
    new Proxy({} as T, {
      get: (_target, method) => async () => {
        called.push(String(method));
        return answer;
      },
    });
  return {
    called,
    handlers: reach<Handlers>({}),
    streams: reach<Streams>({ result: {}, stop: () => undefined }),
  };
}

/** Real doors over the given handlers; everything else is the least that they need. */
export const openTestDoors = (parts: Partial<DoorsHost> & Pick<DoorsHost, "handlers" | "streams">): Promise<Doors> =>
  openDoors({
    secrets,
    build,
    epoch: 1,
    home: "/nowhere",
    realRoots: async (roots) => roots,
    onSettings: () => undefined,
    serveLsp: (socket) => socket.close(),
    onClients: () => undefined,
    ...parts,
  });

const introduction: Introduction = {
  client: "test",
  build,
  scopes: ["read", "run", "admin"],
  human: false,
  roots: ["/w"],
  trusted: true,
};

/** What `hub.json` would say about these doors. */
const recordOf = (doors: Doors): HubRecord => ({
  port: doors.port,
  ...secrets,
  build,
  protocol: PROTOCOL_VERSION,
  minProtocol: MIN_PROTOCOL_VERSION,
  attention: null,
  nextDue: null,
});

export const connect = (doors: Doors, changes: Partial<Introduction> = {}): Promise<HubClient> =>
  HubClient.connect(recordOf(doors), { ...introduction, ...changes });

/** A bare socket with the right token. */
export async function openSocket(port: number, path = "/ws", token = secrets.token): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } });
  await once(socket, "open");
  return socket;
}

interface Answer {
  readonly id: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Sends frames by hand; answers are told by their id. */
export function speak(socket: WebSocket): { ask(method: string, params: unknown): Promise<Answer> } {
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  socket.setMaxListeners(0);
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as Answer;
    waiting.get(frame.id)?.(frame);
    waiting.delete(frame.id);
  });
  return {
    ask: (method, params) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, resolve);
        socket.once("close", (code) => reject(new Error(`closed with ${code}`)));
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
  };
}

export const hello = {
  token: secrets.token,
  scopes: ["read", "run"],
  client: "test",
  build,
  protocol: PROTOCOL_VERSION,
  minProtocol: MIN_PROTOCOL_VERSION,
  roots: ["/w"],
  trusted: true,
};
