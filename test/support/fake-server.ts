import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fakeMlx } from "./fake-mlx.ts";
import type { Answer, Answers } from "./fake-model-server.ts";
import { fakeOllama } from "./fake-ollama.ts";

// node test/support/fake-server.ts ollama|mlx [--answers file.json] [--models a,b] [--port N]
// Prints {"url":…} as one JSON line, then a line per generation; ends with SIGTERM.

interface Rule {
  /** Part of the last user message; absent = any. */
  readonly match?: string;
  readonly answer: Answer;
}

/** Rules from a file: the first rule whose `match` is in the prompt answers; a plain text is a rule for everything. */
function answersFrom(file: string | undefined): Answers {
  if (file === undefined) return () => "ok";
  const parsed = JSON.parse(readFileSync(file, "utf8")) as string | readonly (string | Rule)[];
  const rules = (typeof parsed === "string" ? [parsed] : parsed).map((rule) =>
    typeof rule === "string" ? { answer: rule } : rule,
  );
  return ({ prompt }) => rules.find(({ match }) => match === undefined || prompt.includes(match))?.answer ?? "ok";
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { answers: { type: "string" }, models: { type: "string" }, port: { type: "string" } },
});
const answers = answersFrom(values.answers);
const options = {
  answers: (request: Parameters<Answers>[0]) => {
    process.stdout.write(
      `${JSON.stringify({ generation: { model: request.model, prompt: request.prompt.slice(0, 200) } })}\n`,
    );
    return answers(request);
  },
  ...(values.models === undefined ? {} : { models: values.models.split(",") }),
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
};
const server = await (positionals[0] === "mlx" ? fakeMlx(options) : fakeOllama(options));
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
const stop = () => void server.close().then(() => process.exit(0));
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
