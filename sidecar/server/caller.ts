import { PodiumError } from "../protocol/errors.ts";
import type { Scope } from "../protocol/hub.ts";
import type { Item, Method, Params, Result, StreamMethod } from "../protocol/methods.ts";

/** Who asks: the door, what it may do, and the folders and trust its connection is bound to. */
export interface Caller {
  readonly door: "ws" | "http" | "lsp";
  readonly client: "extension" | "cli" | "test" | "http";
  readonly scopes: ReadonlySet<Scope>;
  /** Real paths; null = every workspace (an admin, or plain HTTP with the token). */
  readonly roots: readonly string[] | null;
  readonly trusted: boolean;
  /** Settings this connection's person set. */
  readonly settings: Readonly<Record<string, unknown>>;
}

type Plain = Exclude<Method, "hello" | "settings.set" | StreamMethod>;

/** One handler per method; hello and settings.set belong to the socket itself. A stream handler returns how to stop. */
export type Handlers = { readonly [M in Plain]: (params: Params<M>, caller: Caller) => Promise<Result<M>> };
export type Streams = {
  readonly [M in StreamMethod]: (
    params: Params<M>,
    caller: Caller,
    push: (item: Item<M>) => void,
  ) => Promise<{ readonly result: Result<M>; readonly stop: () => void }>;
};

/** Throws `forbidden` when the caller lacks the scope. */
export function assertScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.has(scope)) throw new PodiumError("forbidden", `This needs the scope ${scope}.`);
}

/** True when a run of `root` is visible to the caller. */
export const sees = (caller: Caller, root: string): boolean => caller.roots === null || caller.roots.includes(root);
