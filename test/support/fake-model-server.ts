import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a fake answers with. Counts are pieces (words) of `text`; times are ms. */
export interface Script {
  /** A string is streamed word by word, an array piece by piece. */
  readonly text?: string | readonly string[];
  readonly thinking?: string | readonly string[];
  /** Silence before the first piece. */
  readonly delayMs?: number;
  /** Pause before each further piece. */
  readonly pieceMs?: number;
  /** mlx: keepalive comments before the first piece, `[done, total]` tokens. */
  readonly prefill?: readonly (readonly [number, number])[];
  /** Says nothing more after this many pieces; 0 = never sends a byte. The socket stays open. */
  readonly hangAfter?: number;
  /** Breaks the connection after this many pieces. */
  readonly truncateAt?: number;
  /** Ollama: an error line, mlx: the stream just ends, after this many pieces. */
  readonly errorAfter?: number;
  /** The text of an error; with `status` the answer is that status before any token. */
  readonly error?: string;
  readonly status?: number;
  readonly headers?: { readonly [name: string]: string };
  /** The literal body with status 200 (or `status`) and this content type. */
  readonly raw?: { readonly body: string; readonly contentType: string };
  /** Sends every byte as its own write. */
  readonly bytewise?: boolean;
  /** One line of this many bytes without an end. */
  readonly longLineBytes?: number;
  /** What the server says it read of the prompt; 12 if absent, which a client may take for a cut prompt. */
  readonly promptTokens?: number;
  readonly finish?: "stop" | "length" | "tool_calls";
  /** Closes the socket without any answer. */
  readonly closeAtOnce?: boolean;
}
export type Answer = string | readonly string[] | Script;

/** One request as the server got it. `body` is parsed JSON, null when there is none. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: { readonly [key: string]: unknown } | null;
  /** Text of the last user message, for scripts that choose by it. */
  readonly prompt: string;
  readonly model: string;
  /** True once the client closed the socket before the answer's end. */
  aborted: boolean;
  /** performance.now() when the response's socket closed or the answer ended. */
  endedAt: number | null;
}
export type Answers = (request: FakeRequest) => Answer | Promise<Answer>;

export interface FakeServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly FakeRequest[];
  /** Only the generations. */
  readonly generations: readonly FakeRequest[];
  /** Generations running now, and the most that ever ran at once. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  close(): Promise<void>;
}

/** How one protocol writes the parts of a generation. */
export interface FakeWire {
  readonly contentType: string;
  /** Headers go out before the first piece (mlx_lm) or with it (Ollama). */
  readonly headersFirst: boolean;
  prefill(done: number, total: number): string;
  thinking(text: string): string;
  text(text: string): string;
  end(finish: string, promptTokens: number, tokens: number): string;
  error(text: string): string;
  refusal(text: string): string;
}

const pieces = (text: string | readonly string[]): readonly string[] =>
  typeof text === "string" ? (text.match(/\s*\S+|\s+$/g) ?? []) : text;

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms).unref());

const write = async (response: ServerResponse, text: string, bytewise: boolean) => {
  if (!bytewise) {
    response.write(text);
    return;
  }
  for (const byte of Buffer.from(text)) {
    response.write(Buffer.from([byte]));
    await new Promise((done) => setImmediate(done));
  }
};

const writeLongLine = async (response: ServerResponse, bytes: number) => {
  const block = Buffer.alloc(64 * 1024, "x");
  for (let sent = 0; sent < bytes && !response.destroyed; sent += block.length) {
    if (!response.write(block)) await Promise.race([new Promise((done) => response.once("drain", done)), pause(50)]);
  }
};

/** Streams the pieces up to where the script hangs, breaks or errs; true = the answer may end normally. */
async function playPieces(response: ServerResponse, wire: FakeWire, script: Script, sent: readonly string[]) {
  for (const [index, text] of [...sent, null].entries()) {
    if (response.destroyed || script.hangAfter === index) return false;
    if (script.truncateAt === index) {
      await new Promise((done) => setImmediate(done));
      response.socket?.destroy();
      return false;
    }
    if (script.errorAfter === index) {
      response.end(wire.error(script.error ?? "an error was encountered while running the model: unexpected EOF"));
      return false;
    }
    if (text === null) break;
    if (script.pieceMs && index > 0) await pause(script.pieceMs);
    await write(response, wire.text(text), script.bytewise === true);
  }
  return true;
}

async function playStream(
  response: ServerResponse,
  wire: FakeWire,
  script: Script,
  limit: number,
  promptTokens: number,
) {
  const open = () => response.writeHead(200, { "content-type": wire.contentType, ...script.headers });
  if (wire.headersFirst && script.hangAfter !== 0) open().flushHeaders();
  for (const [done, total] of script.prefill ?? []) response.write(wire.prefill(done, total));
  if (script.delayMs) await pause(script.delayMs);
  if (script.hangAfter === 0) return;
  if (!response.headersSent) open();
  if (script.longLineBytes) {
    await writeLongLine(response, script.longLineBytes);
    response.end();
    return;
  }
  for (const text of pieces(script.thinking ?? []))
    await write(response, wire.thinking(text), script.bytewise === true);
  const all = pieces(script.text ?? "");
  const sent = all.slice(0, limit);
  if (!(await playPieces(response, wire, script, sent))) return;
  const finish = script.finish ?? (all.length > limit ? "length" : "stop");
  await write(response, wire.end(finish, script.promptTokens ?? promptTokens, sent.length), script.bytewise === true);
  response.end();
}

/** Plays one script; resolves when the answer is over, broken or left hanging. */
export async function play(
  response: ServerResponse,
  wire: FakeWire,
  answer: Answer,
  limit: number,
  body: FakeRequest["body"],
): Promise<void> {
  const script: Script = typeof answer === "string" || Array.isArray(answer) ? { text: answer } : (answer as Script);
  if (script.closeAtOnce) {
    response.socket?.destroy();
    return;
  }
  if (script.status === undefined && !script.raw) {
    await playStream(response, wire, script, limit, promptTokensOf(body));
    return;
  }
  if (script.delayMs) await pause(script.delayMs);
  const type = script.raw?.contentType ?? "application/json";
  response.writeHead(script.status ?? 200, { "content-type": type, ...script.headers });
  response.end(script.raw?.body ?? wire.refusal(script.error ?? "scripted error"));
}

const readBody = async (request: IncomingMessage) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

/** What a real server would count: about four characters a token, and never less than a template costs. */
const promptTokensOf = (body: FakeRequest["body"]): number => {
  const messages = (body?.["messages"] ?? []) as readonly { readonly content?: unknown }[];
  const characters = messages.reduce((sum, { content }) => sum + (typeof content === "string" ? content.length : 0), 0);
  return Math.max(12, Math.ceil(characters / 4));
};

const lastPrompt = (body: FakeRequest["body"]): string => {
  const messages = (body?.["messages"] ?? []) as readonly { readonly role?: string; readonly content?: unknown }[];
  const last = messages.filter((message) => message.role === "user").at(-1);
  return typeof last?.content === "string" ? last.content : "";
};

const parseBody = (text: string): FakeRequest["body"] => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as { [key: string]: unknown }) : null;
  } catch {
    return null;
  }
};

/** What a fake does with one request: `generation` counts for the overlap, `handle` answers. */
export interface FakeRoutes {
  isGeneration(request: FakeRequest): boolean;
  handle(request: FakeRequest, response: ServerResponse, bodyText: string): Promise<void>;
}

/** A real loopback server over `routes`; `port` 0 = any. */
export async function startFake(routes: FakeRoutes, port = 0): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  const generations: FakeRequest[] = [];
  const sockets = new Set<Socket>();
  const count = { now: 0, max: 0 };
  const server = createServer((incoming, response) => {
    void (async () => {
      const text = await readBody(incoming);
      const body = parseBody(text);
      const model = typeof body?.["model"] === "string" ? body["model"] : "";
      const request: FakeRequest = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body,
        prompt: lastPrompt(body),
        model,
        aborted: false,
        endedAt: null,
      };
      requests.push(request);
      const generation = routes.isGeneration(request);
      if (generation) {
        generations.push(request);
        count.now += 1;
        count.max = Math.max(count.max, count.now);
      }
      response.once("close", () => {
        request.aborted = !response.writableFinished;
        request.endedAt = performance.now();
        if (generation) count.now -= 1;
      });
      await routes.handle(request, response, text);
    })().catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => sockets.delete(socket));
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", done);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    generations,
    get inFlight() {
      return count.now;
    },
    get maxInFlight() {
      return count.max;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A plain JSON answer. */
export function sendJson(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}
