// Runs windows.test.mjs by Mocha; by hand, it is not part of npm test yet. usage: node test/vscode/windows.mjs      MOCHA_GREP, VSCODE_TEST_EXTENSION, PODIUM_TEST_STATS
import { writeFileSync } from "node:fs";
import path from "node:path";
import Mocha from "mocha";

const mocha = new Mocha({ ui: "bdd", timeout: 150_000, color: false, grep: process.env.MOCHA_GREP });
mocha.addFile(path.join(import.meta.dirname, "windows.test.mjs"));
await mocha.loadFilesAsync();
const { passes, failures } = await new Promise((resolve) => {
  const runner = mocha.run(() => resolve(runner.stats));
});
if (process.env.PODIUM_TEST_STATS) writeFileSync(process.env.PODIUM_TEST_STATS, JSON.stringify({ passes, failures }));
console.log(`${passes} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
