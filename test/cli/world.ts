import assert from "node:assert/strict";
import type { RunResult } from "../../sidecar/protocol/results.ts";
import { bundlePodium, type Program, type Ran, type Running } from "../support/cli.ts";
import type { Answer, FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, type Place } from "../support/hub.ts";

interface Extra {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string | null;
}

/** One place with a model server, and the built command line to use them with. */
export interface World {
  readonly place: Place;
  readonly program: Program;
  readonly server: FakeServer;
  /** The ref of the one model. */
  readonly ref: string;
  run(words: readonly string[], extra?: Extra): Promise<Ran>;
  start(words: readonly string[], extra?: Extra): Running;
  /** Runs with --format json and parses the one object; fails when stdout holds anything else. */
  json<T = RunResult>(words: readonly string[], extra?: Extra): Promise<Ran & { readonly value: T }>;
  end(): Promise<void>;
}

const sentence = "The brass key hangs behind the clock [1].";
const finding = {
  quote: "  return items.slice(items.length - n - 1);",
  category: "correctness",
  title: "One item too many",
  claim: "The slice begins one item too early.",
  trigger: "last([1, 2, 3], 1) gives [2, 3]",
};

/** `slow` in a question = an answer that begins and never ends. */
function answerTo(prompt: string, asked: string): Answer {
  if (prompt.includes("slow")) return { text: "The brass key hangs", hangAfter: 2 };
  if (asked.includes("Is the claim true")) return JSON.stringify({ verdict: "real", evidence: finding.quote });
  if (asked.includes("What is wrong in this change of last.ts"))
    return JSON.stringify({ findings: [finding, { ...finding, quote: "not in the file", title: "Made up" }] });
  if (asked.includes("What is wrong in this change")) return JSON.stringify({ findings: [] });
  return sentence;
}

export const before = "export function last(items: readonly number[], n: number) {\n  return items.slice(-n);\n}\n";
export const after = `export function last(items: readonly number[], n: number) {\n  if (n < 0) return [];\n${finding.quote}\n}\n`;

/** `served: false` = the hub knows no server; the fake one runs all the same. */
export async function createWorld({ served }: { readonly served: boolean } = { served: true }): Promise<World> {
  const program = await bundlePodium();
  const server = await fakeOllama({
    answers: ({ body, prompt }) => answerTo(prompt, JSON.stringify(body?.["messages"])),
  });
  const place = createPlace(served ? { PODIUM_SERVERS: server.url } : {});
  place.write("last.ts", before);
  place.git("add", ".");
  place.git("commit", "-q", "-m", "Add last");
  const start: World["start"] = (words, { env, cwd, stdin } = {}) =>
    program.start(words, {
      cwd: cwd ?? place.root,
      env: { ...place.env, ...env },
      ...(stdin === undefined ? {} : { stdin }),
    });
  const run: World["run"] = (words, extra) => start(words, extra).ran;
  return {
    place,
    program,
    server,
    ref: `ollama@127.0.0.1:${server.port}/fake:1b`,
    run,
    start,
    async json<T>(words: readonly string[], extra?: Extra) {
      const ran = await run([...words, "--format", "json"], extra);
      assert.match(ran.stdout, /^[^\n]+\n$/, `not one line: ${ran.stdout}${ran.stderr}`);
      return { ...ran, value: JSON.parse(ran.stdout) as T };
    },
    async end() {
      await place.remove();
      await server.close();
      program.remove();
    },
  };
}
