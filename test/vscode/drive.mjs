// Installs the packed VSIX in a fresh VS Code and uses it as a person would; the screenshots go to shots/.
// usage: node test/vscode/drive.mjs [file.vsix]      default: packs this clone for Linux x64 first
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Mocha from "mocha";
import { repository } from "./vscode.mjs";

const folder = import.meta.dirname;
mkdirSync(path.join(repository, "shots"), { recursive: true });

/** A package of what is in the clone now. */
function pack() {
  const out = mkdtempSync(path.join(tmpdir(), "podium-drive-"));
  process.once("exit", () => rmSync(out, { recursive: true, force: true }));
  execFileSync(process.execPath, [path.join(repository, "bin/package.mjs"), "linux-x64", "--out", out], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return path.join(out, "podium-linux-x64.vsix");
}

process.env.PODIUM_DRIVE_VSIX = path.resolve(process.argv[2] ?? pack());
const mocha = new Mocha({
  bail: true,
  timeout: 90_000,
  grep: process.env.MOCHA_GREP,
  reporter: process.env.PODIUM_TEST_STATS ? path.join(repository, "test/support/reporter.cjs") : "spec",
});
for (const name of ["drive-trusted.mjs", "drive-restricted.mjs"]) mocha.addFile(path.join(folder, name));
await mocha.loadFilesAsync();
const failures = await new Promise((resolve) => mocha.run(resolve));
process.exit(failures === 0 ? 0 : 1);
