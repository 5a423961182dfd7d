import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unpack } from "./unpack.ts";

const target = `${process.platform}-${process.arch}`;
const packer = resolve(import.meta.dirname, "../../bin/package.mjs");
const driver = "extension/dist/node_modules/better-sqlite3";

describe("a package", () => {
  const folder = mkdtempSync(join(tmpdir(), "podium-package-test-"));
  const file = join(folder, `podium-${target}.vsix`);
  let names: readonly string[] = [];

  before(function () {
    this.timeout(60_000);
    if (!["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"].includes(target)) this.skip();
    const packed = spawnSync(process.execPath, [packer, target, "--out", folder], { encoding: "utf8" });
    assert.equal(packed.status, 0, packed.stderr);
    names = unpack(file, join(folder, "unpacked"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has at most 6 MB, one SQLite, no map and no source", () => {
    assert.ok(statSync(file).size <= 6 * 1024 * 1024, `${statSync(file).size} bytes`);
    assert.deepEqual(
      names.filter((name) => name.endsWith(".node")),
      [`${driver}/prebuilds/${target}.node`],
    );
    assert.deepEqual(
      names.filter(
        (name) => /\.(map|ts)$/.test(name) || /^extension\/(sidecar|webview|test|node_modules)\//.test(name),
      ),
      [],
    );
    for (const entry of ["hub.mjs", "cli.mjs", "extension.cjs", "window.cjs", "webview/main.js"])
      assert.ok(names.includes(`extension/dist/${entry}`), entry);
  });

  it("starts its hub from where it was unpacked", async () => {
    const home = join(folder, "home");
    const { PODIUM_HOME: _, NODE_PATH: __, ...env } = process.env;
    const hub = spawn(process.execPath, [join(folder, "unpacked/extension/dist/hub.mjs")], {
      cwd: folder,
      env: { ...env, PODIUM_HOME: home, PODIUM_LANES: join(folder, "lanes") },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    hub.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      const deadline = Date.now() + 10_000;
      while (!existsSync(join(home, "hub.json"))) {
        assert.ok(hub.exitCode === null && Date.now() < deadline, `no hub.json: ${said}`);
        await sleep(50);
      }
    } finally {
      const ended = hub.exitCode === null ? once(hub, "exit") : null;
      hub.kill("SIGTERM");
      await ended;
    }
  });
});
