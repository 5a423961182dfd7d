import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { PodiumError } from "../protocol/errors.ts";

/** Where a command writes. A reader that went away ends neither the command nor the run. */
export interface Output {
  readonly write: (text: string) => void;
  /** Resolves when everything is handed over, so that the process may end. */
  flush(): Promise<void>;
}

export function toStream(stream: NodeJS.WriteStream): Output {
  stream.on("error", () => undefined);
  return {
    write: (text) => void stream.write(text),
    flush: () => new Promise((done) => (stream.destroyed ? done() : stream.write("", () => done()))),
  };
}

/** `-o file`: the result, whole, once the command has ended. */
export function toFile(cwd: string, name: string): Output {
  const file = resolve(cwd, name);
  let text = "";
  return {
    write: (piece) => {
      text += piece;
    },
    async flush() {
      try {
        writeFileSync(file, text);
      } catch (cause) {
        throw new PodiumError("usage", `${name} cannot be written; name another file with -o.`, { cause });
      }
    },
  };
}
