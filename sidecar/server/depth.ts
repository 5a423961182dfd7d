import { PodiumError } from "../protocol/errors.ts";

/**
 * Refuses JSON text nested deeper than `limit` before it is parsed: a schema or a stringify would overflow the stack
 * long after `JSON.parse` has accepted it.
 */
export function assertDepth(text: string, limit: number): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 92) index += 1;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > limit) throw new PodiumError("too_deep", `The value is nested deeper than ${limit} levels.`);
    } else if (code === 93 || code === 125) depth -= 1;
  }
}
