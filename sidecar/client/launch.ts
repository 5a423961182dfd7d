import { spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ErrorCode, PodiumError } from "../protocol/errors.ts";
import type { Build } from "../protocol/hub.ts";
import { copyBuild } from "./copy.ts";
import { hubRuntime } from "./runtime.ts";

interface Launch {
  readonly home: string;
  /** Where what the process writes is kept. */
  readonly log: string;
  readonly dist: string;
  readonly env: NodeJS.ProcessEnv;
  readonly build: Build;
}

/** A process that should become the hub. */
export interface Launched {
  /** Null while it lives. */
  readonly exit: number | null;
  /** What it wrote as the reason of its end; null = nothing that another start would meet again. */
  reason(): PodiumError | null;
}

const crashWindowMs = 180_000;
const crashLimit = 5;
const said = /^\S+ ([a-z_]+): (.+)$/;

/** Starts the hub's process, apart from this one. Throws `data_unreadable`, `node_too_old`, or `no_hub` after five starts that never answered. */
export function launchHub({ home, log, dist, env, build }: Launch): Launched {
  const runtime = hubRuntime(env);
  const { file, from } = openLog(home, log);
  refuseAfterFailures(home, log);
  const folder = copyBuild(dist, home, build);
  const bundle = join(folder, "hub.mjs");
  const entry = existsSync(bundle) ? bundle : join(folder, "main.ts");
  const child = spawn(runtime.file, [entry], {
    detached: true,
    stdio: ["ignore", file, file],
    cwd: home,
    env: { ...runtime.env, PODIUM_HOME: home },
    windowsHide: true,
  });
  closeSync(file);
  const state: { exit: number | null; readonly reason: () => PodiumError | null } = {
    exit: null,
    reason: () => reasonIn(readFileSync(log).subarray(from).toString()),
  };
  child.once("exit", (code) => {
    state.exit = code ?? 1;
  });
  child.once("error", () => {
    state.exit = 1;
  });
  child.unref();
  return state;
}

function openLog(home: string, log: string): { readonly file: number; readonly from: number } {
  try {
    mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
    const from = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    return { file: openSync(log, "a", 0o600), from };
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
    const sentence = `The data directory ${home} cannot be used${why}; correct that, or set PODIUM_HOME to another folder.`;
    throw new PodiumError("data_unreadable", sentence, { cause });
  }
}

/** The last line `time code: sentence`; a mistake of Podium itself may be gone at the next start. */
function reasonIn(text: string): PodiumError | null {
  for (const line of text.split("\n").reverse()) {
    const [, code, sentence] = said.exec(line) ?? [];
    const known = ErrorCode.safeParse(code);
    if (known.success && sentence !== undefined && known.data !== "internal")
      return new PodiumError(known.data, sentence);
  }
  return null;
}

const startsFile = (home: string): string => join(home, "failed-starts");

/** One line each, so that several windows can add theirs at the same moment. */
function recentFailures(home: string): number {
  try {
    const lines = readFileSync(startsFile(home), "utf8").split("\n");
    return lines.filter((line) => line !== "" && Date.now() - Number(line) < crashWindowMs).length;
  } catch {
    return 0;
  }
}

/** Counted on disk, so that several windows together stop after five starts that ended before they answered. */
export function countFailedStart(home: string): void {
  appendFileSync(startsFile(home), `${Date.now()}\n`, { mode: 0o600 });
}

function refuseAfterFailures(home: string, log: string): void {
  if (recentFailures(home) < crashLimit) return;
  const sentence = `Podium ended five times right after its start. The reason is in ${log}`;
  throw new PodiumError("no_hub", sentence, { reason: "crash_loop" });
}

/** To be called when a hub answered. */
export function forgetStarts(home: string): void {
  rmSync(startsFile(home), { force: true });
}
