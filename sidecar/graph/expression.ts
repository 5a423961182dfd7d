import type { Json } from "../protocol/json.ts";
import { syntaxError, type Token, tokenize } from "./token.ts";

type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in";
const functionNames = ["len", "lower", "contains", "startsWith", "exists", "default"] as const;
type FunctionName = (typeof functionNames)[number];

/** A parsed expression (ENGINE E12): plain data, evaluated without running user code. */
export type Expr =
  | { readonly kind: "literal"; readonly value: Json }
  | { readonly kind: "list"; readonly items: readonly Expr[] }
  | { readonly kind: "path"; readonly name: string; readonly rest: readonly (string | number)[] }
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Expr[] }
  | { readonly kind: "not"; readonly operand: Expr }
  | { readonly kind: "and" | "or" | "+" | "-" | Comparison; readonly left: Expr; readonly right: Expr };

/** Parses one expression; `parseExpression`, or a caching one from `cachedParser`. */
export type Parse = (text: string) => Expr;

/** Words that no step, item or input may be called. */
export const keywords: ReadonlySet<string> = new Set(["and", "or", "not", "in", "true", "false", "null"]);
const constants: ReadonlyMap<string, Json> = new Map<string, Json>([
  ["true", true],
  ["false", false],
  ["null", null],
]);
const argumentCounts: { readonly [N in FunctionName]: number } = {
  len: 1,
  lower: 1,
  contains: 2,
  startsWith: 2,
  exists: 1,
  default: 2,
};
const maxNodes = 1000;
const maxNesting = 100;
const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);
const isComparison = (word: string): word is Comparison => comparisons.has(word);
const isFunction = (word: string): word is FunctionName => functionNames.some((name) => name === word);

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nodes = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): Expr {
    const expr = this.#or();
    const rest = this.#peek();
    if (rest.kind !== "end") this.#unexpected(rest);
    return expr;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", column: 1 };
  }

  #unexpected(token: Token): never {
    if (token.kind === "end") syntaxError(token.column, "the expression ends too early; a value is missing");
    if (token.kind === "sign" && token.value === "(")
      syntaxError(token.column, `only ${functionNames.join(", ")} can be called`);
    return syntaxError(token.column, `${JSON.stringify(token.value)} is not expected here`);
  }

  /** The text of the next token if it is a sign or a word. */
  #symbol(): string | null {
    const token = this.#peek();
    return token.kind === "sign" || token.kind === "word" ? token.value : null;
  }

  #accept(symbol: string): boolean {
    if (this.#symbol() !== symbol) return false;
    this.#at += 1;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#accept(symbol)) syntaxError(this.#peek().column, `${symbol} is missing`);
  }

  #node(expr: Expr): Expr {
    this.#nodes += 1;
    if (this.#nodes > maxNodes)
      syntaxError(this.#peek().column, `an expression has at most ${maxNodes} parts; split it over steps`);
    return expr;
  }

  #nested(parse: () => Expr): Expr {
    this.#nesting += 1;
    if (this.#nesting > maxNesting)
      syntaxError(this.#peek().column, `more than ${maxNesting} levels; split it over steps`);
    const expr = parse();
    this.#nesting -= 1;
    return expr;
  }

  #or(): Expr {
    let left = this.#and();
    while (this.#accept("or")) left = this.#node({ kind: "or", left, right: this.#and() });
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    while (this.#accept("and")) left = this.#node({ kind: "and", left, right: this.#not() });
    return left;
  }

  #not(): Expr {
    if (this.#accept("not")) return this.#node({ kind: "not", operand: this.#nested(() => this.#not()) });
    return this.#comparison();
  }

  #comparison(): Expr {
    const left = this.#sum();
    const operator = this.#symbol();
    if (operator === null || !isComparison(operator)) return left;
    this.#at += 1;
    const expr = this.#node({ kind: operator, left, right: this.#sum() });
    const next = this.#symbol();
    if (next !== null && isComparison(next))
      syntaxError(this.#peek().column, "compare two values at a time; join with and");
    return expr;
  }

  #sum(): Expr {
    let left = this.#primary();
    for (;;) {
      if (this.#accept("+")) left = this.#node({ kind: "+", left, right: this.#primary() });
      else if (this.#accept("-")) left = this.#node({ kind: "-", left, right: this.#primary() });
      else return left;
    }
  }

  #primary(): Expr {
    const token = this.#peek();
    this.#at += 1;
    switch (token.kind) {
      case "number":
      case "text":
        return this.#node({ kind: "literal", value: token.value });
      case "sign":
        return this.#signed(token.value, token);
      case "word":
        return this.#named(token.value, token);
      case "end":
        return this.#unexpected(token);
    }
  }

  #signed(sign: string, token: Token): Expr {
    if (sign === "(") {
      const expr = this.#nested(() => this.#or());
      this.#expect(")");
      return expr;
    }
    if (sign === "[") return this.#node({ kind: "list", items: this.#items("]") });
    const next = this.#peek();
    if (sign === "-" && next.kind === "number") {
      this.#at += 1;
      return this.#node({ kind: "literal", value: next.value === 0 ? 0 : -next.value });
    }
    return this.#unexpected(token);
  }

  #items(close: string): readonly Expr[] {
    const items: Expr[] = [];
    while (!this.#accept(close)) {
      if (items.length > 0) this.#expect(",");
      items.push(this.#nested(() => this.#or()));
    }
    return items;
  }

  #named(name: string, token: Token): Expr {
    if (this.#symbol() === "(") {
      if (!isFunction(name))
        syntaxError(token.column, `${name} is not a function; there are ${functionNames.join(", ")}`);
      this.#at += 1;
      return this.#call(name, token.column);
    }
    const value = constants.get(name);
    if (value !== undefined) return this.#node({ kind: "literal", value });
    if (keywords.has(name)) this.#unexpected(token);
    return this.#node({ kind: "path", name, rest: this.#segments() });
  }

  #call(name: FunctionName, column: number): Expr {
    const args = this.#items(")");
    const count = argumentCounts[name];
    if (args.length !== count)
      syntaxError(column, `${name} takes ${count === 1 ? "one value" : "two values"}, not ${args.length}`);
    if (name === "exists" && args[0]?.kind !== "path")
      syntaxError(column, "exists takes a path, such as exists(answer.text)");
    return this.#node({ kind: "call", name, args });
  }

  #segments(): readonly (string | number)[] {
    const rest: (string | number)[] = [];
    for (;;) {
      if (this.#accept(".")) {
        const token = this.#peek();
        if (token.kind !== "word") syntaxError(token.column, "a name is missing after the dot");
        rest.push(token.value);
      } else if (this.#accept("[")) {
        const token = this.#peek();
        const isIndex = token.kind === "text" || (token.kind === "number" && Number.isInteger(token.value));
        if (!isIndex) syntaxError(token.column, "an index is a whole number from 0 or a quoted name");
        rest.push(token.value);
        this.#at += 1;
        this.#expect("]");
        continue;
      } else return rest;
      this.#at += 1;
    }
  }
}

/** Parses an expression of at most 1,000 parts; throws `expr_syntax` naming the column. Nothing is run. */
export function parseExpression(text: string): Expr {
  return new Parser(text).parse();
}

/** A `parseExpression` that remembers up to `limit` texts; the caller holds it as long as it likes, one per run or per hub. */
export function cachedParser(limit = 2000): Parse {
  const known = new Map<string, Expr>();
  return (text) => {
    const found = known.get(text);
    if (found) return found;
    const expr = parseExpression(text);
    if (known.size >= limit) known.clear();
    known.set(text, expr);
    return expr;
  };
}

/** A path that an expression reads; `guarded` = inside `default()` or `exists()`, where it may be missing. */
export interface PathRead {
  readonly path: readonly string[];
  readonly guarded: boolean;
}

function collect(expr: Expr, guarded: boolean, into: PathRead[]): void {
  switch (expr.kind) {
    case "literal":
      return;
    case "path":
      into.push({ path: [expr.name, ...expr.rest.map(String)], guarded });
      return;
    case "list":
      for (const item of expr.items) collect(item, guarded, into);
      return;
    case "call":
      for (const item of expr.args) collect(item, guarded || expr.name === "default" || expr.name === "exists", into);
      return;
    case "not":
      collect(expr.operand, guarded, into);
      return;
    case "and":
    case "or":
    case "+":
    case "-":
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
    case "in":
      collect(expr.left, guarded, into);
      collect(expr.right, guarded, into);
      return;
  }
}

/** Every path that an expression names, in written order. */
export function pathsOf(expr: Expr): readonly PathRead[] {
  const paths: PathRead[] = [];
  collect(expr, false, paths);
  return paths;
}
