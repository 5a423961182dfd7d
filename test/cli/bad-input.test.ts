import assert from "node:assert/strict";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import type { RunShow } from "../../sidecar/protocol/results.ts";
import { type Attempt, type BadInput, badInputs } from "../support/bad-input.ts";
import { bundlePodium, type Program, type Ran } from "../support/cli.ts";
import { createPlace, type Place, until } from "../support/hub.ts";

/** One sentence that names the cause and the way out. */
function assertSaid(row: BadInput, message: string): void {
  assert.match(message, row.cause);
  assert.match(message, row.wayOut);
  assert.doesNotMatch(message, /\n/, "more than one line");
  assert.ok(message.length < 400, `${message.length} characters`);
}

/** What the command line must do: the exit code, one object on stdout, one line `code: message` on stderr. */
function assertCommand(row: BadInput, ran: Ran): void {
  assert.equal(ran.code, row.exit, ran.stderr);
  const printed = JSON.parse(ran.stdout) as Partial<RunShow>;
  if (row.code === null) {
    assert.doesNotMatch(ran.stderr, /^[a-z_]+: /m);
    return;
  }
  const line = ran.stderr.split("\n").find((text) => text.startsWith(`${row.code}: `));
  assert.ok(line !== undefined, ran.stderr);
  assertSaid(row, line.slice(row.code.length + 2));
  if (row.shows === "notice") assert.equal(printed.status, "succeeded");
  else assert.equal(printed.error?.code, row.code);
  assert.equal(printed.run === undefined, row.shows === "start" || row.shows === "request");
}

describe("bad input", function () {
  this.timeout(60_000);
  let program: Program;
  let place: Place;
  let known: string[] = [];

  const run = (words: readonly string[], attempt?: Attempt): Promise<Ran> =>
    program.run(words, {
      cwd: place.root,
      env: { ...place.env, ...attempt?.env },
      ...(attempt?.node === undefined ? {} : { node: attempt.node }),
    });
  const listed = async (): Promise<string[]> => {
    const ran = await run(["runs", "ls", "--limit", "500", "--format", "json"]);
    assert.equal(ran.code, 0, ran.stderr);
    return (JSON.parse(ran.stdout) as { readonly runs: readonly { readonly run: string }[] }).runs.map(
      (row) => row.run,
    );
  };

  /** The same request over the hub's method, as the editor sends it; resolves with what the run or the refusal says. */
  const overMethod = async (row: BadInput, attempt: Attempt): Promise<void> => {
    const client = await place.reach({ dist: program.dist, mayStart: false });
    try {
      const { run: id } = await client.request("run.start", { ...attempt.start, root: place.root });
      const shown = await until(`end of ${id}`, async () => {
        const { ended } = await client.request("run.events", { run: id, after: 0, limit: 1 });
        return ended ? client.request("run.get", { run: id }) : null;
      });
      assert.equal(shown.error?.code, row.shows === "run" ? row.code : undefined);
      if (shown.error) assertSaid(row, shown.error.message);
    } catch (error) {
      assert.ok(error instanceof PodiumError && row.shows === "request", String(error));
      assert.equal(error.code, row.code);
      assertSaid(row, error.message);
    } finally {
      client.close();
    }
  };

  before(async () => {
    program = await bundlePodium();
    place = createPlace();
    const ran = await run(["ask", "What opens a drawer?", "--format", "json"]);
    assert.equal(ran.code, 0, ran.stderr);
    known = await listed();
    assert.equal(known.length, 1);
  });
  after(async () => {
    await place.remove();
    program.remove();
  });

  for (const row of badInputs) {
    it(`${row.name}: ${row.code ?? "nothing to say"}`, async () => {
      if (row.cold) assert.equal((await run(["hub", "stop", "--now"])).code, 0);
      const attempt = await row.arrange({ home: place.home, root: place.root });
      try {
        assertCommand(row, await run([...attempt.words, "--format", "json"], attempt));
        if (row.shows !== "start") await overMethod(row, attempt);
      } finally {
        if (row.cold) await place.kill();
        await attempt.undo();
      }
      const now = await listed();
      assert.deepEqual(
        known.filter((id) => !now.includes(id)),
        [],
        "an earlier run is gone",
      );
      known = now;
    });
  }
});
