import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  extend,
  type Ledger,
  openLedger,
  type PlannedCall,
  reserve,
  settle,
  tokensLeft,
} from "../../sidecar/budget/budget.ts";
import type { Message } from "../../sidecar/ports.ts";

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const system: Message = { role: "system", content: "s".repeat(400) };
const user = (text: string): Message => ({ role: "user", content: text });
const usage = (into: number, out: number) => ({ in: into, out, cached: 0, estimated: false });

function plan(op: string, messages: readonly Message[], model = "ollama/a"): PlannedCall {
  const promptTokens = messages.reduce((sum, { content }) => sum + content.length / 4, 0);
  return { op, model, messages, promptTokens, maxTokens: 100 };
}

function reserved(ledger: Ledger, call: PlannedCall): Ledger {
  const result = reserve(ledger, call, digest);
  assert.ok(result.fits);
  return result.ledger;
}

describe("token budget", () => {
  it("counts a prompt prefix once per model", () => {
    const first = settle(reserved(openLedger(10_000), plan("1", [system, user("u".repeat(400))])), "1", usage(200, 10));
    assert.equal(first.used, 210);
    const same = settle(reserved(first, plan("2", [system, user("v".repeat(400))])), "2", usage(200, 10));
    assert.equal(same.used, 210 + 110);
    const other = settle(reserved(first, plan("3", [system, user("v".repeat(400))], "mlx_lm/b")), "3", usage(200, 10));
    assert.equal(other.used, 420);
    const changed = settle(reserved(first, plan("4", [user("x"), system])), "4", usage(101, 0));
    assert.equal(changed.used, 210 + 101);
  });

  it("counts a repeated call's answer again, and nothing for a call that never began", () => {
    const call = plan("1", [system]);
    const once = settle(reserved(openLedger(null), call), "1", usage(100, 7));
    assert.equal(settle(reserved(once, call), "1", usage(100, 7)).used, 107 + 7);
    assert.equal(settle(reserved(once, call), "1", null).used, 107);
  });

  it("reserves before the call and says what is left", () => {
    const ledger = reserved(openLedger(400), plan("1", [system]));
    assert.equal(tokensLeft(ledger), 200);
    const refused = reserve(ledger, plan("2", [user("u".repeat(800))]), digest);
    assert.deepEqual(refused, { fits: false, needed: 300, left: 200 });
    assert.equal(reserve(extend(ledger, 100), plan("2", [user("u".repeat(800))]), digest).fits, true);
  });

  it("never lets used and reserved pass the limit when usage stays within the reservation", () => {
    const calls = fc.array(fc.record({ size: fc.nat(2000), out: fc.nat(100) }), { maxLength: 30 });
    fc.assert(
      fc.property(calls, (list) => {
        let ledger = openLedger(3000);
        for (const [index, { out, size }] of list.entries()) {
          const call = plan(`${index}`, [user(`${index}`.padEnd(size, "x"))]);
          const result = reserve(ledger, call, digest);
          if (result.fits) ledger = settle(result.ledger, call.op, usage(Math.floor(call.promptTokens), out));
          assert.ok(ledger.used <= 3000 && ledger.reserved.size === 0);
        }
      }),
    );
  });
});
