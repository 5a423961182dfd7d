import { join } from "node:path";
import { type Build, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from "../protocol/hub.ts";
import { openDoors } from "../server/doors.ts";
import { serveLsp } from "../server/lsp.ts";
import { acquireLock } from "../store/sqlite/lock.ts";
import { composeHub } from "./compose.ts";
import { type BuildPaths, lanesDirectory } from "./paths.ts";
import { retireRecord, secret, writeRecord } from "./record.ts";

interface ServeOptions {
  readonly home: string;
  readonly paths: BuildPaths;
  readonly build: Build;
  readonly env: NodeJS.ProcessEnv;
  readonly log: (text: string) => void;
  /** Called before and after each commit, so that a test can kill the process at every one of them. */
  readonly onWritePoint?: (name: string) => void;
}

const graceMs = 10 * 60_000;
const drainMs = 10 * 60_000;

/**
 * Takes the data directory, adopts its open runs, opens the doors, and serves until it is told to stop or nobody needs it
 * any more. Resolves with the exit code: 0, or 3 when another process holds the directory.
 */
export async function serveHub({ home, paths, build, env, log, onWritePoint }: ServeOptions): Promise<number> {
  const lock = acquireLock(join(home, "hub.lock"));
  if (!lock) return 3;
  let requestStop: (now: boolean) => void = () => undefined;
  const stopRequested = new Promise<boolean>((resolve) => {
    requestStop = resolve;
  });
  let clients = 0;
  const hub = await composeHub({
    home,
    lanesHome: lanesDirectory(env),
    assets: paths.assets,
    workerUrl: paths.workerUrl,
    build,
    env,
    onStop: (now) => requestStop(now),
    clients: () => clients,
    ...(onWritePoint ? { onWritePoint } : {}),
  });
  if (hub.notice) log(`notice: ${hub.notice.message}`);
  const told = new Set<string>();
  const secrets = { token: secret(), human: secret() };
  const idle = createIdleStop(
    Number(env["PODIUM_IDLE_MS"]) || graceMs,
    () => clients === 0 && hub.attention.active() === 0,
    () => requestStop(false),
  );
  const doors = await openDoors({
    handlers: hub.handlers,
    streams: hub.streams,
    secrets,
    build,
    epoch: hub.epoch,
    home,
    realRoots: hub.realRoots,
    onSettings: hub.settings.attach,
    wantedPort: Number(env["PODIUM_PORT"]) || 0,
    notice: (client) => {
      if (told.has(client)) return null;
      told.add(client);
      return hub.notice;
    },
    serveLsp: (socket) => serveLsp(socket, hub.findings, hub.realRoots, hub.newestReview),
    onClients: (count) => {
      clients = count;
      idle.look();
    },
  });
  const record = {
    pid: process.pid,
    startedAt: Date.now(),
    port: doors.port,
    ...secrets,
    build,
    protocol: PROTOCOL_VERSION,
    minProtocol: MIN_PROTOCOL_VERSION,
  };
  const publish = (): void => writeRecord(home, { ...record, attention: hub.attention.get(), nextDue: null });
  publish();
  hub.attention.onChange(() => {
    publish();
    idle.look();
  });
  log(`listening on 127.0.0.1:${doors.port}, epoch ${hub.epoch}, ${build.version}`);
  for (const { run, error } of await hub.adopt()) log(`${run} was not taken over: ${error.code}: ${error.message}`);
  idle.look();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => requestStop(true));
  const now = await stopRequested;
  idle.stop();
  log(now ? "stopping now" : "draining");
  await Promise.race([hub.drain(now), new Promise((resolve) => setTimeout(resolve, now ? 5000 : drainMs).unref())]);
  retireRecord(home, build, hub.attention.get());
  await doors.close();
  await hub.close();
  lock.release();
  log("stopped");
  return 0;
}

/** Ends a hub that nobody needs: no client and no active run for the whole grace. */
function createIdleStop(ms: number, unneeded: () => boolean, stop: () => void): { look(): void; stop(): void } {
  let timer: NodeJS.Timeout | null = null;
  const clear = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
  };
  return {
    look() {
      if (!unneeded()) clear();
      else timer ??= setTimeout(() => (unneeded() ? stop() : clear()), ms);
    },
    stop: clear,
  };
}
