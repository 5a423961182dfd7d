import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { limits } from "../../sidecar/protocol/wire.ts";
import type { Doors } from "../../sidecar/server/doors.ts";
import { guard } from "../../sidecar/server/guard.ts";
import { createRateLimit } from "../../sidecar/server/rate.ts";
import { connect, createReached, openTestDoors, secrets } from "./support.ts";

describe("the rate limit", () => {
  it("lets at most so many through in any window, and says when the next one may come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.integer({ min: 0, max: 40_000 })), (limit, steps) => {
        let at = 0;
        const rate = createRateLimit(limit, 60_000, () => at);
        const passed: number[] = [];
        for (const step of steps) {
          at += step;
          const seconds = rate.take();
          const within = passed.filter((time) => at - time < 60_000);
          assert.equal(seconds === 0, within.length < limit);
          if (seconds === 0) passed.push(at);
          else assert.ok(seconds <= 60 && at + seconds * 1000 >= (within[0] ?? 0) + 60_000);
        }
      }),
    );
  });

  describe("at the doors", () => {
    const reached = createReached();
    let doors: Doors;
    beforeEach(async () => {
      reached.called.length = 0;
      doors = await openTestDoors(reached);
    });
    afterEach(() => doors.close());
    const ask = async (token: string | null, path = "/ready"): Promise<Response> => {
      const answer = await fetch(`http://127.0.0.1:${doors.port}${path}`, {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
      });
      await answer.arrayBuffer();
      return answer;
    };

    it("answers 100 requests in a minute and the next one with 429 and Retry-After; sockets go on", async () => {
      assert.equal(limits.restPerMinute, 100);
      const client = await connect(doors);
      const answers = [];
      for (let count = 0; count < limits.restPerMinute; count += 1) answers.push((await ask(secrets.token)).status);
      assert.deepEqual(new Set(answers), new Set([200]));
      for (const path of ["/ready", "/api/v1/runs", "/nothing"]) {
        const refused = await ask(secrets.token, path);
        assert.equal(refused.status, 429);
        assert.equal(refused.headers.get("content-type"), "application/problem+json");
        const seconds = Number(refused.headers.get("retry-after"));
        assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
      }
      assert.equal(reached.called.length, limits.restPerMinute);
      for (let count = 0; count < 200; count += 1) await client.request("hub.stop", {});
      client.close();
      (await connect(doors)).close();
      assert.equal((await ask(null, "/health")).status, 200);
    });

    it("slows down who tries tokens, and nobody else", async () => {
      const statuses: number[] = [];
      for (let count = 0; count < 110; count += 1) statuses.push((await ask(`wrong-${count}`)).status);
      assert.deepEqual([statuses[99], statuses[100], statuses[109]], [401, 429, 429]);
      assert.equal((await ask(secrets.token)).status, 200);
      (await connect(doors)).close();
      assert.deepEqual(reached.called, ["hub.status"]);
    });

    it("accepts none of 10,000 random tokens", () => {
      const host = "127.0.0.1:1234";
      const tokens = fc.sample(fc.stringMatching(/^[\w-]{1,64}$/), { numRuns: 10_000, seed: 11 });
      const verdicts = [...tokens, secrets.token].map((token) => {
        const headers = { host, authorization: `Bearer ${token}` };
        const request = { headers, rawHeaders: Object.entries(headers).flat() } as unknown as IncomingMessage;
        return guard(request, 1234, secrets, "http").ok;
      });
      assert.deepEqual([verdicts.indexOf(true), verdicts.length], [10_000, 10_001]);
    });
  });
});
