import type * as vscode from "vscode";
import type { JsonObject } from "../sidecar/protocol/json.ts";
import type { Connection, HubLink } from "./hub.ts";
import type { Model } from "./state.ts";

/** What the parts of the window share. Made once, in main.ts. */
export interface App {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  /** The data directory. */
  readonly home: string;
  readonly link: HubLink;
  readonly model: () => Model;
  readonly update: (change: (model: Model) => Model) => void;
  readonly onChange: (listener: (model: Model) => void) => vscode.Disposable;
  /** The connection, starting what is needed. */
  readonly need: () => Promise<Connection>;
  /** A connection that may end the process: the scope admin is asked for only here. */
  readonly needAdmin: () => Promise<Connection>;
  /** Starts a run of this folder and shows it; resolves with its id. */
  readonly start: (workflow: string, input: JsonObject) => Promise<string>;
  readonly show: (run: string) => Promise<void>;
  readonly playRecording: () => Promise<void>;
  /** Loads the language client; findings arrive as diagnostics from then on. */
  readonly wantReview: () => Promise<void>;
  readonly clearReview: () => void;
}

/** The folder a run belongs to: that of the active editor, else the first; null in a window without one. */
export type RootOf = () => string | null;
