import { cpSync, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Build } from "../protocol/hub.ts";

/**
 * Copies a release's files into the data directory and returns where they are: an editor update may delete
 * the extension's folder while the hub runs from it. A build from a clone runs where it is.
 */
export function copyBuild(dist: string, home: string, build: Build): string {
  if (build.channel === "dev") return dist;
  const root = join(home, "hub");
  const target = join(root, `${build.version}-${build.builtAt.replaceAll(/\D/g, "")}`);
  if (existsSync(join(target, "hub.mjs"))) return target;
  const draft = `${target}.${process.pid}`;
  cpSync(dist, draft, { recursive: true });
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(join(target, "hub.mjs"))) throw error;
  }
  const copies = readdirSync(root)
    .map((name) => join(root, name))
    .sort((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs);
  for (const old of copies.slice(2)) rmSync(old, { recursive: true, force: true });
  return target;
}
