import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { readRecord } from "../../sidecar/client/record.ts";
import { RunResult, RunsResult } from "../../sidecar/protocol/results.ts";
import { until } from "../support/hub.ts";
import { createWorld, type World } from "./world.ts";

const slow = ["ask", "Is the brass key slow?"];

describe("a command that is interrupted", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.end());

  const newest = async (): Promise<{ run: string; status: string }> => {
    const { value } = await world.json<unknown>(["runs", "ls", "--limit", "1"]);
    const [row] = RunsResult.parse(value).runs;
    assert.ok(row);
    return row;
  };
  const generating = (): Promise<unknown> => until("a generation", () => world.server.inFlight === 1, 30_000);

  for (const flags of [[], ["--embedded", "--data", "../own"]]) {
    it(`${flags[0] ?? "attached"}: Ctrl+C cancels the run and closes the call: 130, and the run is kept`, async () => {
      const running = world.start([...slow, ...flags, "--format", "json"]);
      await generating();
      const call = world.server.generations.at(-1);
      running.child.kill("SIGINT");
      const ran = await running.ran;
      const result = RunResult.parse(JSON.parse(ran.stdout));
      assert.deepEqual([ran.code, result.exit, result.status], [130, 130, "cancelled"], ran.stderr);
      assert.match(ran.stderr, /^Cancelling; Ctrl\+C again leaves at once\.$/m);
      assert.equal(call?.aborted, true);
      const shown = await world.json(["runs", "show", result.run, ...flags]);
      assert.equal(shown.value.status, "cancelled");
    });
  }

  it("leaves at once at the second Ctrl+C, also when the hub does not answer", async () => {
    const running = world.start(slow);
    await generating();
    const pid = readRecord(world.place.home)?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      running.child.kill("SIGINT");
      await until("the first", () => running.progress().includes("Cancelling"));
      assert.equal(running.child.exitCode, null);
      running.child.kill("SIGINT");
      assert.equal((await running.ran).code, 130);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await until("the end of the call", () => world.server.inFlight === 0);
  });

  it("ends at Ctrl+C also when nothing runs yet", async () => {
    const running = world.start(["run", "echo", "--input", "-"], { stdin: null });
    await until("the process", () => running.child.pid !== undefined);
    await until("its end", () => {
      running.child.kill("SIGINT");
      return running.child.exitCode !== null || running.child.signalCode !== null;
    });
    const { code, signal } = await running.ran;
    assert.ok(code === 130 || signal === "SIGINT", `${code} ${signal}`);
  });

  it("leaves the run going when its terminal is closed", async () => {
    const running = world.start(slow);
    await generating();
    running.child.kill("SIGHUP");
    assert.equal((await running.ran).signal, "SIGHUP");
    assert.equal(world.server.inFlight, 1);
    const { run, status } = await newest();
    assert.equal(status, "running");
    await world.run(["runs", "cancel", run]);
    await until("the end of the call", () => world.server.inFlight === 0);
  });

  it("goes on when nobody reads its output, and cuts no long one", async () => {
    const words = ["ask", "Where does the brass key hang?"];
    const running = world.start(words);
    running.child.stdout?.destroy();
    const ran = await running.ran;
    assert.deepEqual([ran.code, /EPIPE|Error|at /.test(ran.stderr)], [0, false], ran.stderr);
    assert.equal((await newest()).status, "succeeded");
    const word = "long ".repeat(100_000);
    world.place.write(
      ".podium/workflows/echo.yaml",
      "podium: 1\nname: echo\ninput: { word: string }\nsteps:\n  - { id: said, set: =input.word }\noutput: said\n",
    );
    const long = await world.json(["run", "echo", "--input", "-"], { stdin: JSON.stringify({ word }) });
    assert.equal(long.value.result, word);
  });
});

describe("a terminal", function () {
  this.timeout(120_000);
  let world: World;
  before(async function () {
    const isThere = await promisify(execFile)("script", ["--version"]).then(
      ({ stdout }) => stdout.includes("util-linux"),
      () => false,
    );
    if (!isThere) {
      assert.notEqual(process.env["CI"], "true", "the program script of util-linux is missing");
      return this.skip();
    }
    world = await createWorld();
  });
  after(() => world?.end());

  /** Everything one command writes to a terminal of 80 columns. */
  const inTerminal = async (
    words: string,
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; text: string }> => {
    const entry = join(world.program.dist, "cli.mjs");
    const command = `stty cols 80; '${process.execPath}' '${entry}' ${words}`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: world.place.root,
      env: { ...world.place.env, TERM: "xterm", SHELL: "/bin/sh", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, text: text.replaceAll("\r\n", "\n") };
  };
  const esc = String.fromCharCode(27);

  it("gets one repainted line no wider than itself, and colours", async () => {
    const { code, text } = await inTerminal("ask 'Where does the brass key hang?'");
    assert.equal(code, 0, text);
    const painted = text.split(`\r${esc}[2K`);
    assert.ok(painted.length > 2, text);
    const plain = (line: string): string => line.replaceAll(new RegExp(`${esc}\\[\\d+m`, "g"), "");
    for (const piece of painted) for (const line of plain(piece).split("\n")) assert.ok(line.length < 80, line);
    assert.ok(text.includes(`${esc}[1mSources${esc}[22m`), text);
    assert.match(plain(text), /The brass key hangs behind the clock \[1\]\.\n\nSources/);
  });

  it("gets no colour with NO_COLOR, and a list that fits", async () => {
    const { text } = await inTerminal("ask 'Where does the brass key hang?' --quiet", { NO_COLOR: "1" });
    assert.ok(!text.includes(esc), JSON.stringify(text));
    const listed = await inTerminal("runs ls");
    for (const line of listed.text.split("\n")) assert.ok(line.length <= 80, line);
    assert.match(listed.text, /…$/m);
  });
});
