import assert from "node:assert/strict";
import fc from "fast-check";
import { FromPanel } from "../../sidecar/protocol/panel.ts";
import { ClientFrame, ServerFrame } from "../../sidecar/protocol/wire.ts";
import { assertDepth } from "../../sidecar/server/depth.ts";
import { createArbitraries } from "./arbitrary.ts";

const orders = ["ready", "open", "cancel", "resume", "answer", "followUp", "runAgain", "blob", "copy"];

/** What a page that was taken over might send: near to an order, but with other keys, types and names. */
const nearly = fc
  .tuple(createArbitraries()(FromPanel), fc.dictionary(fc.string({ maxLength: 8 }), fc.anything({ maxDepth: 2 })))
  .map(([order, more]) => ({ ...Object(order), ...more }));

describe("10,000 messages of a hostile page", () => {
  it("are orders of the panel or refused, and never throw", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(fc.anything(), nearly), (message) => {
        const parsed = FromPanel.safeParse(message);
        if (!parsed.success) return;
        taken += 1;
        assert.ok(orders.includes(parsed.data.type));
        // Nothing but the fields of the order is handed on.
        assert.deepEqual(Object.keys(parsed.data).sort(), Object.keys(Object(message)).sort());
      }),
      { numRuns: 10_000 },
    );
    assert.ok(taken > 100, `only ${taken} of them were orders: the test tries nothing`);
  });

  it("carry no command, address or absolute program that the editor would run", () => {
    for (const message of [
      { type: "command", command: "workbench.action.terminal.sendSequence" },
      { type: "open", path: "a", command: "x" },
      { type: "open", path: "" },
      { type: "open", path: "a", line: -1 },
      { type: "openExternal", url: "https://evil.example" },
      { type: "ready", __proto__: null, run: "run_2" },
      { type: ["ready"] },
      null,
      "ready",
    ])
      assert.equal(FromPanel.safeParse(message).success, false, JSON.stringify(message));
  });
});

describe("frames of a hostile peer", () => {
  it("are read or refused, and never throw", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withMap: true }), (frame) => {
        ClientFrame.safeParse(frame);
        ServerFrame.safeParse(frame);
      }),
      { numRuns: 5000 },
    );
  });

  it("are measured by levels, also where brackets stand in texts", () => {
    const levelsOf = (value: unknown): number =>
      typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(levelsOf)) : 0;
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }),
        fc.integer({ min: 0, max: 8 }),
        (value, limit) => {
          const isTooDeep = levelsOf(value) > limit;
          const measure = (): void => assertDepth(JSON.stringify({ text: '[[{{"\\\\', value }), limit + 1);
          if (isTooDeep) assert.throws(measure, /nested deeper/);
          else measure();
        },
      ),
      { numRuns: 2000 },
    );
    assert.throws(() => assertDepth("[".repeat(1_000_000), 64), /nested deeper than 64/);
  });
});
