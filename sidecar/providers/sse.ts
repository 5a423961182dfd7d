import { createParser } from "eventsource-parser";
import { badOutput } from "./classify.ts";
import { maxLine } from "./lines.ts";

export type SseItem = { readonly comment: string } | { readonly data: string };

/** Events and comments of a server-sent stream in order. Throws `bad_output` at 1 MB without an end of event. */
export async function* sse(body: AsyncIterable<Uint8Array>, host: string): AsyncGenerator<SseItem> {
  const items: SseItem[] = [];
  let tooLong = false;
  const parser = createParser({
    onEvent: ({ data }) => items.push({ data }),
    onComment: (comment) => items.push({ comment }),
    onError: (error) => {
      tooLong ||= error.type === "max-buffer-size-exceeded";
    },
    maxBufferSize: maxLine,
  });
  const decoder = new TextDecoder("utf-8");
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* items.splice(0);
    if (tooLong) throw badOutput(host, "a line over 1 MB", "");
  }
  parser.feed(decoder.decode());
  parser.reset({ consume: true });
  yield* items.splice(0);
}
