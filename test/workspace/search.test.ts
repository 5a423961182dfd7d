import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { type Folder, folder } from "./support.ts";

const coded = (code: string) => (error: unknown) => error instanceof PodiumError && error.code === code;

describe("workspace files and search", () => {
  let place: Folder;
  beforeEach(() => {
    place = folder();
  });
  afterEach(() => place.close());
  const search = async (query: string) => place.workspace.search({ query }, place.context);

  it("finds a passage by meaningful words, with the exact lines, and sees changes at once", async () => {
    place.write(
      "src/retryPolicy.ts",
      `${"\n".repeat(60)}export function backoffDelay(attempt: number) {\n  return 2 ** attempt;\n}\n`,
    );
    place.write("src/other.ts", "export const unrelated = true;\n");
    const first = await search("How is the back-off delay of an attempt computed?");
    const [hit] = first.hits;
    assert.equal(hit?.path, "src/retryPolicy.ts");
    const lines = readFileSync(join(place.root, hit?.path ?? ""), "utf8").split("\n");
    assert.equal(hit?.text, lines.slice((hit?.line ?? 1) - 1, hit?.endLine).join("\n"));
    assert.equal(first.truncated, false);
    assert.equal(readdirSync(join(place.data, "index")).filter((name) => name.endsWith(".db")).length, 1);
    place.write("src/other.ts", "export const zebraCrossing = true;\n");
    assert.equal((await search("zebra crossing")).hits[0]?.path, "src/other.ts");
    place.write("src/other.ts", "export const gone = 1; // nothing\n");
    assert.deepEqual((await search("zebra crossing")).hits, []);
  });

  it("respects ignore rules, with and without git, and never shows secrets", async () => {
    const files = {
      ".gitignore": "hidden.ts\nout/\n",
      "hidden.ts": "walrus",
      "out/x.ts": "walrus",
      "seen.ts": "walrus",
      ".env": "walrus",
      "k.pem": "walrus",
      "sub/.gitignore": "no.ts",
      "sub/no.ts": "walrus",
    };
    for (const [path, text] of Object.entries(files)) place.write(path, text);
    assert.deepEqual(
      (await search("walrus")).hits.map(({ path }) => path),
      ["seen.ts"],
    );
    place.git("init", "-q");
    assert.deepEqual(
      (await search("walrus")).hits.map(({ path }) => path),
      ["seen.ts"],
    );
  });

  it("skips large and binary files, pipes, links and loops, and goes on", async () => {
    place.write("big.txt", Buffer.alloc(1024 * 1024 + 1, "walrus "));
    place.write("bin.dat", Buffer.from("walrus\0"));
    place.write("ok.md", "# Walrus\nThe walrus is here.\n");
    symlinkSync(".", join(place.root, "loop"));
    symlinkSync("/dev/zero", join(place.root, "zero"));
    symlinkSync("/etc", join(place.root, "etc"));
    if (process.platform !== "win32") execFileSync("mkfifo", [join(place.root, "pipe")]);
    const { hits, note } = await search("walrus");
    assert.deepEqual(
      hits.map(({ path }) => path),
      ["ok.md"],
    );
    assert.match(note ?? "", /1 files over 1 MB/);
    await assert.rejects(place.workspace.read({ path: "big.txt" }, place.context), coded("too_large"));
    await assert.rejects(place.workspace.read({ path: "bin.dat" }, place.context), coded("file_binary"));
    await assert.rejects(place.workspace.read({ path: "pipe" }, place.context), coded("outside_workspace"));
    await assert.rejects(place.workspace.read({ path: "none" }, place.context), coded("file_missing"));
  });

  it("answers many files within its bound, says so, and completes in the background", async () => {
    for (let index = 0; index < 300; index += 1)
      place.write(`f${index}.ts`, `export const thing${index} = "narwhal";\n`.repeat(100));
    const begun = performance.now();
    await search("narwhal");
    assert.ok(performance.now() - begun < 4000);
    const again = performance.now();
    assert.equal((await search("narwhal")).truncated, false);
    assert.ok(performance.now() - again < 2000);
  }).timeout(20_000);

  it("says that a first search reads everything, and which words stand nowhere", async () => {
    place.write("a.md", "The walrus computes its tides.\n");
    const first = await search("How does the Walrus compute GraphQL tides?");
    assert.match(first.note ?? "", /^First search here: 1 files were read in \d+\.\d s;/);
    assert.deepEqual(first.missing, ["graph", "ql", "graphql"]);
    assert.equal((await search("walrus")).note, undefined);
  });

  it("looks a little for what was said before, and mostly for what is asked now", async () => {
    place.write("narwhal.md", "The narwhal is handled by the herder.\n");
    place.write("walrus.md", "The walrus is handled by the keeper.\n");
    place.write("keeper.md", "The keeper sleeps at night in the north tower by the river.\n");
    const ask = async (query: string, context?: string) => {
      const { hits } = await place.workspace.search(
        context === undefined ? { query } : { query, context },
        place.context,
      );
      return hits.map(({ path }) => path);
    };
    assert.deepEqual(await ask("And when does it sleep?"), ["keeper.md"]);
    assert.deepEqual(await ask("And who does it?", "How is the narwhal handled?"), ["narwhal.md", "walrus.md"]);
    assert.equal((await ask("Who handles the walrus in the tower?", "How is the narwhal handled?"))[0], "walrus.md");
  });

  it("survives a damaged index file and an unanswerable question", async () => {
    place.write("a.ts", "walrus\n");
    await search("walrus");
    await place.workspace.close();
    const [name = ""] = readdirSync(join(place.data, "index")).filter((file) => file.endsWith(".db"));
    const { rmSync, writeFileSync } = await import("node:fs");
    for (const end of ["-wal", "-shm"]) rmSync(join(place.data, "index", `${name}${end}`), { force: true });
    writeFileSync(join(place.data, "index", name), "not a database, not at all, nothing".repeat(100));
    assert.equal((await search("walrus")).hits.length, 1);
    assert.deepEqual((await search('"); DROP -- ((')).hits, []);
    assert.deepEqual((await search("")).hits, []);
  });

  it("keeps no file when the index is switched off", async () => {
    let enabled = true;
    const off = folder({ indexEnabled: () => enabled });
    off.write("a.ts", "walrus\n");
    const ask = () => off.workspace.search({ query: "walrus" }, off.context);
    assert.equal((await ask()).hits.length, 1);
    assert.ok(readdirSync(join(off.data, "index")).length > 0);
    enabled = false;
    assert.equal((await ask()).hits.length, 1);
    assert.deepEqual(readdirSync(join(off.data, "index")), []);
    await off.close();
  });

  it("reads a range of lines and lists by pattern", async () => {
    place.write("src/a.ts", "1\r\n2\r\n3\r\n");
    const read = await place.workspace.read({ path: "src/a.ts", from: 2, to: 9 }, place.context);
    assert.deepEqual([read.text, read.from, read.to, read.lines, read.sha.length], ["2\n3", 2, 3, 3, 64]);
    place.write("b.md", "x");
    const listed = await place.workspace.list({ glob: "*.ts" }, place.context);
    assert.deepEqual(listed, { files: [{ path: "src/a.ts", bytes: 9 }], truncated: false });
  });
});
