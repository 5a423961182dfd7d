"use strict";
const fs = require("node:fs");
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

/** What a person does and sees: `hands.pick("Staged")`, each a call to the process that holds the browser. */
exports.hands = new Proxy(
  {},
  {
    get:
      (_, name) =>
      async (...args) => {
        const body = JSON.stringify({ do: name, args });
        const answer = await (await fetch(process.env.PODIUM_TEST_HANDS, { method: "POST", body })).json();
        if (answer.error) throw new Error(`${String(name)}(${args.join(", ")}): ${answer.error}`);
        return answer.value;
      },
  },
);

exports.podium = () => vscode.extensions.getExtension("podium.podium");

/** The scripted Ollama of the tests, on the port that the editor's environment names. */
exports.fakeOllama = async (options) => {
  const file = path.join(__dirname, "../../support/fake-ollama.ts");
  const { fakeOllama } = await import(pathToFileURL(file).href);
  return fakeOllama({ port: Number(process.env.PODIUM_TEST_PORT), ...options });
};

exports.home = process.env.PODIUM_HOME;
/** The pid that the data directory names. */
exports.hubPid = () => JSON.parse(fs.readFileSync(path.join(exports.home, "hub.json"), "utf8")).pid;
exports.isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** The stored events of a run. */
exports.logOf = async (run) => {
  const { port, token } = JSON.parse(fs.readFileSync(path.join(exports.home, "hub.json"), "utf8"));
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/runs/${run}/events?after=0`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await answer.json()).events;
};
/** Waits until a person's resume stands in the log of a run that finds no model server. */
exports.resumedByHand = (run) =>
  exports.waitFor(
    async () => (await exports.logOf(run)).some(({ kind, by }) => kind === "run-resume" && by === "extension"),
    "the resume in the log",
  );

const finding = {
  findings: [
    {
      quote: "    if (!entry) return undefined;",
      category: "correctness",
      title: "Expired entry is returned",
      claim: "The check of the deadline was removed.",
      trigger: "get(k) after the deadline -> old value",
    },
  ],
};

/** Answers a find with the planted bug, a check with yes, anything else with a cited sentence. */
exports.script =
  (delayMs = 0) =>
  ({ prompt, body }) => {
    const promptTokens = Math.ceil(JSON.stringify(body.messages).length / 4);
    const text = JSON.stringify(prompt);
    if (/verdict/i.test(text))
      return { text: JSON.stringify({ verdict: "real", evidence: "this.#entries.set(key" }), delayMs, promptTokens };
    if (/finding/i.test(text)) return { text: JSON.stringify(finding), delayMs, promptTokens };
    return { text: "An expired entry gives undefined [1].", delayMs, pieceMs: 50, promptTokens };
  };

/** The one model server of a describe block, replaced or taken away, and looked for each time. */
exports.modelServer = () => {
  let server = null;
  return {
    get: () => server,
    /** `look: false` = nobody is told that it is there. */
    serve: async ({ look = true, ...options } = {}) => {
      exports.forget();
      await server?.close();
      server = await exports.fakeOllama({
        models: [{ name: "fake:1b", loaded: true }],
        answers: exports.script(),
        ...options,
      });
      if (look) await vscode.commands.executeCommand("podium.models.refresh");
    },
    close: async () => {
      await server?.close();
      server = null;
    },
  };
};

const known = new Set();
const keyOf = ({ run, status }) => `${run} ${status}`;
/** What has ended by now is old: `newest` waits for something newer. */
exports.forget = () => {
  for (const row of exports.podium().exports.model().runs) known.add(keyOf(row));
};

/** The row of the newest run once it has this status and was not there before. */
exports.newest = async (api, status, ms = 30_000) => {
  const row = await exports
    .waitFor(
      () => {
        const [first] = api.model().runs;
        return first?.status === status && !known.has(keyOf(first)) && first;
      },
      `a run that is ${status}`,
      ms,
    )
    .catch((error) => {
      throw new Error(`${error.message}; the newest is ${JSON.stringify(api.model().runs[0])}`);
    });
  exports.forget();
  return row;
};

exports.panelSays = (text, ms) =>
  exports
    .waitFor(async () => (await exports.hands.panelText()).includes(text), `a panel that says ${text}`, ms)
    .catch(async (error) => {
      throw new Error(`${error.message}; it says ${await exports.hands.panelText()}`);
    });
/** What an open quick pick with this title and so many rows, or an input box, shows. */
exports.asked = (title, rows = 0) =>
  exports.waitFor(async () => {
    const quick = await exports.hands.quick();
    return quick?.title.includes(title) && quick.rows.length >= rows && quick;
  }, `the question ${title}`);

/** Closes the open question, and waits until it is gone: a question that still closes looks like the next one. */
exports.closeQuestion = async () => {
  await exports.hands.press("Escape");
  await exports.waitFor(async () => (await exports.hands.quick()) === null, "the end of the question");
};

exports.stateOf = (api, state, ms) =>
  exports
    .waitFor(() => api.status().state === state, `the status ${state}`, ms)
    .catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(api.status())}`);
    });

/** The activated extension, attached, with this model server answering. */
exports.ready = async (server) => {
  const api = await exports.podium().activate();
  await vscode.commands.executeCommand("podium.models.refresh");
  await server.serve();
  await exports.stateOf(api, "ready");
  return api;
};

/** After a test that failed: closes what it left open and ends its runs, so that one failure is one. */
exports.tidy = async () => {
  for (let open = 0; open < 3; open += 1) await exports.hands.press("Escape");
  const { runs } = exports.podium().exports?.model() ?? { runs: [] };
  for (const { run, endedAt } of runs)
    if (endedAt === null) await vscode.commands.executeCommand("podium.run.cancel", run);
};
