import { parseArgs } from "node:util";
import { reachHub } from "../../sidecar/client/start.ts";

// node test/client/starter.ts --home D --dist D --root D: reaches the hub as a client does, prints {pid, epoch}, and ends.

const { values } = parseArgs({
  options: { home: { type: "string" }, dist: { type: "string" }, root: { type: "string" } },
});
const { home = "", dist = "", root = "" } = values;
const client = await reachHub({
  home,
  dist,
  env: process.env,
  mayStart: true,
  introduction: {
    client: "test",
    build: { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" },
    scopes: ["read"],
    human: false,
    roots: [root],
    trusted: true,
  },
});
const { pid, epoch } = client.hello;
process.stdout.write(JSON.stringify({ pid, epoch }));
client.close();
