import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { methods } from "../../sidecar/protocol/methods.ts";
import { protocolSchema, resultSchema, resultSchemas, wireSchemas } from "../../sidecar/protocol/schemas.ts";
import { createArbitraries, overTheWire } from "./arbitrary.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(`docs/schemas/${name}`, "utf8"));
const committed = new Ajv2020({ strict: false, allErrors: false }).addSchema(read("protocol.json") as object);
const validator = (name: string): ValidateFunction =>
  committed.getSchema(`urn:podium:protocol:1#/$defs/${name}`) ?? assert.fail(`no $defs/${name}`);
const rerun = "run: npx node bin/schemas.mjs, and read the difference: it is a change of the wire";

describe("docs/schemas", () => {
  it("protocol.json says what the schemas say (npx node bin/schemas.mjs)", () => {
    assert.deepEqual(read("protocol.json"), overTheWire(protocolSchema()), rerun);
  });

  it("results/ has one schema for each command that prints JSON", () => {
    assert.deepEqual(
      readdirSync("docs/schemas/results").sort(),
      Object.keys(resultSchemas)
        .map((command) => `${command}.json`)
        .sort(),
    );
  });

  for (const [command, schema] of Object.entries(resultSchemas))
    it(`results/${command}.json says what the schema says, and takes what the schema makes`, () => {
      const written = read(`results/${command}.json`);
      assert.deepEqual(written, overTheWire(resultSchema(command)), rerun);
      const takes = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(written as object);
      fc.assert(
        fc.property(createArbitraries()(schema), (value) => {
          assert.ok(takes(overTheWire(value)), JSON.stringify(takes.errors));
        }),
        { numRuns: 30 },
      );
      assert.equal(takes([]), false);
    });

  it("protocol.json is a valid draft 2020-12 document that names every method and every shape", () => {
    const document = read("protocol.json") as { $defs: object; methods: object };
    assert.equal(committed.validateSchema(document), true, JSON.stringify(committed.errors));
    assert.deepEqual(Object.keys(document.methods), Object.keys(methods));
    for (const name of Object.keys(wireSchemas)) assert.ok(name in document.$defs, name);
  });

  for (const [name, schema] of Object.entries(wireSchemas))
    it(`$defs/${name} takes what the schema makes, also with fields of a newer build`, () => {
      const takes = validator(name);
      for (const extra of [false, true])
        fc.assert(
          fc.property(createArbitraries(extra)(schema), (value) => {
            assert.ok(takes(overTheWire(value)), `${JSON.stringify(value)}: ${JSON.stringify(takes.errors)}`);
          }),
          { numRuns: 20 },
        );
    });
});
