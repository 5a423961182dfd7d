import type { ServerResponse } from "node:http";
import {
  type Answers,
  type FakeRequest,
  type FakeServer,
  type FakeWire,
  play,
  sendJson,
  startFake,
} from "./fake-model-server.ts";

export interface FakeMlxOptions {
  /** Ids that /v1/models lists. Default: one, `fake/mlx-1b`. */
  readonly models?: readonly string[];
  /** Default: `ok`. */
  readonly answers?: Answers;
  /** The `Server` header. Default that of mlx_lm.server. */
  readonly serverHeader?: string;
  /** Answer of /health. Default `{status: "ok"}`; null = no such route. */
  readonly health?: { readonly [key: string]: unknown } | null;
  readonly healthStatus?: number;
  /** Set = every request without this bearer token gets 401. */
  readonly key?: string;
  readonly port?: number;
}

const fingerprint = "0.32.2-0.32.4-Linux-x86_64";

const wireFor = (model: string): FakeWire => {
  const frame = (extra: object) =>
    `data: ${JSON.stringify({ id: "chatcmpl-fake", system_fingerprint: fingerprint, object: "chat.completion.chunk", model, created: 1795244948, ...extra })}\n\n`;
  const delta = (extra: object, finish_reason: string | null = null) =>
    frame({ choices: [{ index: 0, finish_reason, delta: { role: "assistant", ...extra } }] });
  return {
    contentType: "text/event-stream",
    headersFirst: true,
    prefill: (done, total) => `: keepalive ${done}/${total}\n\n`,
    thinking: (reasoning) => delta({ reasoning }),
    text: (content) => delta({ content }),
    end: (finish, prompt_tokens, completion_tokens) =>
      `${delta({}, finish)}${frame({
        object: "chat.completion",
        choices: [],
        usage: {
          prompt_tokens,
          completion_tokens,
          total_tokens: prompt_tokens + completion_tokens,
          prompt_tokens_details: { cached_tokens: 3 },
        },
      })}data: [DONE]\n\n`,
    error: () => "",
    refusal: (error) => JSON.stringify({ error }),
  };
};

/** mlx_lm.server 0.32.2 as recorded: exact paths, string errors with 404, comments while it reads the prompt. */
export async function fakeMlx(options: FakeMlxOptions = {}): Promise<FakeServer> {
  const models = options.models ?? ["fake/mlx-1b"];
  const answers = options.answers ?? (() => "ok");
  const headers = { server: options.serverHeader ?? "BaseHTTP/0.6 Python/3.11.7" };
  const chat = async (request: FakeRequest, response: ServerResponse, bodyText: string) => {
    if (request.body === null) {
      sendJson(response, { error: `Invalid JSON in request body: ${bodyText.slice(0, 20)}` }, 400, headers);
      return;
    }
    if (!Array.isArray(request.body["messages"])) {
      sendJson(response, { error: "Request did not contain messages" }, 400, headers);
      return;
    }
    const model = request.model === "" ? "default_model" : request.model;
    if (model !== "default_model" && !models.includes(model)) {
      sendJson(
        response,
        { error: "Cannot find an appropriate cached snapshot folder for the specified revision on the local disk" },
        404,
        headers,
      );
      return;
    }
    const limit = request.body["max_tokens"];
    if (limit !== undefined && typeof limit !== "number") {
      sendJson(response, { error: "max_tokens must be of type int" }, 400, headers);
      return;
    }
    await play(response, wireFor(model), await answers(request), limit ?? 512, request.body);
  };
  return startFake(
    {
      isGeneration: ({ method, path }) => method === "POST" && path === "/v1/chat/completions",
      async handle(request, response, bodyText) {
        response.setHeader("server", headers.server);
        if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`) {
          sendJson(response, { error: { message: "invalid api key" } }, 401, headers);
          return;
        }
        const route = `${request.method} ${request.path}`;
        if (route === "GET /health" && options.health !== null) {
          sendJson(response, options.health ?? { status: "ok" }, options.healthStatus ?? 200, headers);
          return;
        }
        if (route === "GET /v1/models") {
          const data = models.map((id) => ({ id, object: "model", created: 1795244948 }));
          sendJson(response, { object: "list", data }, 200, headers);
          return;
        }
        if (route !== "POST /v1/chat/completions") {
          response.writeHead(404, { "content-type": "application/json" }).end("Not Found");
          return;
        }
        await chat(request, response, bodyText);
      },
    },
    options.port,
  );
}
