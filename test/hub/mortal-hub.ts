import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../../sidecar/hub/build.ts";
import { buildPaths } from "../../sidecar/hub/paths.ts";
import { serveHub } from "../../sidecar/hub/serve.ts";

// The hub as sidecar/main.ts runs it, which besides kills itself at the write point that the file `kill-at` counts down to.

const home = process.env["PODIUM_HOME"] ?? "";
const counter = join(home, "kill-at");

function countDown(): number | null {
  try {
    return Number(readFileSync(counter, "utf8"));
  } catch {
    return null;
  }
}

function onWritePoint(name: string): void {
  const left = countDown();
  if (left === null) return;
  if (left > 1) {
    writeFileSync(counter, String(left - 1));
    return;
  }
  rmSync(counter);
  writeFileSync(join(home, "killed-at"), name);
  process.kill(process.pid, "SIGKILL");
}

mkdirSync(home, { recursive: true, mode: 0o700 });
process.exit(
  await serveHub({
    home,
    paths: buildPaths(import.meta.url),
    build,
    env: process.env,
    log: (text) => void process.stderr.write(`${text}\n`),
    onWritePoint,
  }),
);
