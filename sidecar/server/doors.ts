import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { type WebSocket, WebSocketServer } from "ws";
import { limits } from "../protocol/wire.ts";
import { guard, type Secrets } from "./guard.ts";
import { createHttp, pathOf } from "./http.ts";
import { type SocketHost, serveSocket } from "./ws.ts";

export interface Doors {
  readonly port: number;
  /** Open sockets of clients, the language server's not counted. */
  readonly clients: () => number;
  close(): Promise<void>;
}

export interface DoorsHost extends SocketHost {
  /** Serves one language-server connection. */
  readonly serveLsp: (socket: WebSocket) => void;
  readonly onClients: (count: number) => void;
}

/** Opens every door on one loopback port. The guard answers before routing: an unknown path without a token is 401. */
export async function openDoors(host: DoorsHost): Promise<Doors> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * limits.frame });
  const listener = getRequestListener(createHttp(host.handlers, host.build).fetch);
  const server: Server = createServer((request, response) => {
    if (request.method === "GET" && pathOf(request) === "/health" && request.headers.authorization === undefined) {
      const verdict = guardOf(request, "http");
      if (verdict.ok || verdict.status === 401) {
        response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
        return;
      }
    }
    const verdict = guardOf(request, "http");
    if (!verdict.ok) {
      response.writeHead(verdict.status, { "content-type": "application/problem+json", connection: "close" });
      response.end(
        JSON.stringify({
          type: `urn:podium:${verdict.code}`,
          title: verdict.code,
          detail: verdict.message,
          status: verdict.status,
          code: verdict.code,
        }),
      );
      return;
    }
    void listener(request, response);
  });
  const guardOf = (request: IncomingMessage, door: "http" | "upgrade"): ReturnType<typeof guard> =>
    guard(request, portOf(server), host.secrets satisfies Secrets, door);

  const clients = new Set<WebSocket>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const verdict = guardOf(request, "upgrade");
    const path = pathOf(request);
    const status = verdict.ok ? (path === "/ws" || path === "/lsp" ? 101 : 404) : verdict.status;
    if (!verdict.ok || status !== 101) {
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
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: portOf(server),
    clients: () => clients.size,
    close: async () => {
      for (const socket of sockets.clients) socket.close(1001);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
