import assert from "node:assert/strict";
import { openBench } from "./engine.ts";
import { append, blob, chain, fan, type Scenario, stream } from "./scenarios.ts";

/** Commits and bytes of one run in a fresh journal, less what an empty one has. */
async function costOf(scenario: Scenario): Promise<{ commits: number; bytes: number; tokens: number }> {
  const empty = await (await openBench("sqlite")).close();
  const bench = await openBench("sqlite");
  const { commits, tokens } = await bench.checked(scenario);
  return { commits, tokens, bytes: (await bench.close()) - empty };
}

describe("what a run costs", () => {
  for (const n of [1, 10, 100]) {
    it(`commits ${n + 1} times for a chain of ${n}`, async () => {
      assert.equal((await costOf(chain(n))).commits, n + 1);
    });
  }

  it("commits far less than once per run and step when many runs share a turn", async () => {
    const { commits } = await costOf(chain(5, 100));
    assert.ok(commits <= 8, `${commits} commits`);
  });

  it("commits a fan's steps together", async () => {
    const { commits } = await costOf(fan(100));
    assert.ok(commits <= 32, `${commits} commits`);
  });

  it("keeps a small step under 8 KB, flat in the length of the run", async () => {
    const [short, long] = [await costOf(chain(50)), await costOf(chain(200))];
    assert.ok(short.bytes / 50 <= 8192, `${short.bytes / 50} bytes per step`);
    assert.ok(
      long.bytes / 200 <= (short.bytes / 50) * 1.1,
      `${short.bytes / 50} and ${long.bytes / 200} bytes per step`,
    );
  });

  it("stores a carried megabyte once", async () => {
    const { bytes } = await costOf(blob(1_000_000, 100));
    assert.ok(bytes <= 1_100_000, `${bytes} bytes`);
  });

  it("stores 1000 messages of 1 KB in at most 1.5 MB", async () => {
    const { bytes } = await costOf(append(1000));
    assert.ok(bytes <= 1_500_000, `${bytes} bytes`);
  });

  it("sends every token to the observer and stores none", async () => {
    const { commits, tokens } = await costOf(stream(1000));
    assert.ok(tokens > 0 && tokens <= 1000, `${tokens} live events`);
    assert.ok(commits <= 4, `${commits} commits`);
  });
}).timeout(60_000);
