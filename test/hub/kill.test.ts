import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { delimiter, join } from "node:path";
import type { HubClient } from "../../sidecar/client/client.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { FakeRequest, FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, type Place, until } from "../support/hub.ts";
import { bundleHub } from "./bundle.ts";
import { assertOnce, keptOperations, untilEnded } from "./log.ts";

const kills = Number(process.env["PODIUM_KILLS"]) || 200;
/** Places at once: each has a data directory, a workspace and a hub of its own. */
const width = 5;
const text = "A drawer opens with the brass key [1]. The brass key hangs behind the clock [1].";
/** Where a kill from outside falls: after how many durable events, and how much later. */
const moments = 12;
const laterMs = [0, 1, 3, 8, 20, 45] as const;

/** An ask with a counted tool before it, and after it one whose first answer is refused, so that its step makes two calls. */
const longer = `podium: 1
name: longer
input: { question: string }
steps:
  - { id: change, use: git.diff, with: { scope: working } }
  - { id: found, use: workspace.search, with: { query: =input.question, top: 12 } }
  - { id: answer, agent: answerer, ask: "\${input.question}", cite: found.hits }
  - { id: short, ask: "\${input.question} Say it shorter: \${answer}", returns: { short: string } }
output: short
`;
const workflows = ["ask_workspace", "longer"] as const;
type Workflow = (typeof workflows)[number];

/** The answer, without the note on how the search went: a first search says so, whichever hub makes it. */
const answerOf = (result: unknown): unknown => {
  const { note: _, ...rest } = { note: null, ...(result as object) };
  return rest;
};
const gone = (error: unknown): boolean => error instanceof PodiumError && error.code === "no_hub";
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("a hub that is killed", function () {
  this.timeout(kills * 2500 + 120_000);
  let fake: FakeServer;
  let bundle: Awaited<ReturnType<typeof bundleHub>>;
  const begun: { readonly said: string; readonly at: number; readonly request: FakeRequest }[] = [];
  const places: Place[] = [];
  before(async () => {
    bundle = await bundleHub(new URL("./mortal-hub.ts", import.meta.url));
    fake = await fakeOllama({
      answers: (request) => {
        const said = JSON.stringify(request.body?.["messages"]);
        begun.push({ said, at: performance.now(), request });
        const isRepair = said.includes('"role":"assistant"');
        return { text: isRepair ? '{"short":"Behind the clock."}' : text, delayMs: 25, pieceMs: 4 };
      },
    });
    for (let index = 0; index < width; index += 1) places.push(countingPlace());
  });
  after(async () => {
    for (const place of places) await place.remove();
    await fake.close();
    bundle.remove();
  });

  /** A place whose git writes a line for each time it is run, and which knows the workflow `longer`. */
  function countingPlace(servers = fake.url): Place {
    const place = createPlace({ PODIUM_SERVERS: servers });
    const bin = join(place.home, "bin");
    mkdirSync(bin);
    const path = process.env["PATH"] ?? "";
    const script = `#!/bin/sh\necho "$@" >> '${join(place.home, "git-calls")}'\nPATH='${path}' exec git "$@"\n`;
    writeFileSync(join(bin, "git"), script, { mode: 0o755 });
    place.env["PATH"] = `${bin}${delimiter}${path}`;
    mkdirSync(join(place.home, "workflows"));
    writeFileSync(join(place.home, "workflows", "longer.yaml"), longer);
    place.write("notes.md", `${readFileSync(join(place.root, "notes.md"), "utf8")}\nThe clock stands in the hall.\n`);
    writeFileSync(join(place.home, "git-calls"), "");
    return place;
  }

  /** How often each tool was really executed here: a diff runs `git diff` once, a search `git ls-files -co` once. */
  const executions = (place: Place): ReadonlyMap<string, number> => {
    const lines = readFileSync(join(place.home, "git-calls"), "utf8").split("\n");
    const count = (words: string): number => lines.filter((line) => line.includes(words)).length;
    return new Map([
      ["git.diff", count(" diff --no-ext-diff ")],
      ["workspace.search", count(" ls-files -co ")],
    ]);
  };
  const question = (tag: string): string => `Where does the brass key of the drawer hang? ${tag}.`;
  const generations = (tag: string): typeof begun => begun.filter(({ said }) => said.includes(`${tag}.`));
  const start = async (client: HubClient, tag: string, workflow: Workflow): Promise<string> => {
    const input = { question: question(tag) };
    return (await client.request("run.start", { workflow, input, idem: tag })).run;
  };
  /** What the dead hub had sent is counted once the server has answered somebody who asked later. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 2; turn += 1)
      await new Promise<void>((resolve, reject) => {
        get(`${fake.url}/api/version`, (answer) => answer.resume().once("end", resolve)).once("error", reject);
      });
  };

  const arm = (place: Place, points: number): void => writeFileSync(join(place.home, "kill-at"), String(points));
  /** Takes the counter away; resolves with what was left of it. */
  const disarm = (place: Place): number => {
    const file = join(place.home, "kill-at");
    const left = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    rmSync(file, { force: true });
    return left;
  };

  let lanes = 0;
  /** Lanes of its own let the next hub begin at once; else the device rests for 5 s after each crash. */
  const reach = (place: Place): Promise<HubClient> => {
    lanes += 1;
    return place.reach({ dist: bundle.dist, env: { ...place.env, PODIUM_LANES: join(place.home, `lanes-${lanes}`) } });
  };

  interface Expected {
    readonly points: number;
    readonly result: unknown;
    readonly modelCalls: number;
  }
  const expected = new Map<Workflow, Expected>();
  const reached = new Map<Workflow, Set<number>>();
  const counted = { kills: 0, points: 0, adopted: 0, cutCalls: 0, keptCalls: 0, replayed: 0, keptTools: 0, again: 0 };

  /** Runs a workflow in peace, to know its write points and its result. */
  async function runInPeace(place: Place, workflow: Workflow): Promise<Expected> {
    const client = await reach(place);
    const tag = `zzpeace${workflow.length}`;
    arm(place, 100_000);
    const run = await start(client, tag, workflow);
    assertOnce(await untilEnded(client, run));
    const points = 100_000 - disarm(place);
    const { status, result, degraded } = await client.request("run.get", { run });
    assert.deepEqual([status, degraded], ["succeeded", false]);
    client.close();
    return { points, result: answerOf(result), modelCalls: generations(tag).length };
  }

  /** Starts a run and kills the hub from outside; null when it died before the start was answered. */
  async function killOutside(place: Place, client: HubClient, round: number, tag: string, workflow: Workflow) {
    const after = round % moments;
    const delay = laterMs[Math.floor(round / moments) % laterMs.length] ?? 0;
    if (after === 0) {
      const started = start(client, tag, workflow).catch((error: unknown) => {
        assert.ok(gone(error), String(error));
        return null;
      });
      await later(delay);
      await place.kill();
      return started;
    }
    const run = await start(client, tag, workflow);
    await new Promise<void>((resolve, reject) => {
      const watched = client.watch("run.watch", { run }, (item) => {
        if ("event" in item && (item.event.seq >= after || item.event.kind === "run-end")) resolve();
      });
      watched.then(({ result }) => (result.head >= after ? resolve() : undefined), reject);
    });
    await later(delay);
    await place.kill();
    return run;
  }

  /** Starts a run in a hub that kills itself at the given write point of it, or is killed when the run has ended before. */
  async function killInside(place: Place, client: HubClient, point: number, tag: string, workflow: Workflow) {
    arm(place, point);
    const died = new Promise<void>((resolve) => client.onClose(resolve));
    let run: string | null = null;
    try {
      run = await start(client, tag, workflow);
      await Promise.race([died, untilEnded(client, run)]);
    } catch (error) {
      assert.ok(gone(error), String(error));
    }
    if (await finishOff(place)) {
      reached.get(workflow)?.add(point);
      counted.points += 1;
    }
    return run;
  }

  /** The hub that takes a run over is killed as well, while it does. */
  async function killAgain(place: Place, point: number, run: string): Promise<void> {
    arm(place, point);
    const client = await reach(place);
    const died = new Promise<void>((resolve) => client.onClose(resolve));
    await Promise.race([died, untilEnded(client, run).catch((error: unknown) => assert.ok(gone(error)))]);
    client.close();
    await finishOff(place);
    counted.kills += 1;
    counted.again += 1;
  }

  /** Sees the hub dead; resolves with true when it died at the write point it was told. */
  async function finishOff(place: Place): Promise<boolean> {
    const marker = join(place.home, "killed-at");
    const byItself = existsSync(marker);
    rmSync(marker, { force: true });
    disarm(place);
    await place.kill();
    return byItself;
  }

  async function killOnce(place: Place, round: number): Promise<void> {
    const workflow = workflows[Math.floor(round / 2) % 2] ?? "longer";
    const { points, result, modelCalls } = expected.get(workflow) ?? (await runInPeace(place, workflow));
    const tag = `zz${round}`;
    const client = await reach(place);
    const isInside = round % 2 === 0;
    const known = isInside
      ? await killInside(place, client, 1 + (Math.floor(round / 4) % points), tag, workflow)
      : await killOutside(place, client, round, tag, workflow);
    client.close();
    counted.kills += 1;
    if (round % 8 === 3 && known !== null) await killAgain(place, 1 + (Math.floor(round / 8) % 6), known);

    await settled();
    const before = generations(tag);
    const toolsBefore = executions(place);
    const again = await reach(place);
    const run = known ?? (await start(again, tag, workflow));
    const events = await untilEnded(again, run);
    assertOnce(events);
    const shown = await again.request("run.get", { run });
    assert.deepEqual(
      [shown.error, shown.status, answerOf(shown.result), shown.degraded],
      [undefined, "succeeded", result, false],
      `round ${round}`,
    );
    const kept = keptOperations(events.filter(({ epoch }) => epoch < again.hello.epoch));
    const keptCalls = kept.filter(({ kind }) => kind === "model").length;
    const calls = generations(tag).length - before.length;
    assert.equal(calls, modelCalls - keptCalls, `round ${round}: calls after the last kill`);
    for (const [tool, times] of executions(place)) {
      if (!kept.some(({ name }) => name === tool)) continue;
      counted.keptTools += 1;
      assert.equal(times, toolsBefore.get(tool), `round ${round}: ${tool} ran again`);
    }
    counted.keptCalls += keptCalls;
    if (kept.some(({ isOpen }) => isOpen)) counted.replayed += 1;
    if (events.some(({ kind }) => kind === "run-adopt")) counted.adopted += 1;
    if (before.at(-1)?.request.aborted) counted.cutCalls += 1;
    assert.equal(await start(again, tag, workflow), run, "the same request started a second run");
    again.close();
  }

  it(`loses and doubles nothing in ${kills} kills, at every write point of a run`, async () => {
    const [first] = places;
    assert.ok(first);
    for (const workflow of workflows) {
      expected.set(workflow, await runInPeace(first, workflow));
      reached.set(workflow, new Set());
    }
    let next = 0;
    const rounds = new Map<Place, number>(places.map((place) => [place, 0]));
    let isBroken = false;
    const ends = await Promise.allSettled(
      places.map(async (place) => {
        while (counted.kills < kills && !isBroken) {
          const round = next;
          next += 1;
          await killOnce(place, round).catch((error: unknown) => {
            isBroken = true;
            throw error;
          });
          rounds.set(place, (rounds.get(place) ?? 0) + 1);
        }
      }),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;

    for (const [index, place] of places.entries()) {
      const client = await reach(place);
      const { runs } = await client.request("run.list", { limit: 500 });
      assert.equal(runs.length, (rounds.get(place) ?? 0) + (index === 0 ? workflows.length : 0));
      assert.deepEqual(
        runs.filter(({ status }) => status !== "succeeded"),
        [],
      );
      const { checks } = await client.request("doctor.run", {});
      assert.equal(checks.find(({ id }) => id === "database")?.ok, true);
      client.close();
    }
    if (kills < 200) return;
    for (const workflow of workflows) {
      const { points } = expected.get(workflow) ?? { points: 0 };
      const every = Array.from({ length: points }, (_, index) => index + 1);
      assert.deepEqual(
        every.filter((point) => !reached.get(workflow)?.has(point)),
        [],
        `write points of ${workflow} that no kill met`,
      );
    }
    for (const [what, times] of Object.entries(counted)) assert.ok(times > 0, `${what}: none`);
  });

  it("goes on without a model as it began, whichever write point it died at", async () => {
    const place = countingPlace("http://127.0.0.1:9");
    places.push(place);
    for (let point = 1; point <= 8; point += 1) {
      const client = await reach(place);
      const known = await killInside(place, client, point, `zznone${point}`, "ask_workspace");
      client.close();
      const again = await reach(place);
      const run = known ?? (await start(again, `zznone${point}`, "ask_workspace"));
      assertOnce(await untilEnded(again, run));
      const { status, degraded } = await again.request("run.get", { run });
      assert.deepEqual([status, degraded], ["succeeded", true], `write point ${point}`);
      again.close();
    }
  });

  it("lets the device rest for 5 s after a hub died in a call", async () => {
    const [place] = places;
    assert.ok(place);
    await place.kill();
    const client = await place.reach({ dist: bundle.dist });
    const run = await start(client, "zzrest", "ask_workspace");
    await until("a generation under way", () => fake.inFlight > 0);
    await place.kill();
    const killedAt = performance.now();
    const again = await place.reach({ dist: bundle.dist });
    assertOnce(await untilEnded(again, run));
    const second = generations("zzrest")[1];
    assert.ok(second && second.at - killedAt > 4900, `asked again after ${(second?.at ?? 0) - killedAt} ms`);
    again.close();
  });
});
