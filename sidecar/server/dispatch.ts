import type * as z from "zod";
import { PodiumError } from "../protocol/errors.ts";
import { type Method, methods, type Params, type Result, type StreamMethod } from "../protocol/methods.ts";
import { assertScope, type Caller, type Handlers, type Streams } from "./caller.ts";

export type PlainMethod = keyof Handlers;
const schemas: { readonly [M in Method]: { readonly params: z.ZodType<Params<M>> } } = methods;

export const isMethod = (name: string): name is Method => Object.hasOwn(methods, name);
export const isStream = (name: Method): name is StreamMethod => methods[name].kind === "stream";
export const isPlain = (name: Method): name is PlainMethod =>
  name !== "hello" && name !== "settings.set" && !isStream(name);

function parse<M extends Method>(method: M, params: unknown): Params<M> {
  const parsed = schemas[method].params.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PodiumError(
    "invalid_input",
    `${method}: ${issue?.path.join(".") || "params"}: ${issue?.message ?? "not valid"}.`,
  );
}

/** Parses what came over the wire, checks the scope of the row, then calls the one handler of that method. */
export async function dispatch<M extends PlainMethod>(
  handlers: Handlers,
  method: M,
  params: unknown,
  caller: Caller,
): Promise<Result<M>> {
  assertScope(caller, methods[method].scope);
  return handlers[method](parse(method, params), caller);
}

/** The same for a stream; items are pushed until the returned `stop`. */
export async function subscribe<M extends StreamMethod>(
  streams: Streams,
  method: M,
  params: unknown,
  caller: Caller,
  push: Parameters<Streams[M]>[2],
): Promise<{ readonly result: Result<M>; readonly stop: () => void }> {
  assertScope(caller, methods[method].scope);
  return await streams[method](parse(method, params), caller, push);
}
