import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import fc from "fast-check";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { confine } from "../../sidecar/workspace/confine.ts";

describe("confine", () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "podium-confine-")));
  const root = join(base, "root");
  const forbidden = [join(root, "state"), join(base, "never-made")];

  before(() => {
    for (const path of [
      "root/sub/deep",
      "root/..foo",
      "root/.git",
      "root/state",
      "root/.podium-home",
      "root-sibling",
      "outer",
    ]) {
      mkdirSync(join(base, path), { recursive: true });
    }
    for (const path of [
      "root/a.ts",
      "root/sub/b.ts",
      "root/..foo/x",
      "root/.git/config",
      "root/state/podium.db",
      "root-sibling/x",
      "outer/x",
    ]) {
      writeFileSync(join(base, path), "x");
    }
    symlinkSync(join(base, "outer"), join(root, "out-dir"));
    symlinkSync(join(base, "outer/x"), join(root, "out-file"));
    symlinkSync(join(base, "nowhere"), join(root, "dangling"));
    symlinkSync("sub", join(root, "in-dir"));
    symlinkSync("a.ts", join(root, "in-file"));
    symlinkSync("loop-b", join(root, "loop-a"));
    symlinkSync("loop-a", join(root, "loop-b"));
    symlinkSync(".git", join(root, "git-link"));
    symlinkSync("state", join(root, "state-link"));
    symlinkSync("/dev/zero", join(root, "zero"));
    linkSync(join(root, "a.ts"), join(root, "hard"));
    if (process.platform !== "win32") execFileSync("mkfifo", [join(root, "pipe")]);
  });
  after(() => rmSync(base, { recursive: true, force: true }));

  const inside: readonly (readonly [string, string])[] = [
    ["a.ts", "a.ts"],
    ["./sub/../a.ts", "a.ts"],
    ["sub/new/file.ts", "sub/new/file.ts"],
    ["..foo/x", "..foo/x"],
    ["in-dir/b.ts", "sub/b.ts"],
    ["in-dir/new.ts", "sub/new.ts"],
    ["in-file", "a.ts"],
    ["hard", "hard"],
    [".", ""],
    ["sub/.github", "sub/.github"],
  ];
  for (const [path, real] of inside) {
    it(`lets ${path} through`, async () => assert.equal(await confine(root, path, forbidden), join(root, real)));
  }
  it("lets an absolute path inside through", async () =>
    assert.equal(await confine(root, join(root, "a.ts")), join(root, "a.ts")));

  const refused = [
    "../root-sibling/x",
    "..",
    "/etc/passwd",
    "sub/../../outer/x",
    "out-dir",
    "out-dir/x",
    "out-dir/new.ts",
    "out-file",
    "dangling",
    "dangling/x",
    "loop-a",
    "loop-a/x",
    ".git",
    ".git/config",
    ".GIT/config",
    "sub/.git",
    ".git./config",
    ".g\u200bit/config",
    "git-link/config",
    "git~1/config",
    "state/podium.db",
    "state-link/podium.db",
    "state",
    ".podium-home",
    ".podium-home/hub.json",
    "sub/.Podium-Home/x",
    "a\0b",
    "//host/share",
    "\\\\host\\share",
    "C:x",
    "C:\\x",
    "zero",
    "pipe",
    "a.ts/x",
    "x".repeat(5000),
  ];
  for (const path of refused) {
    it(`refuses ${JSON.stringify(path.slice(0, 40))}`, async () => {
      await assert.rejects(
        confine(root, path, forbidden),
        (error) => error instanceof PodiumError && error.code === "outside_workspace",
      );
    });
  }

  it("names a root that is gone", async () => {
    await assert.rejects(
      confine(join(base, "gone"), "a.ts"),
      (error) => error instanceof PodiumError && error.code === "file_missing",
    );
  });

  it("agrees with an oracle on any path", async () => {
    const outside = [
      "out-dir",
      "out-file",
      "dangling",
      "loop-a",
      ".git",
      "git-link",
      "state",
      "state-link",
      ".podium-home",
      "zero",
      "pipe",
    ];
    const links: { readonly [name: string]: string } = { "in-dir": "sub", "in-file": "a.ts" };
    const oracle = (path: string): string | null => {
      const plain = posix.normalize(path).replace(/\/$/, "");
      if (plain === ".." || plain.startsWith("../")) return null;
      const parts = plain === "." ? [] : plain.split("/");
      if (parts.some((part) => part === ".git" || part === ".podium-home")) return null;
      const [first = "", ...rest] = parts;
      if (outside.includes(first)) return null;
      const real = [links[first] ?? first, ...rest];
      const files = ["a.ts", "hard", "sub/b.ts", "..foo/x"];
      const through = real.some((_, index) => index > 0 && files.includes(real.slice(0, index).join("/")));
      return through ? null : join(root, ...real);
    };
    const names = ["sub", "a.ts", "b.ts", "x", "new", "..", ".", "..foo", ...outside, ...Object.keys(links)];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }), async (parts) => {
        const path = parts.join("/");
        const actual = await confine(root, path, forbidden).catch(() => null);
        assert.equal(actual, oracle(path), path);
      }),
      { numRuns: 1500 },
    );
  }).timeout(30_000);
});
