"use strict";
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const vscode = require("vscode");

/** Polls until the probe gives something true. */
exports.waitFor = async (probe, what, ms = 15_000) => {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    const value = await probe();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`timed out waiting for ${what}`);
};

exports.podium = () => vscode.extensions.getExtension("podium.podium");

/** The scripted Ollama of the tests, on the port that the editor's environment names. */
exports.fakeOllama = async (options) => {
  const file = path.join(__dirname, "../../support/fake-ollama.ts");
  const { fakeOllama } = await import(pathToFileURL(file).href);
  return fakeOllama({ ...options, port: Number(process.env.PODIUM_TEST_PORT) });
};

exports.stateOf = (api, state, ms) =>
  exports
    .waitFor(() => api.status().state === state, `the status ${state}`, ms)
    .catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(api.status())}`);
    });
