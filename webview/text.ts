const hidden = /[\p{Cf}\p{Co}\p{Cn}\u2028\u2029]|(?![\n\t])\p{Cc}/gu;

/** Text of a model, a file or a person, with every character that would hide or reorder text written out as `\u{202e}`. */
export const visible = (text: string): string =>
  text.replaceAll("\r\n", "\n").replace(hidden, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

const longest = 100_000;

/** The first 100,000 characters, and how many more there are. */
export function clipped(text: string): { readonly text: string; readonly more: number } {
  if (text.length <= longest) return { text, more: 0 };
  return { text: text.slice(0, longest), more: text.length - longest };
}

/** Ms as seconds: `0.3`, `12`; from a minute on `2:05`. Empty when unknown. */
export function secondsText(ms: number | null): string {
  if (ms === null) return "";
  if (ms < 10_000) return (Math.max(0, ms) / 1000).toFixed(1);
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? String(seconds) : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** The same with its unit, for a sentence: `0.3 s`, `2:05 min`. */
export const durationText = (ms: number): string => `${secondsText(ms)} ${ms < 59_500 ? "s" : "min"}`;

/** `ollama@127.0.0.1:11434/qwen3:4b` → `qwen3:4b`. */
export const modelName = (ref: string): string => (ref.includes("@") ? ref.slice(ref.indexOf("/") + 1) : ref);

/** `src/a.ts:10`, or the path alone. */
export const placeText = (path: string, line: number | null): string =>
  visible(line === null ? path : `${path}:${line}`);

/** `1,234` for a figure that is read, not copied. */
export const countText = (count: number): string => count.toLocaleString("en-US");

/** `1 finding`, `2 findings`. */
export const plural = (count: number, word: string): string => `${countText(count)} ${word}${count === 1 ? "" : "s"}`;

/** Lines of code without the indentation that all of them have. */
export function dedented(text: string): string {
  const lines = text.split("\n");
  const indents = lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0] ?? "");
  const [first = ""] = indents;
  let length = first.length;
  for (const indent of indents) while (!indent.startsWith(first.slice(0, length))) length -= 1;
  return lines.map((line) => (line.trim() === "" ? "" : line.slice(length))).join("\n");
}

/** A value as a person reads it. */
export const valueText = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
