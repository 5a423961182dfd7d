import { sentencesOf } from "./answer.ts";
import type { Passage } from "./citations.ts";
import { contentWords } from "./words.ts";

/** A sentence or a line of a passage that can stand by itself as a statement; `from` and `to` are indexes of its lines. */
export interface Unit {
  readonly passage: Passage;
  readonly from: number;
  readonly to: number;
  readonly said: string;
  readonly quote: string;
  readonly words: ReadonlySet<string>;
  /** False for a line of code. */
  readonly prose: boolean;
}

const longest = 320;
const documents = /\.(md|mdx|txt|rst|adoc)$/i;

/**
 * Cuts a passage into statements: sentences of documents and comments, and single lines of code. `original` holds the exact
 * lines, `text` the ones that may be used.
 */
export function unitsOf(passage: Passage & { readonly original: Passage }): readonly Unit[] {
  const lines = passage.text.split("\n");
  const exact = passage.original.text.split("\n");
  const units: Unit[] = [];
  const add = (from: number, to: number, said: string, prose: boolean): void => {
    if (/\?\W*$/.test(said)) return;
    const words = contentWords(said);
    const quote = exact.slice(from, to + 1).join("\n");
    units.push({ passage: passage.original, from, to, said: cut(said), quote, words, prose });
  };
  let paragraph: { text: string; line: number }[] = [];
  const flush = (): void => {
    for (const { from, to, said } of sentencesIn(paragraph)) add(from, to, said, true);
    paragraph = [];
  };
  for (const [line, kind] of kindsOf(lines, documents.test(passage.path)).entries()) {
    if (kind.type === "code") {
      flush();
      const said = kind.text.replaceAll("`", "'");
      if (said.length <= longest && !/^import\b/.test(said))
        add(line, line, `\`${passage.path}\` has \`${said}\`.`, false);
    } else if (kind.type === "none") flush();
    else {
      if (kind.starts) flush();
      paragraph.push({ text: kind.text, line });
    }
  }
  flush();
  return units;
}

type Kind =
  | { readonly type: "none" }
  | { readonly type: "code"; readonly text: string }
  | { readonly type: "prose"; readonly text: string; readonly starts: boolean };

const none: Kind = { type: "none" };

function kindsOf(lines: readonly string[], isDocument: boolean): readonly Kind[] {
  let inFence = false;
  return lines.map((line) => {
    const text = line.trim();
    if (/^(```|~~~)/.test(text)) {
      inFence = !inFence;
      return none;
    }
    if (!/[\p{L}\p{N}]/u.test(text)) return none;
    if (isDocument && !inFence) return documentLine(text);
    return codeLine(text);
  });
}

/** Headings are no statements; list items and table rows begin a paragraph. */
function documentLine(text: string): Kind {
  if (/^#{1,6}\s|^\|?\s*:?-{3,}/.test(text)) return none;
  const starts = /^([-*+>]|\d+[.)]|\|)\s*/.test(text);
  const row = text.startsWith("|")
    ? text
        .split("|")
        .map((cell) => cell.trim())
        .filter((cell) => cell !== "")
        .join(": ")
    : text.replace(/^([-*+>]|\d+[.)])\s+/, "");
  return { type: "prose", text: plain(row), starts };
}

function codeLine(text: string): Kind {
  const comment = /^(?:\/\*\*?|\*(?!\/)|\/\/+|#(?!!)|--)\s?(.*?)\s*(?:\*\/)?$/.exec(text);
  if (!comment) return { type: "code", text };
  const body = comment[1] ?? "";
  return body === "" ? none : { type: "prose", text: plain(body), starts: text.startsWith("/**") };
}

/** Markdown without its links and stress. */
function plain(text: string): string {
  return text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/\*\*|__/g, "");
}

/** The sentences of a paragraph, each with the lines it stands on. */
function sentencesIn(
  paragraph: readonly { readonly text: string; readonly line: number }[],
): readonly { readonly from: number; readonly to: number; readonly said: string }[] {
  const whole = paragraph.map(({ text }) => text).join(" ");
  const lineAt = (offset: number): number => {
    let end = 0;
    for (const { text, line } of paragraph) {
      end += text.length + 1;
      if (offset < end) return line;
    }
    return paragraph.at(-1)?.line ?? 0;
  };
  let from = 0;
  return sentencesOf(whole).map((said) => {
    const start = Math.max(from, whole.indexOf(said, from));
    from = start + said.length;
    return { from: lineAt(start), to: lineAt(from - 1), said };
  });
}

function cut(said: string): string {
  if (said.length <= longest) return said;
  return `${said.slice(0, longest).replace(/\s+\S*$/, "")} …`;
}
