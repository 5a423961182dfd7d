import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertOwnDirectory } from "../../sidecar/client/own-directory.ts";
import { PodiumError } from "../../sidecar/protocol/errors.ts";
import { createPlace } from "../support/hub.ts";

describe("a data directory that somebody else prepared", () => {
  const base = mkdtempSync(join(tmpdir(), "podium-own-"));
  const at = (name: string): string => join(base, name);
  const assertRefused = (path: string, why: RegExp): void =>
    assert.throws(
      () => assertOwnDirectory(path),
      (error) => error instanceof PodiumError && error.code === "data_unreadable" && why.test(error.message),
    );
  before(() => mkdirSync(at("mine"), { mode: 0o700 }));
  after(() => rmSync(base, { recursive: true, force: true }));

  it("is refused with the reason: a link, a file, of another user, open to everybody", function () {
    if (process.getuid === undefined) this.skip();
    symlinkSync(at("mine"), at("link"), "dir");
    writeFileSync(at("file"), "");
    mkdirSync(at("open"));
    chmodSync(at("open"), 0o777);
    assertRefused(at("link"), /is a link.*PODIUM_HOME/);
    assertRefused(at("file"), /is not a folder.*PODIUM_HOME/);
    assertRefused(at("open"), /may be written by everybody/);
    assertOwnDirectory(at("mine"));
    assertOwnDirectory(at("not-there-yet"));
    mkdirSync(at("foreign"));
    if (process.getuid?.() !== 0) return;
    chownSync(at("foreign"), 12_345, 12_345);
    assertRefused(at("foreign"), /belongs to another user/);
  });

  it("starts no hub and gets no file", async function () {
    if (process.getuid === undefined) this.skip();
    const place = createPlace();
    try {
      chmodSync(place.home, 0o777);
      await assert.rejects(place.reach(), /may be written by everybody/);
      assert.equal(await place.hub().exit, 1);
      chmodSync(place.home, 0o700);
      (await place.reach()).close();
    } finally {
      await place.remove();
    }
  }).timeout(60_000);
});
