import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIndex } from "../../sidecar/workspace/search/index.ts";
import { realClock } from "../support/real-clock.ts";

describe("the index thread", () => {
  it("that dies at a question refuses it as retryable, and is started again at the next", async () => {
    const root = mkdtempSync(join(tmpdir(), "podium-index-"));
    writeFileSync(join(root, "moon.md"), "The moon is made of basalt.\n");
    const dying = new URL(
      `data:text/javascript,${encodeURIComponent(
        'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(1));',
      )}`,
    );
    const real = new URL("../../sidecar/workspace/search/worker.ts", import.meta.url);
    const workers = [dying, real];
    const index = createIndex(
      {
        dataDirectory: join(root, ".data"),
        get workerUrl() {
          return workers.shift() ?? real;
        },
        indexEnabled: () => false,
        clock: realClock,
      },
      [],
    );
    const search = () => index.search({ query: "basalt" }, { root, env: {}, signal: new AbortController().signal });
    try {
      await assert.rejects(search(), { code: "tool_failed", retryable: true });
      assert.equal((await search()).hits[0]?.path, "moon.md");
      assert.equal(workers.length, 0);
    } finally {
      await index.close();
      rmSync(root, { recursive: true, force: true });
    }
  }).timeout(30_000);
});
