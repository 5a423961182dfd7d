// The world around an editor under test: its data directory, the ports of its model servers, and the end of its process.
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { emptyHome } from "./workspace.mjs";

/** A port that nobody listens on now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The pid that the data directory names, or undefined. */
export function podiumPid(home) {
  try {
    return JSON.parse(readFileSync(path.join(home, "hub.json"), "utf8")).pid;
  } catch {
    return undefined;
  }
}

/** An environment of its own, and `end`, which stops what the editor started in it. */
export async function makeWorld() {
  const home = path.join(emptyHome(), "home");
  mkdirSync(home, { mode: 0o700 });
  const port = await freePort();
  const env = {
    PODIUM_HOME: home,
    PODIUM_LANES: home,
    PODIUM_SERVERS: `http://127.0.0.1:${port}`,
    PODIUM_TEST_PORT: String(port),
    PODIUM_IDLE_MS: "2000",
  };
  const end = () => {
    const pid = podiumPid(home);
    if (pid === undefined) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It had ended by itself.
    }
  };
  process.once("exit", end);
  return { home, port, env, end };
}
