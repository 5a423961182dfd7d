import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../sidecar/store/sqlite/store.ts";
import { storeClock } from "../contracts/run-store.ts";
import { refused, scratch } from "./support.ts";

const open = (directory: string) => openStore({ directory, clock: storeClock() });

describe("data directory", () => {
  it("that is a symbolic link is refused", async () => {
    const directory = scratch();
    mkdirSync(join(directory, "real"));
    symlinkSync(join(directory, "real"), join(directory, "link"));
    await refused("data_unreadable", () => open(join(directory, "link")));
    await refused("data_unreadable", () => open(`${join(directory, "link")}/`));
  });

  it("that is a file, or whose journal is a folder, is refused", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "file"), "");
    await refused("data_unreadable", () => open(join(directory, "file")));
    mkdirSync(join(directory, "odd", "podium.db"), { recursive: true });
    await refused("data_unreadable", () => open(join(directory, "odd")));
  });

  it("of another user is refused", async function () {
    if (process.platform === "win32") this.skip();
    const directory = process.getuid?.() === 0 ? scratch() : "/usr";
    if (directory !== "/usr") chownSync(directory, 65534, 65534);
    await refused("data_unreadable", () => open(directory));
  });

  it("that cannot be made or written is refused in one sentence", async function () {
    if (process.platform === "win32") this.skip();
    await refused("data_unreadable", () => open("/dev/null/data"));
    if (process.getuid?.() === 0) return; // Nothing is read-only to root.
    const directory = scratch();
    chmodSync(directory, 0o500);
    await refused("data_unreadable", () => open(join(directory, "inner")));
    chmodSync(directory, 0o700);
  });
});
