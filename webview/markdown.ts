/** The few forms that answers of models are written in. Nothing here is a link: text stays text. */
export type Block =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "item"; readonly text: string; readonly mark: string; readonly level: number }
  | { readonly kind: "code"; readonly text: string };

export type Piece = { readonly kind: "text" | "code" | "strong" | "citation"; readonly text: string };

const fence = /^\s*(```|~~~)/;
const heading = /^#{1,6}\s+(.*)$/;
const item = /^(\s*)([-*+•]|\d{1,3}[.)])\s+(.*)$/;

/** Reads text into blocks; a text that is still being written gives the same blocks, the last one unfinished. */
export function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: string[] = [];
  let code: string[] | null = null;
  const close = (): void => {
    if (open.length > 0) blocks.push({ kind: "text", text: open.join("\n") });
    open = [];
  };
  for (const line of text.split("\n")) {
    if (code !== null) {
      if (fence.test(line)) {
        blocks.push({ kind: "code", text: code.join("\n") });
        code = null;
      } else code.push(line);
      continue;
    }
    const block = fence.test(line) ? "fence" : lineBlock(line);
    if (block === null) open.push(line);
    else close();
    if (block === "fence") code = [];
    else if (block !== null && block !== "blank") blocks.push(block);
  }
  close();
  if (code !== null) blocks.push({ kind: "code", text: code.join("\n") });
  return blocks;
}

/** The block that one line is by itself; null for a line of a paragraph. */
function lineBlock(line: string): Block | "blank" | null {
  if (line.trim() === "") return "blank";
  const [, title] = heading.exec(line) ?? [];
  if (title !== undefined) return { kind: "heading", text: title };
  const [, indent = "", mark = "", text] = item.exec(line) ?? [];
  if (text === undefined) return null;
  const level = Math.min(3, Math.floor(indent.length / 2));
  return { kind: "item", text, mark: /\d/.test(mark) ? mark.replace(")", ".") : "•", level };
}

const inline = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\[\d{1,4}\])/g;

/** Splits a line into text, `code`, **strong** and [1]. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of text.matchAll(inline)) {
    const [whole, code, strong] = found;
    if (found.index > at) pieces.push({ kind: "text", text: text.slice(at, found.index) });
    if (code !== undefined) pieces.push({ kind: "code", text: code.slice(1, -1) });
    else if (strong !== undefined) pieces.push({ kind: "strong", text: strong.slice(2, -2) });
    else pieces.push({ kind: "citation", text: whole });
    at = found.index + whole.length;
  }
  if (at < text.length) pieces.push({ kind: "text", text: text.slice(at) });
  return pieces;
}
