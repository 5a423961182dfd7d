import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeHub } from "../hub/compose.ts";
import { type BuildPaths, lanesDirectory } from "../hub/paths.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Build, Scope } from "../protocol/hub.ts";
import type { Caller } from "../server/caller.ts";
import { dispatch, subscribe } from "../server/dispatch.ts";
import { acquireLock } from "../store/sqlite/lock.ts";
import type { Session } from "./session.ts";

export interface EmbeddedOptions {
  /** Null = a fresh temporary directory. */
  readonly data: string | null;
  readonly paths: BuildPaths;
  readonly build: Build;
  readonly env: NodeJS.ProcessEnv;
  readonly root: string;
  readonly human: boolean;
  /** False for commands that only read: open runs stay as they are. */
  readonly adopt: boolean;
}

/** A data directory of its own, used in this very process: for CI. Throws `data_in_use` when a hub holds it. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Session> {
  const home = options.data ?? mkdtempSync(join(tmpdir(), "podium-"));
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lock = acquireLock(join(home, "hub.lock"));
  if (!lock)
    throw new PodiumError(
      "data_in_use",
      `${home} is in use by a running Podium. Leave --embedded out, or choose another --data.`,
    );
  const hub = await composeHub({
    home,
    lanesHome: lanesDirectory(options.env),
    assets: options.paths.assets,
    workerUrl: options.paths.workerUrl,
    build: options.build,
    env: options.env,
    onStop: () => undefined,
    clients: () => 1,
  });
  if (options.adopt) await hub.adopt();
  const scopes: Scope[] = ["read", "run", "admin", ...(options.human ? (["human"] as const) : [])];
  const caller: Caller = {
    door: "ws",
    client: "cli",
    scopes: new Set(scopes),
    roots: await hub.realRoots([options.root]),
    trusted: true,
    settings: {},
  };
  return {
    request: (method, params) => dispatch(hub.handlers, method, params, caller),
    watch: async (method, params, onItem) => await subscribe(hub.streams, method, params, caller, onItem),
    onClose: () => undefined,
    close: async () => {
      await hub.drain(true);
      await hub.close();
      lock.release();
    },
  };
}
