import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Introduction } from "../client/client.ts";
import { assertOwnDirectory } from "../client/own-directory.ts";
import { reachHub } from "../client/start.ts";
import { composeHub } from "../hub/compose.ts";
import { type BuildPaths, lanesDirectory } from "../hub/paths.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Build } from "../protocol/hub.ts";
import type { Caller } from "../server/caller.ts";
import { dispatch, subscribe } from "../server/dispatch.ts";
import { acquireLock } from "../store/sqlite/lock.ts";
import { attached, type Session } from "./session.ts";

interface EmbeddedOptions {
  /** Null = a fresh temporary directory, which is gone afterwards unless a run in it still waits. */
  readonly data: string | null;
  readonly paths: BuildPaths;
  readonly build: Build;
  readonly env: NodeJS.ProcessEnv;
  readonly introduction: Introduction;
  /** False for commands that only read: open runs stay as they are. */
  readonly adopt: boolean;
}

/** A data directory of its own, used in this very process: for CI. Attaches instead when a hub holds it; throws `data_in_use` when that does not answer. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Session> {
  const { data, introduction, env, paths, build } = options;
  const home = data === null ? mkdtempSync(join(tmpdir(), "podium-")) : ownDirectory(data);
  const lock = acquireLock(join(home, "hub.lock"));
  if (!lock) return await attach(home, options);
  const hub = await composeHub({
    home,
    lanesHome: lanesDirectory(env),
    assets: paths.assets,
    workerUrl: paths.workerUrl,
    build,
    env,
    onStop: () => undefined,
    clients: () => 1,
  });
  if (options.adopt) await hub.adopt();
  const caller: Caller = {
    door: "ws",
    client: "cli",
    scopes: new Set([...introduction.scopes, "admin"]),
    roots: await hub.realRoots(introduction.roots),
    trusted: true,
    settings: {},
  };
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    await hub.drain(true);
    await hub.close();
    lock.release();
    if (data === null && (hub.attention.get()?.open ?? 0) === 0) rmSync(home, { recursive: true, force: true });
  };
  return {
    where: whereOf(home),
    notice: hub.notice,
    request: (method, params) => dispatch(hub.handlers, method, params, caller),
    watch: async (method, params, onItem) => await subscribe(hub.streams, method, params, caller, onItem),
    onClose: () => undefined,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** As a shell takes it. */
const whereOf = (home: string): string =>
  ` --embedded --data ${/^[\w./:@-]+$/.test(home) ? home : `'${home.replaceAll("'", "'\\''")}'`}`;

function ownDirectory(data: string): string {
  assertOwnDirectory(data);
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    return data;
  } catch (cause) {
    throw new PodiumError("data_unreadable", `${data} cannot be used; choose another folder with --data.`, { cause });
  }
}

async function attach(home: string, { env, paths, introduction }: EmbeddedOptions): Promise<Session> {
  try {
    const client = await reachHub({ home, dist: paths.dist, env, mayStart: false, introduction });
    return attached(client, whereOf(home));
  } catch (cause) {
    const sentence = `${home} is in use by another Podium that does not answer; choose another folder with --data.`;
    throw new PodiumError("data_in_use", sentence, { cause });
  }
}
