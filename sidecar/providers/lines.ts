import { badOutput } from "./classify.ts";

/** Characters of one line; a longer one is refused before it is whole. */
export const maxLine = 1024 * 1024;

/** Lines of a UTF-8 byte stream without their ends; empty ones are dropped. Throws `bad_output` at a line over 1 MB. */
export async function* lines(body: AsyncIterable<Uint8Array>, host: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      if (line.length > maxLine) throw badOutput(host, "a line over 1 MB", line.slice(0, 100));
      if (line.trim() !== "") yield line;
    }
    if (rest.length > maxLine) throw badOutput(host, "a line over 1 MB", rest.slice(0, 100));
  }
  const last = rest + decoder.decode();
  if (last.trim() !== "") yield last;
}

/** Parses JSON, or null. */
export function parseJson(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}
