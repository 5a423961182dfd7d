import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect as dial } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { readRecord } from "../../sidecar/client/record.ts";
import { createPlace, type Place } from "../support/hub.ts";

describe("a real hub listens on loopback only", function () {
  this.timeout(60_000);
  let place: Place;
  let port = 0;
  before(async () => {
    place = createPlace();
    (await place.reach()).close();
    port = readRecord(place.home)?.port ?? 0;
  });
  after(() => place.remove());

  it("by what the system says", function () {
    if (!existsSync("/proc/net/tcp")) this.skip();
    const inHex = port.toString(16).toUpperCase().padStart(4, "0");
    const listening = ["/proc/net/tcp", "/proc/net/tcp6"]
      .filter((file) => existsSync(file))
      .flatMap((file) => readFileSync(file, "utf8").split("\n"))
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === "0A" && local?.endsWith(`:${inHex}`))
      .map(([, local]) => local);
    assert.deepEqual(listening, [`0100007F:${inHex}`]);
  });

  it("by trying every other address of this machine", async () => {
    const addresses = Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .map(({ address, scopeid }) => (scopeid ? `${address}%${scopeid}` : address))
      .filter((address) => address !== "127.0.0.1");
    const reached = await Promise.all(
      addresses.map(
        (host) =>
          new Promise<string | null>((resolve) => {
            const socket = dial({ host, port: port, timeout: 2000 });
            const end = (found: string | null) => () => {
              socket.destroy();
              resolve(found);
            };
            socket.once("connect", end(host)).once("error", end(null)).once("timeout", end(null));
          }),
      ),
    );
    assert.deepEqual(reached.filter(Boolean), []);
  });

  it("has no setting that could switch the guard off", async () => {
    const { settings } = await import("../../sidecar/protocol/settings.ts");
    for (const key of Object.keys(settings))
      assert.doesNotMatch(key, /auth|token|guard|origin|host|cors|insecure|allow/i);
    for (const name of readdirSync("sidecar/server"))
      assert.doesNotMatch(readFileSync(join("sidecar/server", name), "utf8"), /process\.env|\benv\[/, name);
  });
});
