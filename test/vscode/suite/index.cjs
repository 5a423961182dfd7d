"use strict";
// Runs inside the extension host: VS Code calls run() and turns a rejection into exit code 1.
const fs = require("node:fs");
const path = require("node:path");
const { format } = require("node:util");
const Mocha = require("mocha");
const { tidy } = require("./support.cjs");

// The runner prints these lines, and drops the workbench's own.
Mocha.reporters.Base.consoleLog = (...args) => console.log(`[mocha] ${format(...args)}`);

exports.run = async () => {
  const mocha = new Mocha({ ui: "bdd", timeout: 60_000, color: false, grep: process.env.MOCHA_GREP });
  mocha.rootHooks({
    async afterEach() {
      if (this.currentTest.state === "failed") await tidy();
    },
  });
  const suffix = process.env.VSCODE_TEST_RESTRICTED ? ".restricted.cjs" : ".test.cjs";
  for (const file of fs
    .readdirSync(__dirname)
    .filter((name) => name.endsWith(suffix))
    .sort())
    mocha.addFile(path.join(__dirname, file));
  const { passes, failures } = await new Promise((resolve) => {
    const runner = mocha.run(() => resolve(runner.stats));
  });
  if (process.env.PODIUM_TEST_STATS)
    fs.writeFileSync(process.env.PODIUM_TEST_STATS, JSON.stringify({ passes, failures }));
  console.log(`[mocha] ${passes} passed, ${failures} failed`);
  if (failures) throw new Error(`${passes} passed, ${failures} failed`);
};
