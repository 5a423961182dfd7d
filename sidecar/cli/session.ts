import type { HubClient } from "../client/client.ts";
import type { Notice } from "../protocol/hub.ts";
import type { Item, ParamsInput, Result, StreamMethod } from "../protocol/methods.ts";
import type { PlainMethod } from "../server/dispatch.ts";

/** One way to talk to a hub: over its socket, or in this very process (`--embedded`). */
export interface Session {
  /** What another command line needs to come to the same runs, with a space before it; empty for the usual place. */
  readonly where: string;
  /** What a person should know, said once; null = nothing. */
  readonly notice: Notice | null;
  request<M extends PlainMethod>(method: M, params: ParamsInput<M>): Promise<Result<M>>;
  watch<M extends StreamMethod>(
    method: M,
    params: ParamsInput<M>,
    onItem: (item: Item<M>) => void,
  ): Promise<{ readonly stop: () => void }>;
  /** Called when the hub goes away; never for an embedded one. */
  onClose(listener: () => void): void;
  close(): Promise<void>;
}

export const attached = (client: HubClient, where = ""): Session => ({
  where,
  notice: client.hello.notice ?? null,
  request: (method, params) => client.request(method, params),
  watch: (method, params, onItem) => client.watch(method, params, onItem),
  onClose: (listener) => client.onClose(listener),
  close: async () => client.close(),
});
