import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { RunResult, RunShow } from "../../sidecar/protocol/results.ts";
import { AskResult, Finding, ReviewResult } from "../../sidecar/protocol/review.ts";
import { after as changed, createWorld, before as old, type World } from "./world.ts";

/** PRODUCT 4.1, "Common to every run". */
const common = [
  "run",
  "workflow",
  "status",
  "exit",
  "degraded",
  "denied",
  "waits",
  "result",
  "timings",
  "usage",
  "cost",
  "egress",
  "models",
];
const phases = ["waitMs", "loadMs", "promptMs", "tokensMs", "toolMs", "youMs"];
const question = "Where does the brass key hang?";

function assertCommon(value: object): void {
  assert.deepEqual(
    common.filter((key) => !(key in value)),
    [],
  );
  const result = RunResult.parse(value);
  for (const row of result.timings)
    assert.deepEqual(Object.keys(row).sort(), ["attempt", "instance", ...phases].sort());
  assert.deepEqual(Object.keys(result.usage).sort(), ["cached", "estimated", "in", "out"]);
  assert.deepEqual([typeof result.cost.usd, typeof result.egress.bytes], ["number", "number"]);
}

describe("podium ask, review and run", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.end());

  const linesOf = (path: string, line: number, endLine: number): string =>
    readFileSync(join(world.place.root, path), "utf8")
      .split("\n")
      .slice(line - 1, endLine)
      .join("\n");

  it("answers in text with places that exist, where the time went, what left, and the run", async () => {
    const { code, stdout, stderr } = await world.run(["ask", question]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^The brass key hangs behind the clock \[1\]\.$/m);
    const [, path = "", line] = /^ {2}\[1\] (.+?):(\d+)/m.exec(stdout) ?? [];
    assert.ok(existsSync(join(world.place.root, path)) && Number(line) > 0, stdout);
    assert.match(stdout, /^step +wait +load +prompt +tokens +tool/m);
    assert.match(stdout, /^found .*\nanswer .*/m);
    assert.match(stdout, /0 bytes left this machine/);
    assert.match(stdout, /^run run_\w+$/m);
    assert.match(stderr, /^Plan: found → answer$/m);
    assert.match(stderr, /^✓ answer/m);
    assert.doesNotMatch(stdout, /Plan:|✓/, "progress belongs to stderr");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no terminal, no colour
    assert.doesNotMatch(stdout + stderr, /\u001b|\r/);
  });

  it("answers in JSON with every field of the contract", async () => {
    const { code, value, stderr } = await world.json(["ask", question]);
    assertCommon(value);
    assert.deepEqual(
      [code, value.exit, value.status, value.workflow, value.degraded, value.denied, value.waits, value.cost.usd],
      [0, 0, "succeeded", "ask_workspace", false, false, [], 0],
    );
    assert.deepEqual(value.models, [world.ref]);
    assert.deepEqual(value.egress, { bytes: 0, hosts: [] });
    assert.ok(value.usage.in > 0 && value.usage.out > 0);
    assert.ok(!("steps" in value) && !("error" in value) && !("reason" in value));
    const answer = AskResult.parse(value.result);
    assert.equal(answer.extractive, false);
    const named = [...answer.text.matchAll(/\[(\d+)\]/g)].map(([, n]) => Number(n));
    assert.deepEqual(
      named.filter((n) => !answer.citations.some((citation) => citation.n === n)),
      [],
    );
    for (const { path, line, endLine, quote } of answer.citations) assert.equal(quote, linesOf(path, line, endLine));
    assert.match(stderr, /Plan:/);
  });

  it("gives the event log with --format jsonl, the same as runs export", async () => {
    const { code, stdout } = await world.run(["ask", question, "--format", "jsonl"]);
    assert.equal(code, 0);
    const [header, ...lines] = stdout
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    const { run } = z
      .object({ podium: z.int(), run: z.string(), irHash: z.string(), sha256: z.string() })
      .parse(header);
    const seqs = lines.flatMap((line) => z.object({ seq: z.int() }).safeParse(line).data?.seq ?? []);
    assert.deepEqual(
      seqs,
      seqs.map((_, at) => at + 1),
    );
    assert.equal(stdout, (await world.run(["runs", "export", run])).stdout);
  });

  it("takes a follow-up with the last question and answer as context", async () => {
    const first = await world.json(["ask", question]);
    await world.json(["ask", "And", "why", "there?", "--follow", first.value.run]);
    const prompt = JSON.stringify(world.server.generations.at(-1)?.body);
    assert.match(prompt, /And why there\?/);
    assert.ok(prompt.includes(question), "the earlier question");
    assert.match(prompt, /<data>.*behind the clock/s);
  });

  it("reviews staged, working, branch, range and patch, each with its gate", async () => {
    const { place } = world;
    place.write("last.ts", changed);
    const patch = place.git("diff");
    writeFileSync(join(place.root, "..", "change.patch"), patch);
    const untracked = await world.json(["review", "--working"]);
    place.git("add", ".");
    const staged = await world.json(["review", "--staged"]);
    const ways: (typeof staged)[] = [untracked, staged];
    place.git("checkout", "-q", "-b", "change");
    place.git("commit", "-q", "-m", "Change last");
    ways.push(
      await world.json(["review", "--branch", "main"]),
      await world.json(["review", "--range", "main..change"]),
    );
    ways.push(
      await world.json(["review", "--patch", "../change.patch"]),
      await world.json(["review", "--patch", "-"], { stdin: patch }),
    );
    for (const { value, code } of ways) {
      assertCommon(value);
      assert.deepEqual([code, value.exit, value.status, value.workflow], [1, 1, "succeeded", "review_changes"]);
      const review = ReviewResult.parse(value.result);
      assert.deepEqual([review.files, review.hunks], [1, 1]);
      const [one, ...others] = review.findings;
      assert.deepEqual(others, []);
      const { line, endLine, quote, severity, category, rule, verified, id } = Finding.parse(one);
      assert.deepEqual(
        [line, endLine, severity, category, rule, verified],
        [3, 3, "high", "correctness", "model/correctness", true],
      );
      assert.equal(quote, changed.split("\n")[2]);
      assert.match(id, /^[0-9a-f]{16}$/);
      assert.deepEqual(
        review.heldBack.map(({ reason, by, line: at }) => [reason, by, at]),
        [["not_anchored", "anchor", null]],
      );
    }
    assert.deepEqual(
      ways.map(({ value }) => ReviewResult.parse(value.result).scope),
      ["working", "staged", "branch", "range", "patch", "patch"],
    );
    assert.equal((await world.run(["review", "--branch", "main", "--fail-on", "none"])).code, 0);
    const text = await world.run(["review", "--branch", "main", "--fail-on", "medium"]);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /^high +One item too many\n +last\.ts:3 · verified/m);
    assert.match(text.stdout, /^Held back \(1\)$/m);
    assert.match(text.stdout, /^branch: 1 file, 1 hunk$/m);
    assert.match(
      text.stderr,
      /^! high last\.ts:3 One item too many$.*^✓ result/ms,
      "it is said as soon as it is verified",
    );
    place.git("checkout", "-q", "main");
    place.write("last.ts", old);
    assert.equal((await world.run(["review", "--staged"])).code, 0, "a clean change passes");
  });

  it("runs a workflow by name and by file, with inputs from flags, a file and stdin", async () => {
    const { place } = world;
    const text = `podium: 1
name: echo
input: { word: string, times: int = 1 }
steps:
  - { id: said, set: { word: =input.word, times: =input.times } }
output: said
`;
    place.write(".podium/workflows/echo.yaml", text);
    place.write("elsewhere/loud.yaml", text.replace("name: echo", "name: loud"));
    place.write("in.json", '{"word": "from a file", "times": 3}');
    const results = [
      await world.json(["run", "echo", "-i", "word=hello", "-i", "times=2"]),
      await world.json(["run", "echo", "--input", "in.json", "-i", "times=4"]),
      await world.json(["run", "echo", "--input", "-"], { stdin: '{"word": "from stdin"}' }),
      await world.json(["run", "loud.yaml", "-i", "word=x"], { cwd: join(place.root, "elsewhere") }),
    ];
    assert.deepEqual(
      results.map(({ value, code }) => [code, value.workflow, value.result]),
      [
        [0, "echo", { word: "hello", times: 2 }],
        [0, "echo", { word: "from a file", times: 4 }],
        [0, "echo", { word: "from stdin", times: 1 }],
        [0, "loud", { word: "x", times: 1 }],
      ],
    );
    const refused = [
      await world.json<{ error: { code: string } }>(["run", "echo"]),
      await world.json<{ error: { code: string } }>(["run", "echo", "-i", "word=x", "-i", "wrong=1"]),
      await world.json<{ error: { code: string } }>(["run", "echo", "--input", "-"], { stdin: "[1]" }),
      await world.json<{ error: { code: string } }>(["run", "echo", "--input", "absent.json"]),
      await world.json<{ error: { code: string } }>(["run", "../outside.yaml"]),
    ];
    assert.deepEqual(
      refused.map(({ code, value }) => [code, value.error.code]),
      [
        [2, "invalid_input"],
        [2, "invalid_input"],
        [2, "invalid_input"],
        [2, "file_missing"],
        [2, "file_missing"],
      ],
    );
    assert.deepEqual(
      refused.map(({ stderr, value }) => stderr.split("\n").filter((line) => line.startsWith(value.error.code)).length),
      [1, 1, 1, 1, 1],
    );
  });

  it("writes the result where -o says, is quiet when told, and uses the root above it or --workspace", async () => {
    const { place } = world;
    const sub = join(place.root, "deep", "down");
    mkdirSync(sub, { recursive: true });
    const ran = await world.run(["ask", question, "--format", "json", "-o", "answer.json", "--quiet"], { cwd: sub });
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "", ""]);
    const { run } = RunResult.parse(JSON.parse(readFileSync(join(sub, "answer.json"), "utf8")));
    const outside = join(place.root, "..");
    const found = await world.json(["runs", "show", run, "--workspace", place.root], { cwd: outside });
    assert.equal(RunShow.parse(found.value).status, "succeeded");
    const lost = await world.json<{ error: { code: string } }>(["runs", "show", run], { cwd: outside });
    assert.deepEqual([lost.code, lost.value.error.code], [2, "unknown_run"], "another folder does not see it");
    const unwritable = await world.run(["ask", question, "-o", "absent/answer.txt"]);
    assert.deepEqual([unwritable.code, unwritable.stdout], [2, ""]);
  });

  it("uses the model that --model names, and says which there are when it names none", async () => {
    const named = await world.json(["ask", question, "--model", `main=${world.ref}`]);
    assert.deepEqual([named.code, named.value.models], [0, [world.ref]]);
    const wrong = await world.json(["ask", question, "--model", "main=ollama/absent"]);
    assert.deepEqual([wrong.code, wrong.value.exit, wrong.value.error?.code], [4, 4, "model_missing"]);
    assert.match(wrong.stderr, new RegExp(`^model_missing: .*${world.ref}`, "m"));
  });
});

describe("podium without a model", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld({ served: false });
  });
  after(() => world.end());

  it("answers degraded, says so in one line with the way to a model, and fails where a model is required", async () => {
    const ask = await world.json(["ask", "What does the gadget store keep in a drawer?"]);
    assert.deepEqual([ask.code, ask.value.degraded, ask.value.models], [0, true, []]);
    const said = ask.stderr.split("\n").filter((line) => line.startsWith("No model answered"));
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /127\.0\.0\.1:9.*To have a model: \w+/);
    world.place.write("secret.ts", 'const key = "-----BEGIN RSA PRIVATE KEY-----";\n');
    world.place.git("add", ".");
    const required = [
      await world.json(["ask", "What does the gadget store keep?", "--require-model"]),
      await world.json(["review", "--staged"], { env: { CI: "true" } }),
    ];
    for (const { code, value, stderr } of required) {
      assert.deepEqual([code, value.exit], [5, 5], stderr);
      assert.equal(value.error?.code ?? "degraded", value.error ? "provider_unavailable" : "degraded");
    }
    const review = await world.json(["review", "--staged", "--allow-degraded"], { env: { CI: "true" } });
    assert.deepEqual(
      [review.value.degraded, review.code],
      [true, ReviewResult.parse(review.value.result).findings.length > 0 ? 1 : 0],
    );
  });

  it("uses the servers of one command, by --server and by PODIUM_SERVERS, in a hub that runs already", async () => {
    const question = "Where does the brass key hang?";
    const before = await world.json(["ask", question]);
    assert.equal(before.value.degraded, true);
    const flagged = await world.json(["ask", question, "--server", world.server.url]);
    const { PODIUM_SERVERS: _, ...rest } = world.place.env;
    assert.ok(!("PODIUM_SERVERS" in rest));
    const named = await world.json(["ask", question], { env: { PODIUM_SERVERS: world.server.url } });
    for (const { value, stderr } of [flagged, named]) {
      assert.deepEqual([value.degraded, value.models], [false, [world.ref]], stderr);
    }
    const later = await world.json(["ask", question]);
    assert.equal(later.value.degraded, true, "a server of one command is not one of the next");
    type Models = { endpoints: { url: string; state: string; models: { ref: string }[] }[] };
    const models = await world.json<Models>(["models", "ls", "--server", world.server.url]);
    assert.deepEqual(
      models.value.endpoints.map(({ url, state, models: [one] }) => [url, state, one?.ref]),
      [[world.server.url, "answers", world.ref]],
    );
  });
});
