import * as z from "zod";
import { ErrorShape } from "./errors.ts";

/**
 * The WebSocket carries JSON text frames. Every request is answered exactly once, with `result` or `error`;
 * a stream method then pushes `item` frames under the request's id until `unsubscribe` or the socket's end.
 */
const RequestFrame = z.object({ id: z.int(), method: z.string(), params: z.unknown() });
const UnsubscribeFrame = z.object({ unsubscribe: z.int() });
export const ClientFrame = z.union([RequestFrame, UnsubscribeFrame]);
export type ClientFrame = z.infer<typeof ClientFrame>;

export const ServerFrame = z.union([
  z.strictObject({ id: z.int(), result: z.unknown() }),
  z.strictObject({ id: z.int(), error: ErrorShape }),
  z.strictObject({ item: z.unknown(), id: z.int() }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** Limits of the doors. Bytes. */
export const limits = { depth: 64, frame: 1024 * 1024, buffered: 8 * 1024 * 1024 } as const;
