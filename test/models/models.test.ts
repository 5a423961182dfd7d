import assert from "node:assert/strict";
import { learnSpeeds, unmeasured } from "../../sidecar/models/evidence.ts";
import { createHealth } from "../../sidecar/models/health.ts";
import { createLocalLanes } from "../../sidecar/models/local-lanes.ts";
import { createModels } from "../../sidecar/models/models.ts";
import type { Endpoint, LanguageModel, ModelSettings } from "../../sidecar/ports.ts";
import type { EndpointInfo } from "../../sidecar/protocol/models.ts";
import {
  collect,
  endPart,
  endpoint,
  endpointInfo,
  failure,
  kinds,
  modelInfo,
  never,
  request,
  scripted,
  sent,
  settled,
  type TestClock,
  testClock,
  text,
} from "./support.ts";

const settings: ModelSettings = { roles: {}, servers: [], network: "local" };
const caller = { run: "run_1", order: "1", class: "interactive" } as const;
const { contextTokens: _, keepAlive: __, ...asked } = request;
const mlxInfo = endpointInfo([modelInfo("mlx_lm/a")], { url: "http://127.0.0.1:8080", flavour: "mlx_lm" });
const ollamaInfo = endpointInfo([modelInfo("ollama/b")]);

function models(clock: TestClock, endpoints: (only: readonly string[] | null) => readonly Endpoint[]) {
  return createModels({
    endpoints: async (only) => endpoints(only),
    clock,
    lanes: createLocalLanes(clock),
    settings: () => ({ ...settings, gpuParallel: {}, maxContext: 32_768, keepAlive: "5m" }),
    memoryBytes: 32 * 1024 ** 3,
    pressure: async () => "ok",
    random: () => 0.5,
    platform: { os: "linux", arch: "x64", ollamaParallel: null, addresses: [] },
  });
}

describe("models", () => {
  it("resolves a role, calls the model and learns its speed", async () => {
    const clock = testClock();
    const inner = scripted("ollama/b", clock, [sent, text("yes"), endPart("ollama/b", 400, 40)]);
    const hub = models(clock, () => [
      endpoint(
        () => ollamaInfo,
        () => inner,
      ),
    ]);
    await hub.ready();
    const target = hub.resolve("main", settings);
    assert.deepEqual([target?.ref, target?.contextTokens, target?.state], ["ollama/b", 8192, "answers"]);
    assert.ok(target);
    const long = { ...asked, messages: [{ role: "user" as const, content: "word ".repeat(320) }] };
    const outcome = collect(hub.call(target, { ...long, schema: { type: "object" } }, caller, never()));
    await clock.advance(10);
    assert.deepEqual(kinds(outcome), ["sent", "text", "end"], String(outcome.error));
    assert.deepEqual(
      [inner.calls[0]?.contextTokens, inner.calls[0]?.keepAlive, inner.calls[0]?.schema],
      [8192, "5m", undefined],
    );
    assert.equal(hub.resolve("main", settings)?.card.tokensPerSecond, 400);
    const { endpoints, roles } = await hub.list({ refresh: false });
    assert.equal(roles["main"], "ollama/b");
    assert.deepEqual(endpoints[0]?.models[0]?.roles, ["main", "fast"]);
    hub.close();
  });

  it("finds a server that was started a moment ago before it says that there is none", async () => {
    const clock = testClock();
    const silent = scripted("none", clock);
    const up = endpoint(
      () => ollamaInfo,
      () => silent,
    );
    const late = endpoint(
      () => mlxInfo,
      () => silent,
    );
    let there: readonly Endpoint[] = [];
    const hub = models(clock, () => there);
    await hub.ready(settings);
    assert.equal(hub.resolve("main", settings), null);
    there = [up];
    await hub.ready(settings);
    assert.equal(hub.resolve("main", settings), null, "looked at again within the second");
    await clock.advance(1100);
    await hub.ready(settings);
    assert.equal(hub.resolve("main", settings)?.ref, "ollama/b");
    there = [up, late];
    const named = { ...settings, roles: { main: "mlx_lm/a" } };
    await clock.advance(1100);
    await hub.ready(named);
    assert.equal(hub.resolve("main", named)?.ref, "mlx_lm/a");
    hub.close();
  });

  it("takes a window for the largest only when the server held less than it was asked for", async () => {
    const clock = testClock();
    let trained: number | null = null;
    let held = 4096;
    const info = () => endpointInfo([{ ...modelInfo("ollama/b"), context: { trained, allocated: null } }]);
    const inner = scripted("ollama/b", clock, [text("yes"), endPart("ollama/b", 400, 40)]);
    const only = { ...endpoint(info, () => inner), allocated: async () => held };
    const hub = models(clock, () => [only]);
    await hub.ready(settings);
    const ask = async (): Promise<number | undefined> => {
      const target = hub.resolve("main", settings);
      assert.ok(target);
      collect(hub.call(target, asked, caller, never()));
      await clock.advance(10);
      await hub.list({ refresh: true });
      return hub.resolve("main", settings)?.contextTokens;
    };
    assert.equal(await ask(), 4096);
    trained = 8192;
    assert.equal(await ask(), 8192, "4096 was all that was asked for");
    held = 6000;
    assert.equal(await ask(), 6000);
    hub.close();
  });

  it("sends no schema any more after an engine died of it twice in a row", async () => {
    const clock = testClock();
    const done = [text("yes"), endPart("ollama/b", 400, 40)];
    const dead = [failure("engine_dead")];
    const inner = scripted("ollama/b", clock, dead, done, dead, dead, done);
    const card = { ...modelInfo("ollama/b").card, jsonSchema: "yes" as const };
    const info = endpointInfo([{ ...modelInfo("ollama/b"), card }]);
    const only = endpoint(
      () => info,
      () => inner,
    );
    const hub = models(clock, () => [only]);
    await hub.ready();
    for (const _call of [1, 2, 3, 4, 5]) {
      const target = hub.resolve("main", settings);
      assert.ok(target);
      const outcome = collect(hub.call(target, { ...asked, schema: { type: "object" } }, caller, never()));
      await clock.advance(10_000);
      assert.ok(outcome.ended);
    }
    assert.deepEqual(
      inner.calls.map(({ schema }) => schema !== undefined),
      [true, true, true, true, false],
    );
    assert.equal(hub.resolve("main", settings)?.card.jsonSchema, "no");
    hub.close();
  });

  it("falls back to the next server and keeps the prompts on one device apart", async () => {
    const clock = testClock();
    const broken = scripted("mlx_lm/a", clock, [sent, failure("stalled")]);
    const good = scripted("ollama/b", clock, [sent, text("yes"), endPart("ollama/b")]);
    const hub = models(clock, () => [
      endpoint(
        () => mlxInfo,
        () => broken,
      ),
      endpoint(
        () => ollamaInfo,
        () => good,
      ),
    ]);
    await hub.ready();
    const target = hub.resolve("main", settings);
    assert.equal(target?.ref, "mlx_lm/a");
    assert.ok(target);
    const outcome = collect(hub.call(target, asked, caller, never()));
    await clock.advance(3000);
    assert.deepEqual(kinds(outcome), ["sent", "fallback", "wait", "sent", "text", "end"]);
    assert.deepEqual(
      (await hub.list({ refresh: false })).endpoints.map(({ state }) => state),
      ["reachable", "answers"],
    );
    hub.close();
  });

  it("holds 8 parallel calls on each of two servers to one generation", async () => {
    const clock = testClock();
    let inFlight = 0;
    let most = 0;
    const slow = (ref: string): LanguageModel => ({
      ref,
      async *stream() {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await clock.sleep(100);
        inFlight -= 1;
        yield endPart(ref);
      },
    });
    const hub = models(clock, () => [
      endpoint(
        () => mlxInfo,
        () => slow("mlx_lm/a"),
      ),
      endpoint(
        () => ollamaInfo,
        () => slow("ollama/b"),
      ),
    ]);
    await hub.ready();
    const outcomes = ["mlx_lm/a", "ollama/b"].flatMap((ref) => {
      const target = hub.resolve(ref, settings);
      assert.ok(target);
      return Array.from({ length: 8 }, (_unused, index) =>
        collect(hub.call(target, asked, { ...caller, order: `${index}` }, never())),
      );
    });
    await settled();
    assert.deepEqual(
      hub.working().map(({ running, waiting }) => [running.length, waiting]),
      [[1, 15]],
    );
    await clock.advance(10_000);
    assert.equal(most, 1);
    assert.ok(outcomes.every(({ ended, error }) => ended && error === null));
    hub.close();
  });

  it("lets a run use the servers it names and no others, and nobody else those", async () => {
    const clock = testClock();
    const everybodys = scripted("ollama/b", clock, [sent, text("yes"), endPart("ollama/b")]);
    const broken = scripted("mlx_lm/a", clock, [sent, failure("stalled")]);
    let isUp = true;
    const hub = models(clock, (only) =>
      only === null
        ? [
            endpoint(
              () => ollamaInfo,
              () => everybodys,
            ),
          ]
        : [
            endpoint(
              () => (isUp ? mlxInfo : { ...mlxInfo, state: "down" as const }),
              () => broken,
            ),
          ],
    );
    const own: ModelSettings = { ...settings, servers: ["http://127.0.0.1:8080"], onlyServers: true };
    await hub.ready();
    assert.equal(hub.resolve("main", own), null, "not looked at yet");
    await hub.ready(own);
    const target = hub.resolve("main", own);
    assert.equal(target?.ref, "mlx_lm/a");
    assert.equal(hub.resolve("main", settings)?.ref, "ollama/b");
    assert.deepEqual(
      (await hub.list({ refresh: true })).endpoints.map(({ url }) => url),
      [ollamaInfo.url],
    );
    assert.ok(target);
    const outcome = collect(hub.call(target, asked, caller, never()));
    await clock.advance(3000);
    assert.deepEqual(kinds(outcome), ["sent"], "no fallback to a server that the run did not name");
    assert.equal(outcome.error?.code, "provider_unavailable");
    assert.equal(everybodys.calls.length, 0);
    isUp = false;
    await clock.advance(20_000);
    await hub.ready(own);
    assert.equal(hub.resolve("main", own), null, "a step that begins looks again");
    hub.close();
  });

  it("says what is missing and works without any server", async () => {
    const clock = testClock();
    const none = models(clock, () => []);
    await none.ready();
    assert.equal(none.resolve("main", settings), null);
    assert.deepEqual(await none.list({ refresh: true }), { endpoints: [], roles: {} });
    const one = models(clock, () => [
      endpoint(
        () => ollamaInfo,
        () => scripted("ollama/b", clock, []),
      ),
    ]);
    await one.ready();
    assert.throws(() => one.resolve("main", { ...settings, roles: { main: "ollama/gone" } }), {
      code: "model_missing",
    });
    one.close();
    none.close();
  });

  it("sees a server come and go while somebody listens", async () => {
    const clock = testClock();
    let there: readonly Endpoint[] = [];
    let info: EndpointInfo = ollamaInfo;
    const hub = models(clock, () => there);
    const seen: string[] = [];
    const end = hub.subscribe(({ endpoints }) => seen.push(endpoints.map(({ state }) => state).join() || "none"));
    await clock.advance(5000);
    there = [
      endpoint(
        () => info,
        () => scripted("ollama/b", clock, []),
      ),
    ];
    await clock.advance(30_000);
    assert.deepEqual(seen, ["none", "answers"]);
    info = { ...ollamaInfo, state: "down", models: [] };
    await clock.advance(10_000);
    assert.deepEqual(seen, ["none", "answers", "down"]);
    info = ollamaInfo;
    await clock.advance(30_000);
    assert.deepEqual(seen, ["none", "answers", "down", "answers"]);
    end();
    hub.close();
  });
});

describe("evidence", () => {
  it("does not take a cached prompt for a fast one", () => {
    const at = (promptMs: number) => {
      const end = endPart("ollama/b", 1000, 10);
      return { ...end, timings: { ...end.timings, promptMs } };
    };
    const cold = learnSpeeds(unmeasured, at(10_000));
    assert.equal(cold.promptPerSecond, 100);
    assert.equal(learnSpeeds(cold, at(10)).promptPerSecond, 100);
    assert.equal(learnSpeeds(learnSpeeds(unmeasured, at(10)), at(10_000)).promptPerSecond, 100);
  });
});

describe("health", () => {
  it("trusts a healthy look 10 s and an unhealthy one 2 s to 30 s", async () => {
    const clock = testClock();
    let info: EndpointInfo = ollamaInfo;
    const health = createHealth(
      endpoint(
        () => info,
        () => scripted("x", clock, []),
      ),
      clock,
    );
    await health.look(never());
    assert.equal(health.due(), 10_000);
    info = { ...ollamaInfo, state: "down" };
    const gaps: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      await health.look(never());
      gaps.push(health.due());
    }
    assert.deepEqual(gaps, [2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("shares looks and believes real calls more than a health page", async () => {
    const clock = testClock();
    const server = endpoint(
      () => ollamaInfo,
      () => scripted("x", clock, []),
    );
    const health = createHealth(server, clock);
    await Promise.all([health.look(never()), health.look(never()), health.look(never())]);
    assert.equal(server.looks, 1);
    health.failed(failure("stalled"));
    assert.equal((await health.look(never())).state, "reachable");
    health.succeeded();
    assert.equal((await health.look(never())).state, "answers");
    health.failed(failure("unreachable"));
    assert.equal(health.info()?.state, "down");
    assert.equal(health.due(), 2000);
  });
});
