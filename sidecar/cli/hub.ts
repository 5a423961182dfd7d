import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Introduction } from "../client/client.ts";
import { isAlive } from "../client/record.ts";
import { logFile } from "../client/start.ts";
import { stopHub } from "../client/stop.ts";
import { build } from "../hub/build.ts";
import { PodiumError } from "../protocol/errors.ts";
import { type CliContext, show, withSession } from "./context.ts";
import type { Session } from "./session.ts";

type Verb = (context: CliContext) => Promise<number>;

const lastLines = 200;
const stranger: Introduction = { client: "cli", build, scopes: ["admin"], human: false, roots: [], trusted: false };

/** `podium hub …`, by verb. None of them starts a hub. */
export const hub: Readonly<Record<string, Verb>> = {
  status: (context) =>
    withSession(
      context,
      async (session) => {
        const status = await session.request("hub.status", {});
        const { pid, clients, openRuns, home, version } = status;
        show(context, status, () => `pid ${pid} · ${clients} clients · ${openRuns} runs open · ${home} · ${version}`);
        return 0;
      },
      false,
    ),
  stop: async (context) => {
    let session: Session;
    try {
      session = await context.open(false);
    } catch (error) {
      if (!(error instanceof PodiumError && (error.code === "no_hub" || error.code === "hub_incompatible")))
        throw error;
      // A process that is blocked, or speaks another protocol, can still be ended.
      const stopped = await stopHub(context.home, stranger, context.invocation.values.now ?? false);
      show(context, { stopped }, () => (stopped ? "stopped" : "Podium is not running."));
      return 0;
    }
    const { pid } = await session.request("hub.status", {});
    await session.request("hub.stop", { now: context.invocation.values.now ?? false });
    await session.close();
    // The data directory is free only when the process is gone.
    while (pid !== process.pid && isAlive(pid)) await delay(50);
    show(context, { stopped: true }, () => "stopped");
    return 0;
  },
  logs: async (context) => {
    const text = logText(context.home);
    const lines = text.trimEnd().split("\n").slice(-lastLines);
    show(context, { lines: text === "" ? [] : lines }, () => lines.join("\n"));
    return 0;
  },
};

function logText(home: string): string {
  try {
    return readFileSync(logFile(home), "utf8");
  } catch {
    return "";
  }
}
