// Writes the JSON Schemas of the wire into docs/schemas/ from sidecar/protocol. Run it with Node 24: npx node bin/schemas.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { protocolSchema, resultSchema, resultSchemas } from "../sidecar/protocol/schemas.ts";

const folder = new URL("../docs/schemas/", import.meta.url);
const write = (name, schema) => writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);

mkdirSync(new URL("results/", folder), { recursive: true });
write("protocol.json", protocolSchema());
for (const command of Object.keys(resultSchemas)) write(`results/${command}.json`, resultSchema(command));
