import { PodiumError } from "../protocol/errors.ts";

/** `column` counts from 1. */
export type Token =
  | { readonly kind: "number"; readonly value: number; readonly column: number }
  | { readonly kind: "text"; readonly value: string; readonly column: number }
  | { readonly kind: "word"; readonly value: string; readonly column: number }
  | { readonly kind: "sign"; readonly value: string; readonly column: number }
  | { readonly kind: "end"; readonly column: number };

const space = /\s+/y;
const number = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /[A-Za-z_]\w*/y;
const sign = /==|!=|<=|>=|[<>+\-()[\],.]/y;
const text = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const escapes: { readonly [letter: string]: string } = {
  n: "\n",
  t: "\t",
  r: "\r",
  '"': '"',
  "'": "'",
  "\\": "\\",
  "/": "/",
};

/** Throws `expr_syntax`; the message ends with what to do. */
export function syntaxError(column: number, what: string): never {
  throw new PodiumError("expr_syntax", `Column ${column}: ${what}.`, { reason: `column ${column}` });
}

function match(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? null;
}

function unquote(quoted: string, column: number): string {
  return quoted
    .slice(1, -1)
    .replaceAll(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code: string | undefined, letter: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      return escapes[letter] ?? syntaxError(column, `\\${letter} is not an escape; write \\n, \\t, \\", \\' or \\\\`);
    });
}

function confusion(source: string, at: number, column: number): never {
  const rest = source.slice(at);
  if (/^["']/.test(rest)) syntaxError(column, "this text has no closing quote");
  if (rest.startsWith("=")) syntaxError(column, "a single = compares nothing; write ==");
  if (rest.startsWith("&&")) syntaxError(column, "write and instead of &&");
  if (rest.startsWith("||")) syntaxError(column, "write or instead of ||");
  if (rest.startsWith("!")) syntaxError(column, "write not instead of !");
  if (rest.startsWith("${")) syntaxError(column, `an expression needs no \${ }; write the path alone`);
  return syntaxError(
    column,
    `${JSON.stringify(String.fromCodePoint(rest.codePointAt(0) ?? 32))} is not part of an expression`,
  );
}

/** The tokens of an expression, an `end` last. Throws `expr_syntax`. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < source.length; ) {
    const blank = match(space, source, at);
    if (blank !== null) {
      at += blank.length;
      continue;
    }
    const column = at + 1;
    const found =
      match(number, source, at) ?? match(word, source, at) ?? match(sign, source, at) ?? match(text, source, at);
    if (found === null) confusion(source, at, column);
    tokens.push(tokenOf(found, column));
    at += found.length;
  }
  tokens.push({ kind: "end", column: source.length + 1 });
  return tokens;
}

function tokenOf(found: string, column: number): Token {
  if (/^\d/.test(found)) {
    const value = Number(found);
    if (!Number.isFinite(value)) syntaxError(column, `${found} is too large a number`);
    return { kind: "number", value, column };
  }
  if (/^\w/.test(found)) return { kind: "word", value: found, column };
  if (/^["']/.test(found)) return { kind: "text", value: unquote(found, column), column };
  return { kind: "sign", value: found, column };
}
