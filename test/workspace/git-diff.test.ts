import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { type Folder, folder } from "./support.ts";

const coded = (code: string) => (error: unknown) => error instanceof PodiumError && error.code === code;
const added = (text: string): readonly string[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("+"))
    .map((line) => line.slice(1));

describe("git.diff", () => {
  let place: Folder;
  beforeEach(() => {
    place = folder();
    place.git("init", "-q");
  });
  afterEach(() => place.close());
  const commit = (): void => {
    place.git("add", "-A");
    place.git("commit", "-q", "-m", "x");
  };
  const diff = (request: Parameters<Folder["workspace"]["diff"]>[0]) => place.workspace.diff(request, place.context);

  it("reads staged from git's objects, byte for byte, whatever the working file says", async () => {
    place.write("src/a.ts", "one\r\ntwo\r\n");
    commit();
    place.write("src/a.ts", "one\r\nstaged\r\n");
    place.git("add", "-A");
    place.write("src/a.ts", "one\r\nUNSTAGED\r\n");
    const { files } = await diff({ scope: "staged" });
    const [file] = files;
    assert.equal(file?.path, "src/a.ts");
    assert.deepEqual(added(file?.hunks[0]?.text ?? ""), ["staged\r"]);
    assert.equal(await place.workspace.newText(file ?? { path: "" }, place.context), "one\r\nstaged\r\n");
    const unstaged = await diff({ scope: "unstaged" });
    assert.deepEqual(added(unstaged.files[0]?.hunks[0]?.text ?? ""), ["UNSTAGED\r"]);
  });

  it("works in a repository without commits, with CJK and spaces in paths", async () => {
    place.write("源码/my file.ts", "export const x = 1;\n");
    place.write('odd/quo"te.ts', "export const y = 1;\n");
    place.git("add", "-A");
    place.write("later.ts", "export const z = 1;\n");
    const staged = await diff({ scope: "staged" });
    assert.deepEqual(staged.files.map(({ path }) => path).toSorted(), ['odd/quo"te.ts', "源码/my file.ts"]);
    const working = await diff({ scope: "working" });
    assert.deepEqual(working.files.map(({ path }) => path).toSorted(), [
      "later.ts",
      'odd/quo"te.ts',
      "源码/my file.ts",
    ]);
    assert.deepEqual(
      working.files.map(({ status }) => status),
      ["added", "added", "added"],
    );
    await assert.rejects(diff({ scope: "branch" }), coded("git_failed"));
  });

  it("says what it leaves out and why", async () => {
    place.write("gone.ts", "bye\n");
    place.write("move.ts", "a\nb\nc\nd\ne\nf\n");
    place.write("edit.ts", "a\nb\nc\nd\ne\nf\ng\nh\n");
    place.write("space.ts", "if (a) b();\n");
    commit();
    rmSync(join(place.root, "gone.ts"));
    renameSync(join(place.root, "move.ts"), join(place.root, "moved.ts"));
    renameSync(join(place.root, "edit.ts"), join(place.root, "edited.ts"));
    writeFileSync(join(place.root, "edited.ts"), "a\nb\nc\nd\nE\nf\ng\nh\n");
    place.write("space.ts", "if (a)\n  b();\n");
    place.write("pic.png", Buffer.from([1, 0, 2]));
    place.write("package-lock.json", "{}\n");
    place.write("vendor/x.js", "x\n");
    place.write("gen.ts", "// @generated\nx\n");
    place.write("min.ts", `${"x".repeat(9000)}\n`);
    symlinkSync("edited.ts", join(place.root, "link.ts"));
    place.git("add", "-A");
    const { files, omitted } = await diff({ scope: "staged" });
    assert.deepEqual(
      files.map(({ path, oldPath, status }) => ({ path, oldPath, status })),
      [{ path: "edited.ts", oldPath: "edit.ts", status: "renamed" }],
    );
    assert.deepEqual(Object.fromEntries(omitted.map(({ path, why }) => [path, why])), {
      "gone.ts": "deleted",
      "moved.ts": "renamed only",
      "space.ts": "whitespace only",
      "pic.png": "binary",
      "package-lock.json": "lock file",
      "vendor/x.js": "vendored",
      "gen.ts": "generated",
      "min.ts": "generated",
      "link.ts": "symbolic link",
    });
  });

  it("compares a branch with its merge base, and a range", async () => {
    place.write("a.ts", "1\n");
    commit();
    place.git("checkout", "-q", "-b", "topic");
    place.write("b.ts", "topic\n");
    commit();
    place.git("checkout", "-q", "main");
    place.write("c.ts", "main\n");
    commit();
    place.git("checkout", "-q", "topic");
    place.write("dirty.ts", "not committed\n");
    const branch = await diff({ scope: "branch", base: "main" });
    assert.deepEqual([branch.base, branch.files.map(({ path }) => path)], ["main", ["b.ts"]]);
    assert.equal(await place.workspace.newText(branch.files[0] ?? { path: "" }, place.context), "topic\n");
    assert.deepEqual(
      (await diff({ scope: "range", range: "main..topic" })).files.map(({ path }) => path),
      ["b.ts"],
    );
    await assert.rejects(diff({ scope: "branch", base: "nowhere" }), coded("git_failed"));
    await assert.rejects(diff({ scope: "range", range: "--output=x..y" }), coded("invalid_input"));
  });

  it("reads a patch, with or without git's headers, and refuses paths that leave the folder", async () => {
    const patch =
      "--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1,2 @@ function f\n a\n-b\n+--- c\n--- /dev/null\n+++ b/../../evil.ts\n@@ -0,0 +1 @@\n+x\n";
    const { files, omitted } = await diff({ scope: "patch", patch });
    assert.deepEqual(
      files.map(({ path, hunks }) => [path, hunks.length]),
      [["x.ts", 1]],
    );
    assert.deepEqual(added(files[0]?.hunks[0]?.text ?? ""), ["--- c"]);
    assert.deepEqual(omitted, [{ path: "../../evil.ts", why: "outside the workspace" }]);
    await assert.rejects(diff({ scope: "patch", patch: "hello" }), coded("invalid_input"));
  });

  it("puts risky files first and splits a large one with true line numbers", async () => {
    place.write("README.md", "hello\n");
    place.write("test/a.test.ts", "it();\n");
    place.write(
      "src/auth.ts",
      Array.from({ length: 1500 }, (_, index) => `export const value${index + 1} = ${index};`).join("\n"),
    );
    place.git("add", "-A");
    const { files } = await diff({ scope: "staged" });
    const paths = files.map(({ path }) => path);
    assert.deepEqual([...new Set(paths)], ["src/auth.ts", "test/a.test.ts", "README.md"]);
    assert.ok(paths.filter((path) => path === "src/auth.ts").length > 3);
    for (const { hunks } of files.filter(({ path }) => path === "src/auth.ts")) {
      for (const hunk of hunks)
        assert.equal(added(hunk.text)[0], `export const value${hunk.newStart} = ${hunk.newStart - 1};`);
    }
  });

  it("starts no program that the repository's configuration names", async () => {
    const mark = join(place.root, "..", "mark");
    place.write("a.txt", "1\n");
    place.write(".gitattributes", "*.txt diff=evil\n");
    commit();
    for (const key of ["core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager"]) {
      place.git("config", key, `touch ${mark};`);
    }
    place.write("a.txt", "2\n");
    assert.equal((await diff({ scope: "working" })).files.length, 1);
    const { existsSync } = await import("node:fs");
    assert.equal(existsSync(mark), false);
  });

  it("reviews a file or a selection of it", async () => {
    place.write("a.ts", "1\n2\n3\n4\n");
    assert.equal((await diff({ scope: "file", path: "a.ts" })).files[0]?.hunks[0]?.lines, 4);
    const [file] = (await diff({ scope: "selection", path: "a.ts", line: 2, endLine: 3 })).files;
    assert.deepEqual([file?.hunks[0]?.newStart, added(file?.hunks[0]?.text ?? "")], [2, ["2", "3"]]);
    await assert.rejects(diff({ scope: "file", path: "../x" }), coded("outside_workspace"));
  });

  it("names what is missing: repository, git", async () => {
    const plain = folder();
    await assert.rejects(plain.workspace.diff({ scope: "staged" }, plain.context), coded("not_a_repository"));
    mkdirSync(join(plain.root, "bin"));
    const poor = { ...plain.context, env: { PATH: join(plain.root, "bin") } };
    await assert.rejects(plain.workspace.diff({ scope: "staged" }, poor), coded("git_missing"));
    await plain.close();
  });
});
