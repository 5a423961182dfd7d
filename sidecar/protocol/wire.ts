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

/** A frame is told by the one field it has besides `id`; fields that a newer hub adds are ignored. */
export const ServerFrame = z.union([
  z.object({ id: z.int(), result: z.unknown() }),
  z.object({ id: z.int(), error: ErrorShape }),
  z.object({ id: z.int(), item: z.unknown() }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/**
 * Limits of the doors. `depth` in levels of JSON; `frame` (a body), `buffered` (unread items of a slow client) and `message`
 * (an imported or exported run) in bytes; `restPerMinute` in requests.
 */
export const limits = {
  depth: 64,
  frame: 1024 * 1024,
  buffered: 8 * 1024 * 1024,
  message: 64 * 1024 * 1024,
  restPerMinute: 100,
} as const;
