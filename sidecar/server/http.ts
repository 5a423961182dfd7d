import type { IncomingMessage } from "node:http";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type ErrorCode, PodiumError, toPodiumError } from "../protocol/errors.ts";
import type { Build } from "../protocol/hub.ts";
import { methods } from "../protocol/methods.ts";
import { limits } from "../protocol/wire.ts";
import type { Caller, Handlers } from "./caller.ts";
import { assertDepth } from "./depth.ts";
import { dispatch, type PlainMethod } from "./dispatch.ts";
import { openApi } from "./openapi.ts";

const statusOf: Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 503>> = {
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

/** RFC 9457 problem document of any error. */
function problem(error: unknown): Response {
  const { code, message } = toPodiumError(error);
  const status = statusOf[code] ?? 500;
  return Response.json(
    { type: `urn:podium:${code}`, title: code, detail: message, status, code },
    { status, headers: { "content-type": "application/problem+json" } },
  );
}

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
  app.onError((error) => problem(error));
  app.notFound((context) =>
    problem(new PodiumError("not_found", `There is no ${context.req.method} ${context.req.path}.`)),
  );
  app.use(
    bodyLimit({
      maxSize: limits.frame,
      onError: () => problem(new PodiumError("too_large", "The body is larger than 1 MB.")),
    }),
  );
  app.get("/api/v1/openapi.json", (context) => context.json(openApi(build)));
  for (const method of restMethods()) {
    const { rest, idem } = methods[method] as { rest?: { verb: string; path: string }; idem?: true };
    if (!rest) continue;
    app.on(rest.verb.toUpperCase(), rest.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (context) => {
      const key = idem ? context.req.header("idempotency-key") : undefined;
      const params = {
        ...(await bodyOf(context)),
        ...context.req.query(),
        ...context.req.param(),
        ...(key === undefined ? {} : { idem: key }),
      };
      const result = await dispatch(handlers, method, params, caller);
      return rest.verb === "post" ? context.json(result, 201) : context.json(result);
    });
  }
  return app;
}

async function bodyOf(context: Context): Promise<object> {
  if (context.req.method !== "POST" && context.req.method !== "PUT") return {};
  if (!/^application\/json\b/.test(context.req.header("content-type") ?? "")) {
    throw new PodiumError("invalid_input", "The body must be application/json.");
  }
  const text = await context.req.text();
  assertDepth(text, limits.depth);
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch (cause) {
    throw new PodiumError("invalid_input", "The body is not JSON.", { cause });
  }
}

/** Rows with a REST address. */
function restMethods(): readonly PlainMethod[] {
  return (Object.keys(methods) as (keyof typeof methods)[]).filter(
    (name): name is PlainMethod => "rest" in methods[name],
  );
}

/** The path of a raw request without its query. */
export const pathOf = (request: IncomingMessage): string => (request.url ?? "/").split("?")[0] ?? "/";
