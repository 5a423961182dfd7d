import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { StepContext } from "../../../sidecar/ports.ts";
import { Json } from "../../../sidecar/protocol/json.ts";
import { AskResult } from "../../../sidecar/protocol/review.ts";
import { createReview } from "../../../sidecar/review/review.ts";
import { createAskStep } from "../../../sidecar/steps/ask.ts";
import { createTools } from "../../../sidecar/tools/tools.ts";
import { createWorkspace } from "../../../sidecar/workspace/workspace.ts";
import { type AskRow, benchAsk } from "./bench.ts";

const here = realpathSync(fileURLToPath(new URL("../../..", import.meta.url)));
const refuse = (): never => {
  throw new Error("The ask bench answers without a model.");
};

/** Asks every question of the degraded path, without any model, on a copy of this repository that does not hold the questions. */
export async function measureAsk(): Promise<readonly AskRow[]> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "podium-bench-ask-")));
  const [root, data] = [join(base, "root"), join(base, "data")];
  const signal = new AbortController().signal;
  const workspace = createWorkspace({
    dataDirectory: data,
    workerUrl: new URL("../../../sidecar/workspace/search/worker.ts", import.meta.url),
    indexEnabled: () => true,
    clock: { sleep: (ms, stop) => setTimeout(ms, undefined, stop ? { signal: stop } : {}) },
  });
  const environment = { PATH: process.env["PATH"] ?? "" };
  const where = { root, env: environment, signal };
  const tools = createTools({ workspace, review: createReview(), digest: () => "" });
  const context: StepContext = {
    run: "run_bench",
    instance: "answer",
    attempt: 1,
    signal,
    settings: { roles: {}, servers: [], network: "local", requireModel: false },
    trusted: true,
    resolve: () => null,
    whyNone: () => null,
    model: refuse,
    tool: (name, input) => {
      const tool = tools.get(name) ?? refuse();
      return tool.run(input, { ...where, opKey: name });
    },
    ask: refuse,
    once: refuse,
    degrade: () => {},
  };
  const step = createAskStep({ agents: new Map() });

  try {
    const { files } = await workspace.list({}, { ...where, root: here });
    for (const { path } of files) {
      if (path.startsWith("test/bench/ask/")) continue;
      mkdirSync(dirname(join(root, path)), { recursive: true });
      cpSync(join(here, path), join(root, path));
    }
    // The first searches answer before everything is read.
    for (let left = 200; left > 0; left -= 1) {
      if (!(await workspace.search({ query: "podium" }, where)).truncated) break;
    }
    return await benchAsk({
      search: (query, top) => workspace.search({ query, top }, where),
      ask: async (prompt, found) => {
        const cite = Json.parse(JSON.parse(JSON.stringify(found)));
        return AskResult.parse((await step.run({ with: { prompt, cite }, config: {} }, context)).value);
      },
    });
  } finally {
    await workspace.close();
    rmSync(base, { recursive: true, force: true });
  }
}
