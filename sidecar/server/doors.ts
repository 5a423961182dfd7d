import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { type WebSocket, WebSocketServer } from "ws";
import { PodiumError } from "../protocol/errors.ts";
import { limits } from "../protocol/wire.ts";
import { guard, type Verdict } from "./guard.ts";
import { createHttp, type Problem, pathOf, problemOf } from "./http.ts";
import { createRateLimit } from "./rate.ts";
import { type SocketHost, serveSocket } from "./ws.ts";

export interface Doors {
  readonly port: number;
  /** Open sockets of clients, the language server's not counted. */
  readonly clients: () => number;
  close(): Promise<void>;
}

export interface DoorsHost extends SocketHost {
  /** 0 or absent = any that is free. */
  readonly wantedPort?: number;
  /** Serves one language-server connection. */
  readonly serveLsp: (socket: WebSocket) => void;
  readonly onClients: (count: number) => void;
  /** Requests over plain HTTP, and wrong tokens at any door, per minute; 100 unless a bench says otherwise. */
  readonly restPerMinute?: number;
}

/** Where a socket may be opened: the methods, and the language server. */
export const socketPaths = ["/ws", "/lsp"] as const;
type SocketPath = (typeof socketPaths)[number];
const isSocketPath = (path: string): path is SocketPath => socketPaths.some((known) => known === path);

const minuteMs = 60_000;
const closingMs = 1000;
const tooMany = (what: string, seconds: number): Problem => {
  const sentence = `Too ${what} in a minute. Try again in ${seconds} s.`;
  const problem = problemOf(new PodiumError("overloaded", sentence), 429);
  return { ...problem, headers: { ...problem.headers, "retry-after": String(seconds) } };
};

/** Opens every door on one loopback port. The guard answers before routing: an unknown path without a token is 401. */
export async function openDoors(host: DoorsHost): Promise<Doors> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.message });
  const listener = getRequestListener(createHttp(host.handlers, host.build).fetch);
  const perMinute = host.restPerMinute ?? limits.restPerMinute;
  const now = (): number => performance.now();
  const requests = createRateLimit(perMinute, minuteMs, now);
  const wrongTokens = createRateLimit(perMinute, minuteMs, now);

  /** Why a request is not served; null = it may go on. A wrong token never uses up what the right one may ask. */
  const refusalOf = (verdict: Verdict): Problem | null => {
    if (verdict.ok) {
      const seconds = requests.take();
      return seconds === 0 ? null : tooMany("many requests", seconds);
    }
    const seconds = verdict.status === 401 ? wrongTokens.take() : 0;
    if (seconds > 0) return tooMany("many wrong tokens", seconds);
    return problemOf(new PodiumError(verdict.code, verdict.message), verdict.status);
  };
  const server: Server = createServer((request, response) => {
    const verdict = guard(request, portOf(server), host.secrets, "http");
    const isBareHealth =
      request.method === "GET" && pathOf(request) === "/health" && request.headers.authorization === undefined;
    if (isBareHealth && !verdict.ok && verdict.status === 401) {
      response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
      return;
    }
    const refusal = refusalOf(verdict);
    if (refusal) {
      response.writeHead(refusal.status, { ...refusal.headers, connection: "close" }).end(refusal.body);
      return;
    }
    void listener(request, response);
  });

  const clients = new Set<WebSocket>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const verdict = guard(request, portOf(server), host.secrets, "upgrade");
    const path = pathOf(request);
    if (!verdict.ok || !isSocketPath(path)) {
      const status = verdict.ok ? 404 : (refusalOf(verdict)?.status ?? verdict.status);
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      if (path === "/lsp") {
        host.serveLsp(opened);
        return;
      }
      clients.add(opened);
      host.onClients(clients.size);
      opened.once("close", () => {
        clients.delete(opened);
        host.onClients(clients.size);
      });
      serveSocket(opened, verdict.scopes, host);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(notOpened(host.wantedPort ?? 0, cause)));
    server.listen(host.wantedPort ?? 0, "127.0.0.1", resolve);
  });
  return {
    port: portOf(server),
    clients: () => clients.size,
    close: async () => {
      for (const socket of sockets.clients) socket.close(1001);
      // A client that does not answer must not keep the hub.
      const patience = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, closingMs);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      clearTimeout(patience);
    },
  };
}

function notOpened(port: number, cause: Error): PodiumError {
  const sentence =
    port === 0
      ? "No port of 127.0.0.1 could be opened; close programs that hold many, then start again."
      : `The port ${port} of 127.0.0.1 is taken by another program. Close the program, or unset PODIUM_PORT.`;
  return new PodiumError("port_taken", sentence, { cause });
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
