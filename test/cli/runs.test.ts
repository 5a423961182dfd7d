import assert from "node:assert/strict";
import * as z from "zod";
import { RunResult, RunShow, RunsResult } from "../../sidecar/protocol/results.ts";
import { until } from "../support/hub.ts";
import { createWorld, type World } from "./world.ts";

const question = "Where does the brass key hang?";
const gate = `podium: 1
name: gate
steps:
  - { id: agreed, approve: "Go on?" }
  - { id: done, set: "went on" }
output: done
`;
interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly retryable: boolean };
}

describe("podium runs", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await createWorld();
    world.place.write(".podium/workflows/gate.yaml", gate);
  });
  after(() => world.end());

  it("lists the newest first, in pages, in text and in JSON", async () => {
    assert.equal((await world.run(["runs", "ls"])).stdout, "No runs yet.\n");
    for (const word of ["one", "two", "three"]) await world.run(["ask", `Where does the brass key ${word} hang?`]);
    const { value } = await world.json<unknown>(["runs", "ls", "--limit", "2"]);
    const page = RunsResult.parse(value);
    assert.deepEqual(
      page.runs.map(({ title }) => title?.split(" ")[5]),
      ["three", "two"],
    );
    for (const row of page.runs) {
      const keys = ["run", "workflow", "status", "createdAt", "endedAt", "attempts"] as const;
      assert.deepEqual(
        keys.filter((key) => !(key in row)),
        [],
      );
      assert.deepEqual([row.workflow, row.status, row.attempts], ["ask_workspace", "succeeded", 1]);
    }
    const rest = await world.json<unknown>(["runs", "ls", "--before", page.next ?? ""]);
    assert.deepEqual(
      RunsResult.parse(rest.value).runs.map(({ title }) => title?.split(" ")[5]),
      ["one"],
    );
    const text = await world.run(["runs", "ls", "--limit", "1"]);
    assert.match(text.stdout, /^run +workflow +status +started +took +about\nrun_\w+ +ask_workspace +succeeded/);
    assert.match(text.stdout, /podium runs ls --before run_\w+/);
  });

  it("shows a run with its steps, operations and trace", async () => {
    const { value } = await world.json(["ask", question]);
    const shown = await world.json<unknown>(["runs", "show", value.run]);
    const show = RunShow.parse(shown.value);
    assert.deepEqual(
      show.steps.map(({ instance, step, status, attempt, effect }) => [instance, step, status, attempt, effect]),
      [
        ["found", "use@1", "done", 1, "pure"],
        ["answer", "ask@1", "done", 1, "pure"],
      ],
    );
    const ops = show.steps.flatMap(({ ops: all }) => all);
    assert.deepEqual(
      ops.map(({ ordinal, kind, name, status }) => [ordinal, kind, name, status]),
      [
        [0, "tool", "workspace.search", "done"],
        [0, "model", world.ref, "done"],
        [1, "tool", "workspace.read", "done"],
      ],
    );
    for (const { hash, ms } of ops) assert.ok(/^[0-9a-f]{64}$/.test(hash) && ms !== null);
    assert.match(show.trace, /^[0-9a-f]{64}$/);
    assert.deepEqual(show.result, value.result);
    const text = await world.run(["runs", "show", value.run]);
    assert.match(text.stdout, /^step +runs +status +attempt +took +operations\nfound .*workspace\.search$/m);
    const tail = await world.json(["runs", "tail", value.run]);
    assert.deepEqual([tail.code, tail.value], [0, value]);
  });

  it("waits with exit 3 and tells the whole command line that answers it", async () => {
    const { code, value, stderr } = await world.json(["run", "gate"]);
    assert.deepEqual([code, value.exit, value.status, value.reason, value.result], [3, 3, "parked", "ask", null]);
    const [wait] = value.waits;
    assert.deepEqual([value.waits.length, wait?.kind], [1, "question"]);
    assert.equal(
      wait?.answerWith,
      `podium runs answer ${value.run} ${wait?.ask} --value '{"approved":true}'`,
      "the command is whole",
    );
    assert.ok(stderr.includes(wait.answerWith), stderr);
    const answered = await world.json<unknown>(["runs", "answer", value.run, wait.ask, "--value", '{"approved":true}']);
    assert.deepEqual([answered.code, answered.value], [0, { ask: wait.ask }]);
    const tail = await world.json(["runs", "tail", value.run]);
    assert.deepEqual([tail.code, tail.value.status, tail.value.result], [0, "succeeded", "went on"]);
    const again = await world.json<Refusal>(["runs", "answer", value.run, wait.ask, "--deny"]);
    assert.deepEqual([again.code, again.value.error.code], [4, "already_answered"]);
  });

  it("takes --deny without a terminal, and --grant only with one", async () => {
    const { value } = await world.json(["run", "gate"]);
    const grant = await world.json<Refusal>(["runs", "answer", value.run, "--grant"]);
    assert.deepEqual([grant.code, grant.value.error.code], [2, "usage"]);
    assert.match(grant.stderr, /^usage: A grant needs a person at a terminal/);
    assert.equal((await world.run(["runs", "answer", value.run])).code, 2, "no answer at all");
    const denied = await world.run(["runs", "answer", value.run, "--deny"]);
    assert.equal(denied.code, 0, denied.stderr);
    const tail = await world.json(["runs", "tail", value.run]);
    assert.deepEqual([tail.code, tail.value.status, tail.value.denied], [0, "succeeded", true]);
  });

  it("does with a question what --on-ask says", async () => {
    const denied = await world.json(["run", "gate", "--on-ask", "deny"]);
    assert.deepEqual([denied.code, denied.value.status, denied.value.denied], [0, "succeeded", true]);
    const waiting = world.start(["run", "gate", "--on-ask", "wait", "--format", "json"]);
    const run = await until("a run that waits", async () => {
      const { value } = await world.json<unknown>(["runs", "ls", "--limit", "1"]);
      const [row] = RunsResult.parse(value).runs;
      return row?.status === "parked" ? row.run : null;
    });
    assert.equal(waiting.child.exitCode, null, "it went on without an answer");
    await world.run(["runs", "answer", run, "--value", "true"]);
    const ran = await waiting.ran;
    assert.deepEqual([ran.code, RunResult.parse(JSON.parse(ran.stdout)).result], [0, "went on"]);
  });

  it("starts a run and leaves it going with --detach, cancels it, and closes the socket to the model", async () => {
    const { code, value } = await world.json<{ run: string }>(["ask", "Is the brass key slow?", "--detach"]);
    assert.equal(code, 0);
    await until("a generation", () => world.server.inFlight === 1);
    const open = world.server.generations.at(-1);
    const cancelled = await world.json<unknown>(["runs", "cancel", value.run]);
    assert.deepEqual([cancelled.code, cancelled.value], [0, {}]);
    await until("the end of the call", () => open?.aborted);
    const shown = await world.json(["runs", "show", value.run]);
    assert.deepEqual([shown.code, shown.value.status, shown.value.exit], [0, "cancelled", 130]);
    const resumed = await world.json(["runs", "resume", value.run]);
    assert.deepEqual([resumed.code, resumed.value.status], [0, "cancelled"]);
    assert.match(resumed.stderr, /^The run has ended: cancelled\.$/m);
    assert.match((await world.run(["ask", question, "--detach"])).stdout, /^run_\w+\n$/);
  });

  it("ends a run that takes longer than --timeout with exit 4 and the cause", async () => {
    const { code, value, stderr } = await world.json(["ask", "Is the brass key slow?", "--timeout", "700ms"]);
    assert.deepEqual([code, value.exit, value.status, value.error?.code], [4, 4, "cancelled", "deadline"]);
    assert.match(stderr, /^deadline: .*700ms/m);
  });

  it("parks at its budget and says how to go on", async () => {
    world.place.write(
      ".podium/workflows/twice.yaml",
      "podium: 1\nname: twice\nsteps:\n  - { id: one, ask: First }\n  - { id: two, ask: Second }\noutput: two.text\n",
    );
    const { code, value, stderr } = await world.json(["run", "twice", "--budget", "tokens=1,minutes=1,usd=1"]);
    assert.deepEqual([code, value.status, value.reason], [3, "parked", "budget"]);
    assert.match(stderr, new RegExp(`podium runs (answer|resume) ${value.run}`));
    await world.run(["runs", "cancel", value.run]);
  });

  it("exports a run and imports it elsewhere: the same bytes, and only to be read", async () => {
    const waiting = await world.json(["run", "gate"]);
    const ended = await world.json(["ask", question]);
    const elsewhere = { env: { PODIUM_HOME: `${world.place.home}-2` } };
    try {
      for (const { value } of [ended, waiting]) {
        const exported = await world.run(["runs", "export", value.run]);
        assert.equal(exported.code, 0);
        const imported = await world.run(["runs", "import", "-"], { ...elsewhere, stdin: exported.stdout });
        assert.deepEqual([imported.code, imported.stdout], [0, `${value.run}\n`], imported.stderr);
        const again = await world.run(["runs", "export", value.run], elsewhere);
        assert.equal(again.stdout, exported.stdout);
        const twice = await world.run(["runs", "import", "-"], { ...elsewhere, stdin: exported.stdout });
        assert.equal(twice.code, 0, "the same run again changes nothing");
        const changed = exported.stdout.replaceAll("brass", "steel").replaceAll("Go on", "No go");
        const forged = await world.json<Refusal>(["runs", "import", "-"], { ...elsewhere, stdin: changed });
        assert.deepEqual([forged.code, forged.value.error.code], [2, "invalid_input"]);
      }
      const shown = await world.json(["runs", "show", waiting.value.run], elsewhere);
      assert.deepEqual(shown.value.waits, [], "an imported run waits for nobody");
      const listed = await world.json<unknown>(["runs", "ls"], elsewhere);
      assert.deepEqual(
        RunsResult.parse(listed.value).runs.map(({ imported }) => imported),
        [true, true],
      );
      const answered = await world.json<Refusal>(["runs", "answer", waiting.value.run, "--deny"], elsewhere);
      assert.notEqual(answered.code, 0, "an imported run cannot be answered");
      const absent = await world.json<Refusal>(["runs", "import", "absent.jsonl"], elsewhere);
      assert.deepEqual([absent.code, absent.value.error.code], [2, "file_missing"]);
      const broken = await world.json<Refusal>(["runs", "import", "-"], { ...elsewhere, stdin: "<html>" });
      assert.deepEqual([broken.code, broken.value.error.code], [2, "invalid_input"]);
    } finally {
      assert.equal((await world.run(["hub", "stop", "--now"], elsewhere)).code, 0);
    }
  });

  it("says in every verb that a run id is unknown, with exit 2", async () => {
    for (const verb of ["show", "tail", "answer", "resume", "cancel", "export"]) {
      const flags = verb === "answer" ? ["--deny"] : [];
      const { code, value, stderr } = await world.json<Refusal>(["runs", verb, "run_absent", ...flags]);
      assert.deepEqual([verb, code, value.error.code], [verb, 2, "unknown_run"]);
      z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).parse(value.error);
      assert.equal(stderr, `unknown_run: ${value.error.message}\n`);
      assert.match(value.error.message, /podium runs ls/);
    }
  });

  it("follows a run across the death of the hub", async () => {
    const following = world.start(["run", "gate", "--on-ask", "wait", "--format", "json"]);
    const run = await until("a run that waits", async () => {
      const { value } = await world.json<unknown>(["runs", "ls", "--limit", "1"]);
      const [row] = RunsResult.parse(value).runs;
      return row?.status === "parked" && row.workflow === "gate" && following.progress().includes("‖") ? row.run : null;
    });
    await world.place.kill();
    await until("the reconnecting", () => following.progress().includes("reconnecting"));
    const answered = await world.run(["runs", "answer", run, "--value", "true"]);
    assert.equal(answered.code, 0, answered.stderr);
    const ran = await following.ran;
    assert.deepEqual([ran.code, RunResult.parse(JSON.parse(ran.stdout)).result], [0, "went on"], ran.stderr);
  });
});
