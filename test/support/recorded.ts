import { readFileSync } from "node:fs";
import { type FakeServer, startFake } from "./fake-model-server.ts";

/** One HTTP exchange with a real server; its shape is described in test/fixtures/recordings/README.md. */
export interface Exchange {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: { readonly model?: string } };
  readonly response: {
    readonly status: number;
    readonly headers: { readonly [name: string]: string };
    readonly chunks: readonly (readonly [number, string])[];
    readonly end: "end" | "cut" | "client abort";
  };
}

/** Every recorded exchange of one server. */
export function recordings(server: "ollama" | "mlx-lm"): readonly Exchange[] {
  const file = new URL(`../fixtures/recordings/${server}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { exchanges: readonly Exchange[] }).exchanges;
}

/** The exchange of that name. */
export function recording(server: "ollama" | "mlx-lm", name: string): Exchange {
  const found = recordings(server).find((exchange) => exchange.name === name);
  if (!found) throw new Error(`no recording "${name}" of ${server}`);
  return found;
}

/** Serves the body of one exchange to every POST and the listed GET exchanges by path. `body` replaces the chunks. */
export async function replay(
  exchange: Exchange,
  gets: readonly Exchange[] = [],
  body?: readonly (string | Uint8Array)[],
): Promise<FakeServer> {
  const routes = new Map(gets.map((get) => [`${get.request.method} ${get.request.path}`, get]));
  return startFake({
    isGeneration: ({ method }) => method === "POST",
    async handle(request, response) {
      const found = routes.get(`${request.method} ${request.path}`);
      const chosen = found ?? (request.method === "POST" ? exchange : undefined);
      if (!chosen) {
        response.writeHead(404).end("404 page not found");
        return;
      }
      const { "transfer-encoding": _chunked, "content-length": _length, ...headers } = chosen.response.headers;
      response.writeHead(chosen.response.status, headers);
      const chunks = found || !body ? chosen.response.chunks.map(([, text]) => text) : body;
      for (const chunk of chunks) response.write(chunk);
      if (chosen.response.end === "end") response.end();
      else {
        await new Promise((done) => setTimeout(done, 5));
        response.socket?.destroy();
      }
    },
  });
}
