import type { EndpointInfo } from "../sidecar/protocol/models.ts";
import type { CommandId } from "./command-texts.ts";
import { type Model, serverState, waitingRuns } from "./state.ts";

export const statusStates = [
  "waiting",
  "stopped",
  "restricted",
  "starting",
  "no_server",
  "unfit",
  "leaving",
  "working",
  "ready",
  "cold",
] as const;
export type StatusState = (typeof statusStates)[number];

/** What the status bar shows: at most 28 characters, the same in words for a screen reader, and what a click offers first. */
export interface Status {
  readonly state: StatusState;
  readonly text: string;
  readonly spoken: string;
  readonly colour: "warning" | "error" | null;
  readonly detail: string;
  readonly actions: readonly (CommandId | "workbench.trust.manage")[];
}

interface Row {
  readonly state: StatusState;
  readonly holds: (model: Model) => boolean;
  readonly paint: (model: Model, now: number) => Omit<Status, "state">;
}

const widest = 28;
const markup = /^\$\([^)]*\) /;

/** Cuts what is read, not the icon's name, to 28 characters with two for the icon. */
function within(text: string): string {
  const icon = markup.exec(text)?.[0] ?? "";
  const words = text.slice(icon.length);
  return words.length <= widest - 2 ? text : `${icon}${words.slice(0, widest - 3)}…`;
}

const seconds = (ms: number): number => Math.max(0, Math.floor(ms / 1000));

/** How many wait: from the runs, or, before there is a connection, from the last known line. */
const waiting = (model: Model): number =>
  model.link === "attached" ? waitingRuns(model).length : (model.attention?.waiting ?? 0);

const mainRef = (model: Model): string | null => model.models?.roles["main"] ?? null;
const mainModel = (model: Model) =>
  model.models?.endpoints.flatMap((endpoint) => endpoint.models).find((entry) => entry.ref === mainRef(model));

/** `ollama/qwen3-coder:30b` → `qwen3-coder:30b`. */
const shortName = (ref: string): string => ref.slice(ref.indexOf("/") + 1);
const kilo = (tokens: number): string => (tokens >= 1024 ? `${Math.round(tokens / 1024)}k` : String(tokens));

const troubled = (model: Model): EndpointInfo | undefined =>
  model.models?.endpoints.find((endpoint) => endpoint.state === "reachable") ??
  model.models?.endpoints.find((endpoint) => endpoint.state === "answers");

/** A server that lists its models, none of them for chat, works; it only lacks a model. */
const isSilent = ({ state, flavour, models }: EndpointInfo): boolean =>
  state === "reachable" &&
  (models.some(({ roles }) => roles.includes("main")) || (models.length === 0 && flavour !== "ollama"));

const isLooking = (model: Model): boolean => model.link === "attached" && serverState(model) === "searching";
const isDegraded = (label: string): boolean => /^(fallback|memory)/i.test(label);
const leaves = (model: Model): boolean =>
  mainModel(model)?.remote === true || (model.working !== null && isDegraded(model.working.label));

/** The ten states in order of urgency; the first that holds is shown. */
const table: readonly Row[] = [
  {
    state: "waiting",
    holds: (model) => waiting(model) > 0,
    paint: (model) => ({
      text: `$(bell-dot) ${waiting(model)} waiting for you`,
      spoken: `Podium: ${waiting(model)} waiting for you`,
      colour: "warning",
      detail: waitingDetail(model),
      actions: ["podium.run.answer", "podium.run.open"],
    }),
  },
  {
    state: "stopped",
    holds: (model) => model.link === "stopped",
    paint: (model) => ({
      text: "$(error) Podium stopped",
      spoken: "Podium cannot start",
      colour: "error",
      detail: model.error ?? "Podium could not be started.",
      actions: ["podium.doctor", "podium.hub.restart", "podium.log"],
    }),
  },
  {
    state: "restricted",
    holds: (model) => !model.trusted,
    paint: () => ({
      text: "$(workspace-untrusted) View only",
      spoken: "Podium: this window is in Restricted Mode, view only",
      colour: null,
      detail: "This window is in Restricted Mode: nothing is started and nothing of the folder is read.",
      actions: ["workbench.trust.manage", "podium.recording.play"],
    }),
  },
  {
    state: "starting",
    holds: (model) =>
      model.link === "starting" || model.link === "reconnecting" || model.draining !== null || isLooking(model),
    paint: (model, now) => ({
      text: `$(loading~spin) ${startingText(model, now)}`,
      spoken: `Podium: ${startingText(model, now)}`,
      colour: null,
      detail: model.error ?? "Runs go on by themselves; nothing is lost.",
      actions: ["podium.log", "podium.doctor"],
    }),
  },
  {
    state: "no_server",
    holds: (model) => model.link === "attached" && serverState(model) === "none",
    paint: (model) => ({
      text: "$(debug-disconnect) No model server",
      spoken: "Podium: no model server answers",
      colour: "warning",
      detail: noServerDetail(model),
      actions: ["podium.models.refresh", "podium.recording.play", "podium.doctor"],
    }),
  },
  {
    state: "unfit",
    holds: (model) => model.link === "attached" && serverState(model) === "unfit",
    paint: (model) => {
      const server = troubled(model);
      const name = server?.flavour === "ollama" ? "Ollama" : (server?.flavour ?? "Server");
      const what = server && isSilent(server) ? "not answering" : "no fitting model";
      return {
        text: within(`$(warning) ${name}: ${what}`),
        spoken: `Podium: ${name}: ${what}`,
        colour: "warning",
        detail: server?.detail ?? "The server runs, but no model of it can be used.",
        actions: ["podium.models.refresh", "podium.doctor"],
      };
    },
  },
  {
    state: "leaving",
    holds: (model) => model.link === "attached" && leaves(model),
    paint: (model) => {
      if (model.working !== null && isDegraded(model.working.label)) {
        return {
          text: within(`$(warning) ${model.working.label}`),
          spoken: `Podium: ${model.working.label}`,
          colour: null,
          detail: `${model.working.label}.`,
          actions: ["podium.run.open", "podium.run.cancel"],
        };
      }
      const name = shortName(mainRef(model) ?? "cloud");
      return {
        text: within(`$(cloud) ${name}`),
        spoken: `Podium: prompts leave this machine, model ${name}`,
        colour: "warning",
        detail: `Prompts leave this machine: ${name} does not run here.`,
        actions: ["podium.models.refresh", "podium.run.open"],
      };
    },
  },
  {
    state: "working",
    holds: (model) => model.link === "attached" && model.working !== null,
    paint: (model) => {
      const label = model.working?.label ?? "working";
      const queue = model.working?.queue ?? 0;
      return {
        text: within(`$(loading~spin) ${label}${queue > 0 ? ` +${queue}` : ""}`),
        spoken: `Podium: ${label}${queue > 0 ? `, ${queue} in the queue` : ""}`,
        colour: null,
        detail: model.runs.find((row) => row.run === model.working?.run)?.title ?? "A run is at work.",
        actions: ["podium.run.open", "podium.run.cancel"],
      };
    },
  },
  {
    state: "ready",
    holds: (model) => model.link === "attached" && serverState(model) === "ready",
    paint: (model) => {
      const name = shortName(mainRef(model) ?? "ready");
      const window = mainModel(model)?.context.allocated ?? null;
      const tokens = window === null ? "" : ` ${kilo(window)}`;
      return {
        text: `$(circle-filled) ${name.slice(0, widest - 2 - tokens.length)}${tokens}`,
        spoken: `Podium is ready: ${name}`,
        colour: null,
        detail: window === null ? `${name} is ready.` : `${name} is ready with a window of ${window} tokens.`,
        actions: ["podium.ask", "podium.review.changes", "podium.run"],
      };
    },
  },
  {
    state: "cold",
    holds: () => true,
    paint: (model) => ({
      text: "$(circle-outline) Podium",
      spoken: "Podium is not running; it starts on first use",
      colour: null,
      detail: model.attention?.line ?? "It starts by itself on first use.",
      actions: ["podium.ask", "podium.review.changes", "podium.hub.restart"],
    }),
  },
];

function waitingDetail(model: Model): string {
  const [row] = model.link === "attached" ? waitingRuns(model) : [];
  return row ? `${row.title ?? row.workflow}: it has a question for you.` : (model.attention?.line ?? "A run waits.");
}

function startingText(model: Model, now: number): string {
  if (model.draining !== null) return `Updating, ${model.draining} call${model.draining === 1 ? "" : "s"} left`;
  return `${model.link === "reconnecting" ? "Reconnecting" : "Starting"} ${seconds(now - model.since)} s`;
}

function noServerDetail(model: Model): string {
  const [installed] = model.models?.installed ?? [];
  if (installed) return `${installed.flavour} is installed but does not run. Start it with: ${installed.start}`;
  return "Nothing answered on this machine's usual ports. Start Ollama or an MLX server; answers are extracts until then.";
}

/** The one line of the status bar for a model; `now` is wall ms. */
export function statusOf(model: Model, now: number): Status {
  const row = table.find((candidate) => candidate.holds(model)) ?? table[table.length - 1];
  if (!row) throw new RangeError("the status table is empty");
  return { state: row.state, ...row.paint(model, now) };
}
