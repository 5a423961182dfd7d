/** Lines `line` to `endLine` (1-based, inclusive) of one file. */
export interface Chunk {
  readonly line: number;
  readonly endLine: number;
  readonly symbols: string;
  readonly text: string;
}

const targetLines = 40;
const targetText = 2400;
const heading = /^#{1,6}\s+\S/;
const definition =
  /^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:public |private |static |abstract |readonly )*(?:function\*?|class|interface|type|enum|const|let|def|fn|func|struct|trait|impl|module|package|describe|it)\b[\s(]*["'`]?([\w$. -]{2,80})/;

/** The name that a line declares, or the text of its heading; "" for any other line. */
const symbolOf = (line: string): string => {
  if (heading.test(line)) return line.replace(/^#+\s*/, "");
  return definition.exec(line)?.[1] ?? "";
};

const startsSection = (line: string): boolean =>
  heading.test(line) || (/^\S/.test(line) && definition.test(line)) || /^\s*\/\*\*/.test(line);

function shouldBreak(lines: readonly string[], at: number, count: number, size: number): boolean {
  const line = lines[at] ?? "";
  if (count >= targetLines + 10 || size + line.length > targetText + 1200) return true;
  if (heading.test(line)) return count >= 5;
  if (size >= targetText || count >= targetLines)
    return line.trim() === "" || startsSection(line) || size >= targetText;
  return count >= targetLines / 2 && startsSection(line) && (lines[at - 1] ?? "").trim() === "";
}

/** Cuts a file into passages of about 40 lines, at headings and declarations where it can. */
export function chunksOf(lines: readonly string[]): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  let size = 0;
  const flush = (end: number): void => {
    const part = lines.slice(start, end);
    const text = part.join("\n");
    if (text.trim() !== "") {
      const symbols = part.map(symbolOf).filter((name) => name !== "");
      chunks.push({ line: start + 1, endLine: end, symbols: symbols.join(" "), text });
    }
    start = end;
    size = 0;
  };
  for (let at = 0; at < lines.length; at += 1) {
    if (at > start && shouldBreak(lines, at, at - start, size)) flush(at);
    size += (lines[at]?.length ?? 0) + 1;
  }
  if (start < lines.length) flush(lines.length);
  return chunks;
}
