// Runs a Mocha suite inside a real VS Code extension host (VS Code server + headless Chromium).
// usage: node test/vscode/run.mjs [--restricted]     MOCHA_GREP, VSCODE_TEST_EXTENSION (a folder with the built extension), VSCODE_TEST_TIMEOUT_MS, VSCODE_TEST_VERBOSE=1
import path from "node:path";
import { serveHands } from "./hands.mjs";
import { openWorkbench, repository, startServer } from "./vscode.mjs";
import { gitWorkspace } from "./workspace.mjs";
import { makeWorld } from "./world.mjs";

const restricted = process.argv.includes("--restricted");
const timeoutMs = Number(process.env.VSCODE_TEST_TIMEOUT_MS ?? 600_000);
const world = await makeWorld();
const hands = await serveHands();
const stats = process.env.PODIUM_TEST_STATS;
const env = {
  ...world.env,
  PODIUM_TEST_HANDS: hands.url,
  ...(stats ? { PODIUM_TEST_STATS: stats } : {}),
  ...(restricted ? { VSCODE_TEST_RESTRICTED: "1" } : {}),
};
const server = await startServer({ dev: true, trusted: !restricted, env });
let code = 1;
try {
  const workbench = await openWorkbench(server, {
    folder: gitWorkspace(),
    // High enough that every row of the four views is drawn.
    height: 1400,
    extensionDevelopmentPath: process.env.VSCODE_TEST_EXTENSION ?? repository,
    extensionTestsPath: path.join(repository, "test/vscode/suite/index.cjs"),
  });
  hands.hold(workbench.page);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no test result in ${timeoutMs} ms`)), timeoutMs);
  });
  code = await Promise.race([workbench.exitCode, late]).catch(async (error) => {
    await workbench.page.screenshot({ path: path.join(repository, "failure.png") });
    console.error(String(error), "(see failure.png)");
    return 2;
  });
  clearTimeout(timer);
  await workbench.close();
} finally {
  hands.close();
  await server.stop();
  world.end();
}
process.exitCode = code;
