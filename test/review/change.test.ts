import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";
import { openEmbedded } from "../../sidecar/cli/embedded.ts";
import type { Session } from "../../sidecar/cli/session.ts";
import { buildPaths } from "../../sidecar/hub/paths.ts";
import type { JsonObject } from "../../sidecar/protocol/json.ts";
import type { RunShow } from "../../sidecar/protocol/results.ts";
import { ReviewResult } from "../../sidecar/protocol/review.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { until } from "../support/hub.ts";

const Messages = z.array(z.object({ content: z.string() }));

const build = { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" } as const;

/** A file before and after a change that plants one bug, and the line of the bug. */
interface Planted {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly bug: string;
}

const planted: readonly Planted[] = [
  {
    path: "src/last items.ts",
    before: "export function last(items: readonly number[], n: number) {\n  return items.slice(-n);\n}\n",
    after:
      "export function last(items: readonly number[], n: number) {\n  if (n < 0) return [];\n  return items.slice(items.length - n - 1);\n}\n",
    bug: "  return items.slice(items.length - n - 1);",
  },
  {
    path: "tools/mean.py",
    before: "def mean(values):\r\n    return sum(values) / max(1, len(values))\r\n",
    after: "def mean(values):\r\n    total = sum(values)\r\n    return total / len(values)\r\n",
    bug: "    return total / len(values)",
  },
  {
    path: "cmd/größe.go",
    before: "package main\n\nfunc size(b []byte) int {\n\tif b == nil {\n\t\treturn 0\n\t}\n\treturn len(b)\n}\n",
    after: "package main\n\nfunc size(b *[]byte) int {\n\treturn len(*b)\n}\n",
    bug: "\treturn len(*b)",
  },
];
const clean = {
  path: "src/clean.ts",
  before: "export const a = 1;\n",
  after: "export const a = 1;\nexport const b = 2;\n",
};

const draft = (quote: string): string =>
  JSON.stringify({
    findings: [
      {
        quote,
        category: "correctness",
        title: "Wrong result",
        claim: "This line gives a wrong result.",
        trigger: "an empty input -> a crash or a wrong value",
      },
    ],
  });

describe("a review of a change, from git to findings", function () {
  this.timeout(60_000);
  let base: string;
  let root: string;
  let session: Session;
  let server: FakeServer;
  /** What the reviewer says of a file; absent = nothing. */
  let drafts: ReadonlyMap<string, string>;

  const write = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const git = (...argv: readonly string[]): string =>
    execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false", ...argv], {
      cwd: root,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", HOME: base },
      stdio: ["ignore", "pipe", "ignore"],
    });
  const commit = (): void => {
    git("add", "-A");
    git("commit", "-q", "-m", "x");
  };
  const review = async (input: JsonObject): Promise<{ readonly show: RunShow; readonly result: ReviewResult }> => {
    const { run } = await session.request("run.start", { workflow: "review_changes", input, root, settings: {} });
    const show = await until("end of the review", async () => {
      const now = await session.request("run.get", { run });
      return now.status === "succeeded" || now.status === "failed" ? now : null;
    });
    assert.equal(show.status, "succeeded", JSON.stringify(show.error));
    return { show, result: ReviewResult.parse(show.result) };
  };

  beforeEach(async () => {
    base = realpathSync(mkdtempSync(join(tmpdir(), "podium-review-")));
    root = join(base, "root");
    mkdirSync(root);
    git("init", "-q", "-b", "main");
    drafts = new Map();
    server = await fakeOllama({
      answers: ({ body }) => {
        const prompt = Messages.parse(body?.["messages"])
          .map(({ content }) => content)
          .join("\n");
        const tokens = { promptTokens: Math.ceil(prompt.length / 4) };
        const claimed = /The line, which this change adds or touches: (.*)/.exec(prompt)?.[1];
        if (claimed !== undefined) {
          return { text: JSON.stringify({ verdict: "real", evidence: claimed }), ...tokens };
        }
        const path = /What is wrong in this change of (.*)\? An empty/.exec(prompt)?.[1] ?? "";
        return { text: drafts.get(path) ?? '{"findings": []}', ...tokens };
      },
    });
    session = await openEmbedded({
      data: join(base, "data"),
      paths: buildPaths(new URL("../../sidecar/cli.ts", import.meta.url).href),
      build,
      env: { PATH: process.env["PATH"], HOME: base, PODIUM_LANES: base, PODIUM_SERVERS: server.url },
      introduction: { client: "cli", build, scopes: ["read", "run"], human: false, roots: [root], trusted: true },
      adopt: false,
    });
  });
  afterEach(async () => {
    await session.close();
    await server.close();
    rmSync(base, { recursive: true, force: true });
  });

  const plant = (): void => {
    for (const { path, before } of [...planted, clean]) write(path, before);
    commit();
    for (const { path, after } of [...planted, clean]) write(path, after);
    git("add", "-A");
    drafts = new Map(planted.map(({ path, bug }) => [path, draft(bug)]));
  };

  it("puts a planted bug of three languages on its line, and lets a clean file be clean", async () => {
    plant();
    const { result } = await review({ scope: "staged" });
    assert.deepEqual(
      result.findings.map(({ path, quote, verified }) => [path, quote, verified]).sort(),
      planted.map(({ path, bug }) => [path, bug, true]).sort(),
    );
    for (const { path, line, endLine } of result.findings) {
      const { after = "", bug } = planted.find((each) => each.path === path) ?? {};
      assert.equal(after.split(/\r?\n/)[(line ?? 0) - 1], bug);
      assert.equal(line, endLine);
    }
    assert.deepEqual([result.files, result.heldBack, result.omitted], [4, [], []]);
  });

  it("shows the model what is staged and nothing that is not", async () => {
    plant();
    for (const { path } of planted) write(path, "UNSTAGED nonsense that nobody may see\n");
    write("untracked.ts", "UNSTAGED too\n");
    const { result } = await review({ scope: "staged" });
    assert.equal(result.findings.length, planted.length);
    assert.ok(server.generations.length >= 7);
    assert.ok(server.generations.every(({ prompt }) => !prompt.includes("UNSTAGED")));
    const unstaged = await review({ scope: "unstaged" });
    assert.deepEqual(unstaged.result.findings, []);
    assert.equal(unstaged.result.heldBack.length, planted.length);
    assert.ok(unstaged.result.heldBack.every(({ reason, line }) => reason === "not_anchored" && line === null));
  });

  it("holds back what quotes an unchanged line or proves nothing", async () => {
    plant();
    drafts = new Map([
      ["cmd/größe.go", draft("package main")],
      ["tools/mean.py", draft("    return nothing / like_this(values)")],
    ]);
    const { result } = await review({ scope: "staged" });
    assert.deepEqual(result.findings, []);
    assert.deepEqual(
      result.heldBack.map(({ reason, by }) => [reason, by]),
      [
        ["not_anchored", "anchor"],
        ["not_anchored", "anchor"],
      ],
    );
  });

  it("names what it does not look at: renames, deletions, binaries, lock files", async () => {
    write("old name.ts", "export const same = 1;\n".repeat(20));
    write("gone.ts", "export const gone = 1;\n");
    write("kept.ts", "export const kept = 1;\n");
    write("logo.bin", Buffer.from([0, 1, 2]));
    commit();
    renameSync(join(root, "old name.ts"), join(root, "new name.ts"));
    rmSync(join(root, "gone.ts"));
    write("logo.bin", Buffer.from([0, 1, 2, 3]));
    write("package-lock.json", '{"lockfileVersion": 3}\n');
    write("kept.ts", "export const kept = 2;\n");
    git("add", "-A");
    const { result } = await review({ scope: "staged" });
    assert.deepEqual(result.omitted.map(({ path, why }) => `${path}: ${why}`).sort(), [
      "gone.ts: deleted",
      "logo.bin: binary",
      "new name.ts: renamed only",
      "package-lock.json: lock file",
    ]);
    assert.equal(result.files, 1);
    assert.equal(server.generations.length, 1);
  });

  it("reviews the first change of a repository without commits, and the whole of a branch", async () => {
    const [first] = planted;
    assert.ok(first);
    write(first.path, first.after);
    drafts = new Map([[first.path, draft(first.bug)]]);
    assert.equal((await review({ scope: "working" })).result.findings.length, 1);
    git("add", "-A");
    assert.equal((await review({ scope: "staged" })).result.findings.length, 1);
    git("commit", "-q", "-m", "x");
    git("checkout", "-q", "-b", "topic");
    write("tools/mean.py", planted[1]?.after ?? "");
    commit();
    write("tools/mean.py", "UNSTAGED\n");
    drafts = new Map([["tools/mean.py", draft(planted[1]?.bug ?? "")]]);
    const { result } = await review({ scope: "branch", base: "main" });
    assert.deepEqual([result.base, result.findings.map(({ path }) => path)], ["main", ["tools/mean.py"]]);
    assert.ok(server.generations.every(({ prompt }) => !prompt.includes("UNSTAGED")));
  });

  it("says so when a model cannot keep to the form, and keeps the rest of the review", async () => {
    plant();
    write("src/clean.ts", `${clean.after}<<<<<<< HEAD\n`);
    git("add", "-A");
    drafts = new Map([...drafts, ["tools/mean.py", "I think this is fine, well done!"]]);
    const { result } = await review({ scope: "staged" });
    assert.deepEqual(
      result.omitted.map(({ path }) => path),
      ["tools/mean.py"],
    );
    assert.match(result.omitted[0]?.why ?? "", /^not reviewed: bad_output/);
    assert.deepEqual(result.findings.map(({ path }) => path).sort(), [
      "cmd/größe.go",
      "src/clean.ts",
      "src/last items.ts",
    ]);
  });
});
