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

interface FakeOllamaModel {
  readonly name: string;
  /** Trained window in tokens. */
  readonly context?: number;
  readonly capabilities?: readonly string[];
  readonly sizeBytes?: number;
  /** Set = an Ollama cloud model. */
  readonly remoteHost?: string;
  readonly loaded?: boolean;
}

export interface FakeOllamaOptions {
  /** Default: one chat model `fake:1b`. */
  readonly models?: readonly (string | FakeOllamaModel)[];
  /** Default: `ok`. */
  readonly answers?: Answers;
  /** Default 0.17.4. */
  readonly version?: string;
  readonly port?: number;
}

const nanoseconds = (ms: number) => ms * 1_000_000;
const completed = (model: FakeOllamaModel): Required<Omit<FakeOllamaModel, "remoteHost">> & FakeOllamaModel => ({
  context: 8192,
  capabilities: ["completion"],
  sizeBytes: 1_000_000,
  loaded: false,
  ...model,
});

const wireFor = (model: string): FakeWire => {
  const line = (extra: object) =>
    `${JSON.stringify({ model, created_at: "2026-11-21T07:08:44.347302492Z", ...extra })}\n`;
  return {
    contentType: "application/x-ndjson",
    headersFirst: false,
    prefill: () => "",
    thinking: (thinking) => line({ message: { role: "assistant", content: "", thinking }, done: false }),
    text: (content) => line({ message: { role: "assistant", content }, done: false }),
    end: (done_reason, prompt_eval_count, eval_count) =>
      line({
        message: { role: "assistant", content: "" },
        done: true,
        done_reason,
        total_duration: nanoseconds(371),
        load_duration: nanoseconds(36),
        prompt_eval_count,
        prompt_eval_duration: nanoseconds(50),
        eval_count,
        eval_duration: nanoseconds(273),
      }),
    error: (error) => `${JSON.stringify({ error })}\n`,
    refusal: (error) => JSON.stringify({ error }),
  };
};

const promptChars = (request: FakeRequest) => JSON.stringify(request.body?.["messages"] ?? []).length;

/** Ollama 0.17.4 as recorded: tags, show, ps, version, chat; loads a model at its first call and holds `num_ctx`. */
export async function fakeOllama(options: FakeOllamaOptions = {}): Promise<FakeServer> {
  const models = (options.models ?? ["fake:1b"]).map((model) =>
    completed(typeof model === "string" ? { name: model } : model),
  );
  const byName = new Map(models.map((model) => [model.name, model]));
  const allocated = new Map(models.filter((model) => model.loaded).map((model) => [model.name, model.context]));
  const answers = options.answers ?? (() => "ok");
  const details = {
    format: "gguf",
    family: "llama",
    families: ["llama"],
    parameter_size: "1B",
    quantization_level: "Q4_K_M",
  };
  const tag = (model: FakeOllamaModel) => ({
    name: model.name,
    model: model.name,
    modified_at: "2026-11-21T07:08:13Z",
    size: model.sizeBytes,
    digest: "6cf97aa9ab2e7b3b",
    details,
    ...(model.remoteHost === undefined ? {} : { remote_host: model.remoteHost, remote_model: model.name }),
  });
  const chat = async (request: FakeRequest, response: ServerResponse, model: ReturnType<typeof completed>) => {
    const body = request.body ?? {};
    const settings = (body["options"] ?? {}) as {
      readonly num_ctx?: number;
      readonly num_predict?: number;
    };
    const context = Math.min(settings.num_ctx ?? 4096, model.context);
    if (body["think"] === true && !model.capabilities.includes("thinking")) {
      sendJson(response, { error: `"${model.name}" does not support thinking` }, 400);
      return;
    }
    if (body["keep_alive"] === 0) {
      allocated.delete(model.name);
      sendJson(response, {
        model: model.name,
        message: { role: "assistant", content: "" },
        done: true,
        done_reason: "unload",
      });
      return;
    }
    if (body["truncate"] === false && promptChars(request) / 4 > context) {
      sendJson(response, { error: "the input length exceeds the context length" }, 400);
      return;
    }
    allocated.set(model.name, context);
    if (Array.isArray(body["messages"]) && body["messages"].length === 0) {
      sendJson(response, {
        model: model.name,
        message: { role: "assistant", content: "" },
        done: true,
        done_reason: "load",
      });
      return;
    }
    const limit = settings.num_predict ?? Number.POSITIVE_INFINITY;
    await play(
      response,
      wireFor(model.name),
      await answers(request),
      limit < 0 ? Number.POSITIVE_INFINITY : limit,
      request.body,
    );
  };
  return startFake(
    {
      isGeneration: ({ path, body }) =>
        path === "/api/chat" && Array.isArray(body?.["messages"]) && body["messages"].length > 0,
      async handle(request, response, bodyText) {
        switch (`${request.method} ${request.path}`) {
          case "GET /":
            response.end("Ollama is running");
            return;
          case "GET /api/version":
            sendJson(response, { version: options.version ?? "0.17.4" });
            return;
          case "GET /api/tags":
            sendJson(response, { models: models.map(tag) });
            return;
          case "GET /api/ps":
            sendJson(response, {
              models: models
                .filter((model) => allocated.has(model.name))
                .map((model) => ({
                  ...tag(model),
                  expires_at: "2026-11-21T07:13:44Z",
                  size_vram: 0,
                  context_length: allocated.get(model.name),
                })),
            });
            return;
          case "POST /api/show":
          case "POST /api/chat":
            break;
          default:
            response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found");
            return;
        }
        if (request.body === null) {
          sendJson(response, { error: `invalid character '${bodyText[0] ?? ""}' looking for beginning of value` }, 400);
          return;
        }
        const model = byName.get(request.model);
        if (!model) {
          sendJson(response, { error: `model '${request.model}' not found` }, 404);
          return;
        }
        if (request.path === "/api/show") {
          sendJson(response, {
            details,
            capabilities: model.capabilities,
            model_info: { "general.architecture": "llama", "llama.context_length": model.context },
          });
          return;
        }
        await chat(request, response, model);
      },
    },
    options.port,
  );
}
