import type { DiffFile } from "../ports.ts";

/** One line of a hunk's new side. `changed`: added, or beside a line that was removed. `added`: in this change. */
export interface NewLine {
  readonly line: number;
  readonly text: string;
  readonly added: boolean;
  readonly changed: boolean;
}

const withoutReturn = (text: string): string => (text.endsWith("\r") ? text.slice(0, -1) : text);

/** The new side of each hunk of a file, line ends dropped. */
export function newSides(file: DiffFile): readonly (readonly NewLine[])[] {
  return file.hunks.map((hunk) => {
    const sides: { line: number; text: string; added: boolean; changed: boolean }[] = [];
    let line = hunk.newStart;
    let removedBefore = false;
    for (const raw of hunk.text.split("\n").slice(1)) {
      if (raw.startsWith("\\")) continue;
      if (raw.startsWith("-")) {
        const above = sides.at(-1);
        if (above !== undefined && !removedBefore) above.changed = true;
        removedBefore = true;
        continue;
      }
      const added = raw.startsWith("+");
      sides.push({ line, text: withoutReturn(raw.slice(1)), added, changed: added || removedBefore });
      removedBefore = false;
      line += 1;
    }
    return sides;
  });
}
