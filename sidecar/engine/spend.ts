import type { Ref } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { isList, isObject } from "../state/codec.ts";

/** Message prefixes already sent to one model, as a tree of message hashes. */
export interface Sent {
  readonly next: Map<string, Sent>;
}

interface StoredMessage {
  readonly blob: string;
  readonly bytes: number;
}

/** The messages that a recorded model request names. */
export function messagesOf(request: Ref): readonly StoredMessage[] {
  const value: Json = "inline" in request ? request.inline : null;
  const messages = isObject(value) ? value["messages"] : undefined;
  if (!isList(messages)) return [];
  return messages.flatMap((message) => {
    if (!isObject(message)) return [];
    const { blob = null, bytes = null } = { blob: null, bytes: null, ...message };
    return typeof blob === "string" && typeof bytes === "number" ? [{ blob, bytes }] : [];
  });
}

/** The part (0 to 1) of a prompt that lies beyond the longest prefix already sent; remembers this prompt. */
export function freshPart(sent: Sent, request: Ref): number {
  let at = sent;
  let fresh = 0;
  let total = 0;
  for (const { blob, bytes } of messagesOf(request)) {
    total += bytes;
    let next = at.next.get(blob);
    if (!next) {
      fresh += bytes;
      next = { next: new Map() };
      at.next.set(blob, next);
    }
    at = next;
  }
  return total === 0 ? 1 : fresh / total;
}
