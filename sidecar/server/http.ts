import type { IncomingMessage } from "node:http";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type ErrorCode, PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { Build } from "../protocol/hub.ts";
import { limits } from "../protocol/wire.ts";
import type { Caller, Handlers } from "./caller.ts";
import { assertDepth } from "./depth.ts";
import { dispatch, isPlain } from "./dispatch.ts";
import { openApi, restRows, wordsDecoder } from "./openapi.ts";

const statusOf: Partial<Record<ErrorCode, number>> = {
  invalid_input: 400,
  too_deep: 400,
  usage: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  unknown_run: 404,
  unknown_ask: 404,
  unknown_workflow: 404,
  already_answered: 409,
  ask_gone: 409,
  too_large: 413,
  invalid_workflow: 422,
  overloaded: 429,
  provider_unavailable: 503,
  storage: 503,
};

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** RFC 9457 problem document of any error. `status` where the code alone does not say it. */
export function problemOf(error: unknown, status?: number): Problem {
  const { code, message } = toPodiumError(error);
  const number = status ?? statusOf[code] ?? 500;
  return {
    status: number,
    headers: { "content-type": "application/problem+json" },
    body: JSON.stringify({ type: `urn:podium:${code}`, title: code, detail: message, status: number, code }),
  };
}

function refusal(error: unknown, status?: number): Response {
  const { body, ...init } = problemOf(error, status);
  return new Response(body, init);
}

const isJson = (type: string): boolean => /^application\/json\s*(;|$)/i.test(type);

/** Every method row with `rest`, under its path; the guard has already answered for the rest of the world. */
export function createHttp(handlers: Handlers, build: Build): Hono {
  const app = new Hono();
  const caller: Caller = {
    door: "http",
    client: "http",
    scopes: new Set(["read", "run", "admin"]),
    roots: null,
    trusted: true,
    settings: {},
  };
  app.onError((error) => refusal(error));
  app.notFound((context) =>
    refusal(new PodiumError("not_found", `There is no ${context.req.method} ${context.req.path}.`)),
  );
  app.use(async (context, next) => {
    // A page may post anything but this type without asking first.
    if (["GET", "HEAD", "DELETE", "OPTIONS"].includes(context.req.method)) return next();
    if (isJson(context.req.header("content-type") ?? "")) return next();
    return refusal(new PodiumError("invalid_input", "The body must be application/json."), 415);
  });
  app.use(
    bodyLimit({
      maxSize: limits.frame,
      onError: () => refusal(new PodiumError("too_large", "The body is larger than 1 MB.")),
    }),
  );
  app.get("/health", (context) => context.json({ ok: true }));
  let document: object | null = null;
  app.get("/api/v1/openapi.json", (context) => {
    document ??= openApi(build);
    return context.json(document);
  });
  for (const row of restRows) {
    const { method, verb, path, idem } = row;
    if (!isPlain(method)) continue;
    const decode = wordsDecoder(row);
    app.on(verb.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ":$1"), async (context) => {
      const key = idem ? context.req.header("idempotency-key") : undefined;
      const given = verb === "post" || verb === "put" ? await bodyOf(context) : decode(context.req.query());
      const params = {
        ...given,
        ...decode(context.req.param()),
        ...(key === undefined ? {} : { idem: key }),
      };
      const result = await dispatch(handlers, method, params, caller);
      return context.json(result, verb === "post" ? 201 : 200);
    });
  }
  return app;
}

async function bodyOf(context: Context): Promise<object> {
  const text = await context.req.text();
  assertDepth(text, limits.depth);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new PodiumError("invalid_input", "The body is not JSON.", { cause });
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw new PodiumError("invalid_input", "The body must be a JSON object.");
}

/** The path of a raw request without its query. */
export const pathOf = (request: IncomingMessage): string => (request.url ?? "/").split("?")[0] ?? "/";
