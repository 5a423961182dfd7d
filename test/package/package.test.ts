import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { contents } from "./contents.ts";
import { platformOf } from "./native.ts";
import { unpack } from "./unpack.ts";

const targets = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64", "win32-arm64"] as const;
const own = `${process.platform}-${process.arch}`;
const root = resolve(import.meta.dirname, "../..");
const packer = join(root, "bin/package.mjs");
const driver = "extension/dist/node_modules/better-sqlite3";
const bundles = [
  "hub.mjs",
  "cli.mjs",
  "index-worker.mjs",
  "extension.cjs",
  "window.cjs",
  "review.cjs",
  "webview/main.js",
];

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}
const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, "utf8")) as T;

describe("the packages", function () {
  this.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), "podium-package-test-"));
  const unpacked = (target: string): string => join(folder, target, "unpacked");
  const names = new Map<string, readonly string[]>();

  before(() => {
    const packed = spawnSync(process.execPath, [packer, ...targets, "--out", folder], { encoding: "utf8" });
    assert.equal(packed.status, 0, packed.stderr);
    for (const target of targets) names.set(target, unpack(join(folder, `podium-${target}.vsix`), unpacked(target)));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const target of targets)
    describe(target, () => {
      it("has at most 6 MB and says for what it is", () => {
        const { size } = statSync(join(folder, `podium-${target}.vsix`));
        assert.ok(size <= 6 * 1024 * 1024, `${size} bytes`);
        const manifest = readFileSync(join(unpacked(target), "extension.vsixmanifest"), "utf8");
        assert.match(manifest, new RegExp(`TargetPlatform="${target}"`));
      });

      it("has one SQLite, made for this platform", () => {
        const native = (names.get(target) ?? []).filter((name) => name.endsWith(".node"));
        assert.deepEqual(native, [`${driver}/prebuilds/${target}.node`]);
        assert.equal(platformOf(readFileSync(join(unpacked(target), native[0] ?? ""))), target);
      });

      it("has the files that are meant to be there, and no other", () => {
        const all = names.get(target) ?? [];
        assert.deepEqual(all.filter((name) => !name.startsWith(`${driver}/`)).sort(), [...contents].sort());
        for (const name of all.filter((found) => found.startsWith(`${driver}/`)))
          assert.match(
            name.slice(driver.length + 1),
            /^(package\.json|LICENSE|lib\/[\w/-]+\.js|prebuilds\/[\w-]+\.node)$/,
          );
      });
    });

  const shipped = (name: string): string => readFileSync(join(unpacked("linux-x64"), "extension", name), "utf8");

  it("hold no map, no code made of text, and no path or name of the machine they were made on", () => {
    for (const bundle of bundles) {
      const text = shipped(`dist/${bundle}`);
      assert.doesNotMatch(text, /\/\/# sourceMappingURL=|\beval\(|\bnew Function\(/, bundle);
      for (const trace of [root, homedir(), tmpdir()])
        if (trace.length > 5) assert.equal(text.includes(trace), false, `${bundle} names ${trace}`);
    }
  });

  it("can reach only the hosts that somebody may read about", () => {
    const hosts = new Set(
      bundles.flatMap((bundle) =>
        [...shipped(`dist/${bundle}`).matchAll(/https?:\/\/([\w.-]+\.[a-z]{2,})(?=[/"'`:?#\s)])/g)].map(
          ([, host = ""]) => host,
        ),
      ),
    );
    assert.deepEqual([...hosts].sort(), knownHosts);
  });

  it("listen to no address of the kind vscode://", () => {
    const { activationEvents = [] } = JSON.parse(shipped("package.json")) as { activationEvents?: string[] };
    assert.equal(activationEvents.includes("onUri"), false);
    for (const bundle of bundles) assert.equal(shipped(`dist/${bundle}`).includes("registerUriHandler"), false, bundle);
  });

  it("run nothing when they are installed or removed", () => {
    const { scripts = {} } = JSON.parse(shipped("package.json")) as Partial<Manifest>;
    assert.deepEqual(
      Object.keys(scripts).filter((name) => /^(vscode:|(pre|post)?(un)?install$|prepare$)/.test(name)),
      [],
    );
    const native = JSON.parse(shipped("dist/node_modules/better-sqlite3/package.json")) as Partial<Manifest>;
    assert.deepEqual(
      Object.keys(native.scripts ?? {}).filter((name) => /install$/.test(name)),
      [],
    );
  });

  it("name everybody whose work they carry, with the licence", () => {
    const parts = shipped("dist/THIRD-PARTY-NOTICES.txt")
      .split(/\n\n-{80}\n\n/)
      .slice(1);
    const noticed = new Map(parts.map((part) => [part.slice(0, part.indexOf(" ")), part]));
    const { dependencies } = readJson<Manifest>(join(root, "package.json"));
    for (const name of Object.keys(dependencies)) {
      const text = noticed.get(name) ?? assert.fail(`${name} is not named`);
      assert.match(text, /copyright|permission/i, name);
      assert.ok(text.startsWith(`${name} ${dependencies[name]} (`), `${name} is named with another version`);
    }
    // What these bring with them and what is bundled of it.
    for (const name of ["lit-html", "@lit/reactive-element", "semver", "minimatch", "vscode-languageserver-types"])
      assert.ok(noticed.has(name), name);
    assert.equal(noticed.has("podium"), false);
    assert.match(shipped("LICENSE.txt"), /MIT/);
  });

  it("starts its hub from where it was unpacked", async function () {
    if (!targets.some((target) => target === own) || process.platform === "win32") this.skip();
    const home = join(folder, "home");
    const { PODIUM_HOME: _, NODE_PATH: __, ...env } = process.env;
    const hub = spawn(process.execPath, [join(unpacked(own), "extension/dist/hub.mjs")], {
      cwd: folder,
      env: { ...env, PODIUM_HOME: home, PODIUM_LANES: join(folder, "lanes") },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    hub.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      const deadline = Date.now() + 30_000;
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

/** Hosts that stand in the bundles: the name of the schema language, and what the ollama client could search with. */
const knownHosts: readonly string[] = ["json-schema.org", "ollama.com"];

describe("the supply", () => {
  const manifest = readJson<Manifest>(join(root, "package.json"));

  it("is pinned to exact versions", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      assert.match(version, /^(npm:@?[\w/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  });

  it("is locked by hash, from no host in particular", () => {
    const { packages } = readJson<{
      packages: Record<string, { integrity?: string; resolved?: string; link?: boolean }>;
    }>(join(root, "package-lock.json"));
    for (const [path, entry] of Object.entries(packages)) {
      if (path === "") continue;
      assert.match(entry.integrity ?? "", /^sha512-/, path);
      assert.equal(entry.resolved, undefined, path);
      assert.notEqual(entry.link, true, path);
    }
  });
});
