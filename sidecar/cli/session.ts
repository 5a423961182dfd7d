import type { Item, ParamsInput, Result, StreamMethod } from "../protocol/methods.ts";
import type { PlainMethod } from "../server/dispatch.ts";

/** One way to talk to a hub: over its socket, or in this very process (`--embedded`). */
export interface Session {
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
