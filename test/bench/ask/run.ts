import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { StepContext } from "../../../sidecar/ports.ts";
import { AskResult } from "../../../sidecar/protocol/review.ts";
import { createAskStep } from "../../../sidecar/steps/ask.ts";
import { createWorkspace } from "../../../sidecar/workspace/workspace.ts";
import { benchAsk, figures, table } from "./bench.ts";

/** `npm run bench:ask [-- --json FILE]`: the degraded path, without any model, on this repository. Exits 1 under a limit. */
const root = realpathSync(fileURLToPath(new URL("../../..", import.meta.url)));
const data = mkdtempSync(join(tmpdir(), "podium-bench-ask-"));
const signal = new AbortController().signal;
const workspace = createWorkspace({
  dataDirectory: data,
  workerUrl: new URL("../../../sidecar/workspace/search/worker.ts", import.meta.url),
  indexEnabled: () => true,
  clock: { sleep: (ms, stop) => setTimeout(ms, undefined, stop ? { signal: stop } : {}) },
});
const refuse = (): never => {
  throw new Error("The ask bench answers without a model and calls no tool.");
};
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
  tool: refuse,
  ask: refuse,
  once: refuse,
  degrade: () => {},
};
const step = createAskStep({ agents: new Map() });

try {
  const where = { root, env: { PATH: process.env["PATH"] ?? "" }, signal };
  const rows = await benchAsk({
    search: async (query, top) => (await workspace.search({ query, top }, where)).hits,
    ask: async (prompt, hits) => {
      const cite = hits.map((hit) => ({ ...hit }));
      return AskResult.parse((await step.run({ with: { prompt, cite }, config: {} }, context)).value);
    },
  });
  console.log(table(rows));
  const json = process.argv.indexOf("--json");
  const file = process.argv[json + 1];
  if (json > 0 && file !== undefined) writeFileSync(file, `${JSON.stringify(figures(rows), null, 2)}\n`);
  process.exitCode = figures(rows).every(({ ratio }) => ratio <= 1) ? 0 : 1;
} finally {
  await workspace.close();
  rmSync(data, { recursive: true, force: true });
}
