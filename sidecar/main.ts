import { mkdirSync } from "node:fs";
import { assertOwnDirectory } from "./client/own-directory.ts";
import { homeDirectory } from "./client/record.ts";
import { build } from "./hub/build.ts";
import { buildPaths } from "./hub/paths.ts";
import { serveHub } from "./hub/serve.ts";
import { toPodiumError } from "./protocol/errors.ts";
import { assertRuntime } from "./store/sqlite/runtime.ts";

/** The hub process. Exits 3 at once when another hub holds this data directory. */
async function main(): Promise<void> {
  process.umask(0o077);
  delete process.env["ELECTRON_RUN_AS_NODE"];
  assertRuntime();
  const paths = buildPaths(import.meta.url);
  const home = homeDirectory(process.env, build, paths.clone);
  assertOwnDirectory(home);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  process.exitCode = await serveHub({
    home,
    paths,
    build,
    env: process.env,
    log: (text) => void process.stderr.write(`${new Date().toISOString()} ${text}\n`),
  });
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    const { code, message, cause } = toPodiumError(error);
    process.stderr.write(
      `${new Date().toISOString()} ${code}: ${message}${cause instanceof Error ? `\n${cause.stack}` : ""}\n`,
    );
    process.exit(1);
  },
);
