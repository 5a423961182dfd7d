import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isAlive, readRecord } from "../../sidecar/client/record.ts";
import { ModelsResult } from "../../sidecar/protocol/models.ts";
import { CheckResult, DoctorResult } from "../../sidecar/protocol/results.ts";
import { createWorld, type World } from "./world.ts";

/** Words that are no command, and what the one line must name. None of them may start anything. */
const wrong: readonly (readonly [words: readonly string[], names: RegExp])[] = [
  [[], /A command is missing/],
  [["frobnicate"], /no command frobnicate/],
  [["toString"], /no command toString/],
  [["runs"], /runs takes ls, show, tail, answer, resume, cancel, export, import/],
  [["runs", "frob"], /runs takes .*, not frob/],
  [["runs", "show"], /run id is missing/],
  [["runs", "import"], /file, or -, is missing/],
  [["models"], /models takes ls/],
  [["hub"], /hub takes status, stop, logs/],
  [["config"], /config takes ls, get KEY and set KEY VALUE/],
  [["config", "get", "colour"], /no setting colour.*network/],
  [["config", "set", "network"], /takes a value/],
  [["ask"], /question is missing/],
  [["run"], /workflow is missing/],
  [["runs", "ls", "--frob"], /'--frob'/],
  [["runs", "ls", "--limit", "many"], /--limit takes a whole number/],
  [["ask", "x", "--format", "yaml"], /--format takes text, json, jsonl, not yaml/],
  [["ask", "x", "--on-ask", "maybe"], /--on-ask takes fail, wait, deny/],
  [["ask", "x", "--network", "moon"], /--network takes local, lan, cloud/],
  [["ask", "x", "--timeout", "soon"], /--timeout takes a duration such as 90s/],
  [["ask", "x", "--budget", "euros=3"], /--budget takes tokens=, minutes= and usd=/],
  [["ask", "x", "--budget", "tokens=-1"], /--budget takes/],
  [["ask", "x", "--model", "main"], /--model takes name=value/],
  [["ask", "x", "--data", "d"], /--data goes with --embedded/],
  [["run", "x", "-i", "word"], /-i takes name=value/],
  [["review", "--staged", "--working"], /Choose one of/],
  [["review", "main"], /--branch main/],
  [["review", "--fail-on", "low"], /--fail-on takes high, medium, none/],
];

describe("the words of the command line", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.end());

  for (const [words, names] of wrong) {
    it(`refuses: podium ${words.join(" ")}`, async () => {
      const { code, stdout, stderr } = await world.run(words);
      assert.deepEqual([code, stdout], [2, ""]);
      const [line = "", empty, ...help] = stderr.split("\n");
      assert.match(line, /^usage: /);
      assert.match(line, names);
      assert.equal(empty, "");
      assert.match(help.join("\n"), new RegExp(`^podium(:| ${words[0] ?? ""})`));
      assert.equal(readRecord(world.place.home), null, "it started a hub");
    });
  }

  it("gives an error before a run as one object with --format json, and as nothing else", async () => {
    const { code, value } = await world.json<{ error: { code: string; message: string } }>(["runs", "frob"]);
    assert.deepEqual([code, value.error.code], [2, "usage"]);
    const plain = await world.run(["runs", "json"]);
    assert.equal(plain.stdout, "", "the word json alone asks for nothing");
  });

  it("explains itself and each command with --help, on stdout", async () => {
    const all = await world.run(["--help"]);
    assert.deepEqual([all.code, all.stderr], [0, ""]);
    for (const noun of ["ask", "review", "run", "check", "runs", "models", "doctor", "hub", "config"]) {
      assert.match(all.stdout, new RegExp(`^ {2}${noun}\\b`, "m"));
      const { code, stdout, stderr } = await world.run([noun, "-h"]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, new RegExp(`^podium ${noun}`));
      for (const line of stdout.split("\n")) assert.ok(line.length <= 120, line);
    }
    assert.match((await world.run(["--version"])).stdout, /^0\.0\.0-test \(dev, .*\)\n$/);
  });

  it("reads and writes settings without a hub", async () => {
    const set = await world.json<Record<string, unknown>>(["config", "set", "roles", '{"main":"ollama/x"}']);
    assert.deepEqual([set.code, set.value], [0, { roles: { main: "ollama/x" } }]);
    assert.equal((await world.run(["config", "set", "network", "lan"])).stdout, 'network = "lan"\n');
    const got = await world.json<Record<string, unknown>>(["config", "get", "network"]);
    assert.deepEqual(got.value, { network: "lan" });
    const all = await world.json<Record<string, unknown>>(["config", "ls"]);
    assert.equal(Object.keys(all.value).length, 10);
    assert.match(
      (await world.run(["config", "ls"])).stdout,
      /^network = "lan"$.*^index\.enabled = true {2}\(default\)$/ms,
    );
    const wrongValue = await world.json<{ error: { code: string } }>(["config", "set", "network", "moon"]);
    assert.deepEqual([wrongValue.code, wrongValue.value.error.code], [2, "invalid_input"]);
    const file = join(world.place.home, "settings.json");
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { roles: { main: "ollama/x" }, network: "lan" });
    rmSync(file);
    assert.equal(readRecord(world.place.home), null);
  });

  it("stops, shows and reads the log of a hub without starting one", async () => {
    const none = [
      await world.run(["hub", "stop"]),
      await world.run(["hub", "logs"]),
      await world.run(["hub", "status"]),
    ];
    assert.deepEqual(
      none.map(({ code, stdout }) => [code, stdout]),
      [
        [0, "Podium is not running.\n"],
        [0, "\n"],
        [5, ""],
      ],
    );
    assert.match(none[2]?.stderr ?? "", /^no_hub: /);
    assert.equal(readRecord(world.place.home), null);
    assert.equal((await world.run(["runs", "ls"])).code, 0);
    const status = await world.json<Record<string, unknown>>(["hub", "status"]);
    const pid = readRecord(world.place.home)?.pid ?? 0;
    assert.deepEqual([status.value["pid"], status.value["home"]], [pid, world.place.home]);
    assert.match((await world.run(["hub", "logs"])).stdout, /listening on 127\.0\.0\.1/);
    const stopped = await world.run(["hub", "stop"]);
    assert.deepEqual([stopped.code, stopped.stdout, isAlive(pid)], [0, "stopped\n", false]);
    assert.equal(readRecord(world.place.home)?.pid, undefined);
    assert.equal((await world.run(["runs", "ls"])).code, 0, "the next command starts one");
    await world.place.kill();
    assert.equal((await world.run(["runs", "ls"])).code, 0, "also after a kill -9");
  });

  it("lists model servers and looks after itself", async () => {
    const models = await world.json<object>(["models", "ls"]);
    const { endpoints, roles } = ModelsResult.parse(models.value);
    const [endpoint] = endpoints;
    assert.deepEqual(
      [endpoints.length, endpoint?.url, endpoint?.flavour, endpoint?.version, endpoint?.state],
      [1, world.server.url, "ollama", "0.17.4", "answers"],
    );
    const [model] = endpoint?.models ?? [];
    assert.deepEqual([model?.ref, model?.context.trained, model?.roles], [world.ref, 8192, ["main", "fast"]]);
    assert.deepEqual(roles, { main: world.ref, fast: world.ref });
    const text = await world.run(["models", "ls"]);
    assert.match(text.stdout, /^server +model +state +context +roles\nollama .* answers\n +ollama@.*fake:1b/);
    const doctor = await world.json<object>(["doctor"]);
    const result = DoctorResult.parse(doctor.value);
    assert.deepEqual([doctor.code, result.ok], [0, true], doctor.stdout);
    assert.deepEqual(
      result.checks.map(({ id }) => id),
      ["node", "data", "database", "ollama"],
    );
    const rebuilt = await world.json<object>(["doctor", "--rebuild"]);
    assert.ok(DoctorResult.parse(rebuilt.value).checks.some(({ id }) => id === "rebuild"));
    assert.match((await world.run(["doctor"])).stdout, /^✓ node: Node \d+/);
  });

  it("examines also what keeps the hub from starting", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "podium-test-")), "home");
    writeFileSync(file, "not a directory");
    const { code, value } = await world.json<object>(["doctor"], { env: { PODIUM_HOME: file } });
    const { ok, checks } = DoctorResult.parse(value);
    assert.deepEqual([code, ok], [1, false]);
    const hub = checks.find(({ id }) => id === "hub");
    assert.match(`${hub?.message}`, /data_unreadable/);
    assert.ok(hub?.fix);
    rmSync(join(file, ".."), { recursive: true });
  });

  it("names each problem of a workflow file with its place", async () => {
    const { place } = world;
    assert.match((await world.run(["check"])).stdout, /^No workflow files under /);
    place.write(
      "flows/bad.yaml",
      "podium: 1\nname: bad\nsteps:\n  - { id: one, ask: Say it, model: 3 }\n  - { id: two }\noutput: one\n",
    );
    place.write(
      ".podium/workflows/good.yaml",
      "podium: 1\nname: good\nsteps:\n  - { id: one, ask: Say it }\noutput: one\n",
    );
    const good = await world.json<object>(["check"]);
    assert.deepEqual(
      [good.code, good.value],
      [0, { files: [{ path: ".podium/workflows/good.yaml", problems: [] }], ok: true }],
    );
    const bad = await world.json<object>(["check", "bad.yaml"], { cwd: join(place.root, "flows") });
    const { files, ok } = CheckResult.parse(bad.value);
    assert.deepEqual([bad.code, ok, files[0]?.path], [1, false, "flows/bad.yaml"]);
    const [problem] = files[0]?.problems ?? [];
    assert.deepEqual(
      ["code", "message", "line", "column", "endLine", "endColumn"].filter((key) => !(key in (problem ?? {}))),
      [],
    );
    assert.ok((problem?.line ?? 0) >= 4 && (problem?.column ?? 0) >= 1);
    const text = await world.run(["check", "flows/bad.yaml"]);
    assert.match(text.stdout, /^flows\/bad\.yaml:\d+:\d+ \w+: /);
    const absent = await world.json<{ error: { code: string } }>(["check", "absent.yaml"]);
    assert.deepEqual([absent.code, absent.value.error.code], [2, "file_missing"]);
  });
});

describe("the launcher of a clone", () => {
  for (const program of ["podium.mjs", "start.mjs"]) {
    it(`bin/${program} says in one sentence that Node is too old`, async () => {
      const claim = `Object.defineProperty(process.versions,"node",{value:"18.19.0"})`;
      const words = ["--import", `data:text/javascript,${claim}`, join("bin", program), "runs", "ls"];
      const failed = await promisify(execFile)(process.execPath, words).then(
        () => null,
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
      assert.equal(failed?.code, 5);
      assert.match(failed.stderr, /^Podium needs Node 20 or newer to set itself up; [^\n]*\n$/);
      assert.equal(failed.stdout, "");
    });
  }
});

describe("podium --embedded", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld();
    const gate = `podium: 1
name: gate
steps:
  - { id: agreed, approve: "Go on?" }
  - { id: done, set: "went on" }
output: done
`;
    world.place.write(".podium/workflows/gate.yaml", gate);
  });
  after(() => world.end());

  it("serves every command on a data directory of its own, without a hub", async () => {
    const data = join(world.place.root, "..", "own data");
    const flags = ["--embedded", "--data", data];
    const waiting = await world.json(["run", "gate", ...flags]);
    assert.deepEqual([waiting.code, waiting.value.status], [3, "parked"]);
    const command = waiting.value.waits[0]?.answerWith ?? "";
    assert.ok(waiting.stderr.includes(command));
    assert.ok(command.endsWith(` --embedded --data '${data}'`), command);
    const answered = await world.json(["runs", "answer", waiting.value.run, "--value", '{"approved":true}', ...flags]);
    assert.deepEqual([answered.code, answered.value.result], [0, "went on"]);
    const ask = await world.json(["ask", "Where does the brass key hang?", ...flags]);
    assert.deepEqual([ask.code, ask.value.degraded], [0, false]);
    const listed = await world.json<{ runs: { run: string }[] }>(["runs", "ls", ...flags]);
    assert.deepEqual(
      listed.value.runs.map(({ run }) => run),
      [ask.value.run, waiting.value.run],
    );
    assert.equal((await world.json(["runs", "show", ask.value.run, ...flags])).value.status, "succeeded");
    assert.match((await world.run(["runs", "export", ask.value.run, ...flags])).stdout, /^\{"podium":1/);
    assert.equal((await world.run(["models", "ls", ...flags])).code, 0);
    assert.equal((await world.run(["doctor", ...flags])).code, 0);
    assert.equal(existsSync(join(world.place.home, "hub.json")), false, "a hub was started");
    const hub = await world.json<{ runs: unknown[] }>(["runs", "ls"], { env: { PODIUM_HOME: data } });
    assert.equal(hub.value.runs.length, 2);
    const beside = await world.json<{ runs: unknown[] }>(["runs", "ls", ...flags]);
    assert.equal(beside.value.runs.length, 2, "it attaches to the hub that holds the directory");
    assert.equal((await world.run(["hub", "stop", "--now"], { env: { PODIUM_HOME: data } })).code, 0);
  });

  it("leaves nothing behind without --data, but what still waits", async () => {
    const tmp = join(world.place.root, "..", "tmp");
    world.place.write("../tmp/.keep", "");
    const ended = await world.json(["ask", "Where does the brass key hang?", "--embedded"], { env: { TMPDIR: tmp } });
    assert.equal(ended.code, 0);
    assert.deepEqual(readdirSync(tmp), [".keep"]);
    const waiting = await world.json(["run", "gate", "--embedded"], { env: { TMPDIR: tmp } });
    const [, data = ""] = /--data (\S+)$/.exec(waiting.value.waits[0]?.answerWith ?? "") ?? [];
    assert.ok(existsSync(join(data, "podium.db")), "the run that waits is gone");
    const denied = await world.json(["runs", "answer", waiting.value.run, "--deny", "--embedded", "--data", data]);
    assert.deepEqual([denied.code, denied.value.denied], [0, true]);
  });
});
