// A fresh git repository in a temporary folder: the fixture is committed, then src/cache.ts changes staged and readme.md unstaged.
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const fixture = fileURLToPath(new URL("fixture", import.meta.url));

/** The folder goes when this process ends. */
export function gitWorkspace() {
  const folder = path.join(emptyHome("workspace-"), "project");
  const env = { ...process.env, GIT_CONFIG_GLOBAL: os.devNull, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], { cwd: folder, env });
  cpSync(fixture, folder, { recursive: true });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-qm", "fixture");
  const cache = path.join(folder, "src/cache.ts");
  writeFileSync(
    cache,
    readFileSync(cache, "utf8").replace(
      "if (!entry || entry.until < Date.now()) return undefined;",
      "if (!entry) return undefined;",
    ),
  );
  git("add", "src/cache.ts");
  appendFileSync(path.join(folder, "readme.md"), "more\n");
  return folder;
}

/** A folder of its own, in a short path; gone when this process ends. */
export function emptyHome(prefix = "podium-home-") {
  const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), prefix)));
  process.once("exit", () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  return home;
}
