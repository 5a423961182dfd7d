/** Terminal text: colours only where they are wanted, widths counted in characters. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
}

const paint =
  (on: boolean, code: number, end: number) =>
  (text: string): string =>
    on ? `\u001b[${code}m${text}\u001b[${end}m` : text;

/** `NO_COLOR` and anything but a terminal switch colours off. */
export function createStyle(on: boolean): Style {
  return {
    bold: paint(on, 1, 22),
    dim: paint(on, 2, 22),
    red: paint(on, 31, 39),
    yellow: paint(on, 33, 39),
    green: paint(on, 32, 39),
  };
}

/** A table with right-aligned numbers. The first row is the head. */
export function table(rows: readonly (readonly string[])[], numeric: ReadonlySet<number> = new Set()): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          numeric.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A line no wider than the terminal; what is cut ends in an ellipsis. */
export const fit = (line: string, width: number | null): string =>
  width === null || line.length <= width ? line : `${line.slice(0, width - 1)}…`;

export const seconds = (ms: number | null): string =>
  ms === null ? "?" : ms === 0 ? "·" : ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;

/** Control, format and bidi characters made visible, so that model text cannot repaint the terminal. */
export const visible = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === "\n" || character === "\t" ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
