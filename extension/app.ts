import type * as vscode from "vscode";
import type { JsonObject } from "../sidecar/protocol/json.ts";
import type { CommandId } from "./command-texts.ts";
import type { Connection, HubLink } from "./hub.ts";
import type { Model } from "./state.ts";
import type { Row } from "./trees/row.ts";

/** What exists from the first moment of a window. Small, so that activation is fast; the rest is a chunk of its own. */
export interface Shell {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly model: () => Model;
  readonly update: (change: (model: Model) => Model) => void;
  readonly onChange: (listener: (model: Model) => void) => vscode.Disposable;
  /** The connected part, loaded on first need. */
  readonly whole: () => Promise<Whole>;
  /** Does something with the connected part that nobody waits for; a failure goes to the log. */
  readonly aside: (work: (whole: Whole) => Promise<void>) => void;
}

/** A command of the manifest, or the one that rows use to open a place. */
export type AnyCommand = CommandId | "podium.location";

/** The connected part of a window, as the shell sees it. */
export interface Whole {
  /** Shows the last known line; starts only what is due and attaches to what already answers. */
  readonly wake: () => Promise<void>;
  readonly look: () => Promise<void>;
  readonly steps: (run: string) => Promise<readonly Row[]>;
  readonly command: (id: AnyCommand, argument: unknown) => Promise<void>;
  readonly restorePanel: (panel: vscode.WebviewPanel, state: unknown) => void;
  readonly dispose: () => void;
}

/** What the parts of the connected window share. */
export interface App extends Omit<Shell, "whole"> {
  /** The data directory. */
  readonly home: string;
  readonly link: HubLink;
  /** The connection, starting what is needed. */
  readonly need: () => Promise<Connection>;
  /** A connection that may end the process: the scope admin is asked for only here. */
  readonly needAdmin: () => Promise<Connection>;
  /** Starts a run of `root`, a folder of this window, and shows it; resolves with its id. */
  readonly start: (root: string, workflow: string, input: JsonObject) => Promise<string>;
  readonly show: (run: string) => Promise<void>;
  readonly playRecording: () => Promise<void>;
  /** Loads the language client; findings arrive as diagnostics from then on. */
  readonly wantReview: () => Promise<void>;
  readonly clearReview: () => void;
}
