import assert from "node:assert/strict";
import fc from "fast-check";
import * as z from "zod";
import { errorCodes, PodiumError, toPodiumError } from "../../sidecar/protocol/errors.ts";
import { DurableBody, EphemeralBody, LiveEvent, RunEvent } from "../../sidecar/protocol/events.ts";
import { methods } from "../../sidecar/protocol/methods.ts";
import { FromPanel, ToPanel } from "../../sidecar/protocol/panel.ts";
import { resultSchemas, wireSchemas } from "../../sidecar/protocol/schemas.ts";
import { ClientFrame, ServerFrame } from "../../sidecar/protocol/wire.ts";
import { createArbitraries, overTheWire, withoutExtras } from "./arbitrary.ts";

const rows: readonly (readonly [string, z.ZodType])[] = Object.entries(methods).flatMap(([name, row]) => [
  [`${name} params`, row.params],
  [`${name} result`, row.result],
  ...("item" in row ? ([[`${name} item`, row.item]] as const) : []),
]);
const shapes: readonly (readonly [string, z.ZodType])[] = [
  ...rows,
  ...Object.entries(wireSchemas),
  ...Object.entries(resultSchemas).map(([name, schema]): [string, z.ZodType] => [`podium ${name}`, schema]),
];
const numRuns = 50;
const arbitraryOf = createArbitraries();
const extended = createArbitraries(true);

/** The kinds that a union tells apart, with the part of the union that each is. */
const kindsOf = (union: z.ZodType, by: string): ReadonlyMap<string, z.ZodType> =>
  new Map(
    (union as z.ZodUnion<z.ZodObject<Record<string, z.ZodLiteral>>[]>).options.map((option) => [
      String(option.shape[by]?.value),
      option,
    ]),
  );

describe("the wire", () => {
  describe("brings every value over as it was", () => {
    for (const [name, schema] of shapes) {
      it(name, () => {
        fc.assert(
          fc.property(arbitraryOf(schema), (value) => {
            assert.deepEqual(schema.parse(overTheWire(value)), value);
          }),
          { numRuns },
        );
      });
    }
  });

  describe("brings every kind over as it was", () => {
    const envelope = z.object({ run: z.string(), seq: z.int(), at: z.number(), epoch: z.int() });
    const seen = z.object({ run: z.string(), at: z.number() });
    const families: readonly (readonly [string, z.ZodType, z.ZodType | null, ReadonlyMap<string, z.ZodType>])[] = [
      ["event", RunEvent, envelope, kindsOf(DurableBody, "kind")],
      ["live event", LiveEvent, seen, kindsOf(EphemeralBody, "kind")],
      ["to the panel", ToPanel, null, kindsOf(ToPanel, "type")],
      ["from the panel", FromPanel, null, kindsOf(FromPanel, "type")],
    ];
    for (const [family, whole, around, kinds] of families)
      for (const [kind, body] of kinds)
        it(`${family} ${kind}`, () => {
          const schema = around === null ? body : z.intersection(around, body);
          fc.assert(
            fc.property(arbitraryOf(schema), (value) => {
              assert.deepEqual(whole.parse(overTheWire(value)), value);
            }),
            { numRuns: 25 },
          );
        });
  });

  it("brings every error over with its code, words, reason and cause", () => {
    for (const code of errorCodes) {
      const thrown = new PodiumError(code, "One sentence.", { reason: "truncated", cause: new Error("deep") });
      const shape = thrown.toShape();
      assert.deepEqual(wireSchemas["ErrorShape"]?.parse(overTheWire(shape)), shape);
      assert.deepEqual([shape.code, shape.reason, shape.cause], [code, "truncated", "deep"]);
      assert.ok(!JSON.stringify(shape).includes("at "), "a stack crossed the wire");
    }
  });

  it("takes a frame for what it is, whatever it carries", () => {
    fc.assert(
      fc.property(fc.integer(), fc.jsonValue(), fc.constantFrom("result", "item"), (id, value, part) => {
        const frame = ServerFrame.parse(overTheWire({ id, [part]: value, later: true }));
        assert.deepEqual(overTheWire(frame), overTheWire({ id, [part]: value }));
      }),
    );
    for (const broken of [
      {},
      { id: 1 },
      { id: 1, error: { code: "no_such_code" } },
      { result: 1 },
      { id: "1", item: 1 },
    ])
      assert.equal(ServerFrame.safeParse(broken).success, false, JSON.stringify(broken));
    for (const broken of [{}, { id: 1 }, { id: 1.5, method: "ping", params: {} }, { unsubscribe: "1" }])
      assert.equal(ClientFrame.safeParse(broken).success, false, JSON.stringify(broken));
  });
});

describe("a peer of another build", () => {
  describe("may send fields that this one does not know", () => {
    for (const [name, schema] of shapes) {
      it(name, () => {
        fc.assert(
          fc.property(extended(schema), (value) => {
            assert.deepEqual(schema.parse(overTheWire(value)), withoutExtras(value));
          }),
          { numRuns: 30 },
        );
      });
    }
  });

  it("may not put unknown fields into a definition that this one would run, nor a page into an order", () => {
    const definition = { podium: 1, name: "w", input: {}, nodes: [], output: "null" };
    const step = { kind: "step", id: "a", needs: [], step: "set@1", with: {}, config: {} };
    const strict: readonly (readonly [z.ZodType, object])[] = [
      [wireSchemas["Ir"] ?? z.never(), definition],
      [wireSchemas["Node"] ?? z.never(), step],
      [wireSchemas["Node"] ?? z.never(), { kind: "switch", id: "if1", needs: [], arms: [] }],
      [wireSchemas["TypeSpec"] ?? z.never(), { kind: "string" }],
      ...[...kindsOf(FromPanel, "type").values()].map((schema): [z.ZodType, object] => {
        const [value] = fc.sample(arbitraryOf(schema), { numRuns: 1, seed: 1 });
        return [FromPanel, Object(value)];
      }),
    ];
    for (const [schema, value] of strict) {
      assert.equal(schema.safeParse(value).success, true, JSON.stringify(value));
      const more = schema.safeParse({ ...value, surprise: 1 });
      assert.equal(more.success, false, JSON.stringify(value));
      assert.match(JSON.stringify(more.error?.issues), /surprise/);
    }
  });

  it("cannot reach a prototype by a field named __proto__", () => {
    const hostile: unknown = JSON.parse(
      '{"workflow":"w","input":{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}},"__proto__":{"polluted":1}}',
    );
    const parsed = methods["run.start"].params.parse(hostile);
    assert.equal(JSON.stringify(parsed).includes("polluted"), false);
    assert.equal("polluted" in parsed || "polluted" in parsed.input || "polluted" in {}, false);
  });
});

describe("a value of another type is refused with the field named", () => {
  const wrong: readonly unknown[] = [null, true, "text", 1.5, [], {}];

  /** Fields of the parameters and, for each, the values that its schema does not take. */
  const cases = Object.entries(methods).flatMap(([method, { params }]) => {
    const [good] = fc.sample(arbitraryOf(params), { numRuns: 1, seed: 7 });
    return Object.entries((params as z.ZodObject).shape).map(([field, schema]) => ({
      method,
      params,
      field,
      good: Object(good),
      bad: wrong.filter((value) => !(schema as z.ZodType).safeParse(value).success),
    }));
  });
  for (const { method, params, field, good, bad } of cases)
    it(`${method}: ${field}`, () => {
      if (bad.length === 0) assert.match(field, /^(value|settings)$/, "this field takes everything");
      for (const value of bad) {
        const parsed = params.safeParse(overTheWire({ ...good, [field]: value }));
        assert.ok(parsed.error, `${method} took ${field}: ${JSON.stringify(value)}`);
        const error = toPodiumError(parsed.error);
        assert.equal(error.code, "invalid_input");
        assert.ok(error.message.startsWith(field), error.message);
      }
    });
});
