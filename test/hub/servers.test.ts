import assert from "node:assert/strict";
import type { HubClient } from "../../sidecar/client/client.ts";
import type { FakeServer } from "../support/fake-model-server.ts";
import { fakeOllama } from "../support/fake-ollama.ts";
import { createPlace, type Place, until } from "../support/hub.ts";
import { untilEnded } from "./log.ts";

const text = "A drawer opens with the brass key [1]. The brass key hangs behind the clock [1].";

describe("a server that one command names", function () {
  this.timeout(60_000);
  let fake: FakeServer;
  let place: Place;
  before(async () => {
    fake = await fakeOllama({ answers: () => ({ text, delayMs: 400, pieceMs: 4 }) });
    place = createPlace();
  });
  after(async () => {
    await place.remove();
    await fake.close();
  });
  const ask = async (client: HubClient, servers: readonly string[] | null): Promise<string> => {
    const settings = servers === null ? {} : { settings: { servers: [...servers] } };
    const input = { question: "Where does the brass key of the drawer hang?" };
    return (await client.request("run.start", { workflow: "ask_workspace", input, ...settings })).run;
  };

  it("is used by a hub that runs already, for that run alone, also after the hub was killed", async () => {
    const client = await place.reach();
    assert.deepEqual((await client.request("model.list", {})).roles, {});
    const run = await ask(client, [fake.url]);
    await until("the call at the named server", () => fake.inFlight > 0);
    const other = await ask(client, null);
    await untilEnded(client, other);
    assert.equal((await client.request("run.get", { run: other })).degraded, true);
    await place.kill();
    client.close();

    const again = await place.reach({ env: { ...place.env, PODIUM_LANES: `${place.home}/lanes` } });
    await untilEnded(again, run);
    const { status, degraded, models } = await again.request("run.get", { run });
    assert.deepEqual([status, degraded, models.length], ["succeeded", false, 1]);
    assert.equal(fake.generations.length, 2);
    assert.deepEqual((await again.request("model.list", {})).roles, {});
    again.close();
  });
});
