import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { logFile } from "../../sidecar/client/start.ts";
import { loadSqlite } from "../../sidecar/store/sqlite/runtime.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, until } from "../support/hub.ts";
import { untilEnded } from "./log.ts";

const text = "A drawer opens with the brass key [1].";
const input = { question: "Where does the brass key of the drawer hang?" };

describe("a run whose log is damaged", () => {
  it("is named in the log, and the others go on", async () => {
    const fake = await fakeOllama({ answers: () => ({ text, delayMs: 1500 }) });
    const place = createPlace({ PODIUM_SERVERS: fake.url });
    try {
      const client = await place.reach();
      const start = async (): Promise<string> =>
        (await client.request("run.start", { workflow: "ask_workspace", input })).run;
      const broken = await start();
      const sound = await start();
      await until("a call under way", () => fake.inFlight > 0);
      await place.kill();
      client.close();
      const Driver = loadSqlite();
      const database = new Driver(join(place.home, "podium.db"));
      const damage = database.prepare(
        "UPDATE events SET body = '{' WHERE id = (SELECT id << 28 FROM logs WHERE run = ?) + 2",
      );
      assert.equal(damage.run(broken).changes, 1);
      database.close();

      const again = await place.reach({ env: { ...place.env, PODIUM_LANES: join(place.home, "lanes") } });
      await untilEnded(again, sound);
      const shown = await again.request("run.get", { run: sound });
      assert.equal(shown.status, "succeeded");
      const log = readFileSync(logFile(place.home), "utf8");
      assert.match(log, new RegExp(`${broken} was not taken over: data_corrupt: `));
      again.close();
    } finally {
      await place.remove();
      await fake.close();
    }
  }).timeout(60_000);
});
