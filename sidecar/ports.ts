import type { ErrorShape } from "./protocol/errors.ts";
import type { Effect, LiveEvent, RunEvent, Timings, Usage } from "./protocol/events.ts";
import type { Json, JsonObject } from "./protocol/json.ts";
import type { CapabilityCard, EndpointInfo, EndpointState, Flavour } from "./protocol/models.ts";
import type { RunRow } from "./protocol/results.ts";
import type { Finding, FindingSignal, HeldFinding } from "./protocol/review.ts";
import type { TypeSpec } from "./protocol/types.ts";

/** Time, as an argument. `now` is wall ms for display; `monotonic` ms is for durations and deadlines. */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Fresh ids: `run_…`, `ask_…`. */
export interface Ids {
  next(prefix: "run" | "ask"): string;
}

// ---- storage -------------------------------------------------------------------------------------------------------

/** `synced` survives a power cut, `written` a killed process. */
export type Durability = "synced" | "written";

export interface RunStore {
  /** This process's session number in this data directory; grows at each start. */
  readonly epoch: number;
  /** True when the database was made by a newer Podium: reading works, `append` is refused with `data_newer`. */
  readonly readOnly: boolean;
  /**
   * Commits the events of one run in order (they carry their seq). Resolves after the commit; concurrent appends share one.
   * Throws `storage` when the disk refuses, and nothing of this batch is kept.
   */
  append(run: string, events: readonly RunEvent[], durability: Durability): Promise<void>;
  /** Events with seq > after, at most limit. */
  read(run: string, after: number, limit: number): Promise<readonly RunEvent[]>;
  /** Last seq of a run; 0 when unknown. */
  head(run: string): Promise<number>;
  /** Newest first. `roots` null = all workspaces. */
  list(filter: { roots: readonly string[] | null; limit: number; before?: string }): Promise<readonly RunRow[]>;
  row(run: string): Promise<RunRow | null>;
  /** Runs that are neither ended nor imported, oldest first. */
  open(): Promise<readonly string[]>;
  /** The run that this idempotency key started in the last 24 h. */
  byIdempotencyKey(key: string): Promise<string | null>;
  /** Stores a value by sha256 of its canonical JSON; commits together with the next append at the latest. */
  putBlob(hash: string, json: string): void;
  getBlob(hash: string): Promise<string | null>;
  /** Rebuilds the projections from the log; returns the number of runs. */
  rebuild(): Promise<number>;
  /** Problems that the integrity check found; empty = sound. */
  verify(): Promise<readonly string[]>;
  close(): Promise<void>;
}

// ---- models --------------------------------------------------------------------------------------------------------

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** One generation. `maxTokens` is always set; `contextTokens` is the window to ask for. */
export interface ModelRequest {
  readonly messages: readonly Message[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly contextTokens: number;
  /** JSON Schema of the answer, for servers that constrain decoding. */
  readonly schema?: JsonObject;
  readonly think: "off" | "low" | "high";
  readonly keepAlive: string;
}

/** `interactive` = somebody waits, `review` = started by itself, `background` = index, probes. */
export type CallClass = "interactive" | "review" | "background";

export type ModelPart =
  | { readonly type: "wait"; readonly position: number; readonly reason: string; readonly etaMs: number | null }
  | { readonly type: "load"; readonly elapsedMs: number; readonly expectedMs: number | null }
  | { readonly type: "prefill"; readonly done: number; readonly total: number }
  | { readonly type: "fallback"; readonly from: string; readonly to: string; readonly cause: ErrorShape }
  | { readonly type: "thinking"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "sent"; readonly host: string; readonly bytes: number }
  | {
      readonly type: "end";
      readonly finish: "stop" | "length";
      readonly usage: Usage;
      readonly timings: Timings;
      /** The model that answered, after fallback. */
      readonly model: string;
    };

/** A model that can be called. Always streamed; ends with exactly one `end` part, or throws a PodiumError with a provider code. */
export interface LanguageModel {
  readonly ref: string;
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelPart>;
}

/** One server found or configured. Implemented per wire protocol in providers/. */
export interface Endpoint {
  readonly url: string;
  readonly flavour: Flavour;
  /** The name in a ref: flavour, or flavour@host:port. */
  readonly name: string;
  /** Lists models with their metadata and the server's state, GET only, within 1.5 s; never throws. */
  look(signal: AbortSignal): Promise<EndpointInfo>;
  /** The wire itself, without queue, retry or fallback. Only ids the server listed. */
  model(id: string): LanguageModel;
  /** The window the server holds for a loaded model now, in tokens; null = it does not say. */
  allocated(id: string, signal: AbortSignal): Promise<number | null>;
  unload(id: string): Promise<void>;
}

/** Who calls. `order` compares as text; `goesOn` = the map item that calls may call again, absent outside of items. */
export type ModelCaller = { readonly run: string; readonly order: string; readonly class: CallClass } & {
  readonly goesOn?: () => boolean;
};

/** What the engine asks for a model by role; resolves names, waits for the GPU, retries, falls back. */
export interface Models {
  /** The model that a role resolves to now; null = there is none that may be used. */
  resolve(role: string, settings: ModelSettings): ResolvedModel | null;
  /** Why `resolve` finds none, in a clause: what the servers that were looked at said. Null = there is no server. */
  whyNone(settings: ModelSettings): string | null;
  call(
    target: ResolvedModel,
    request: Omit<ModelRequest, "contextTokens" | "keepAlive">,
    caller: ModelCaller,
    signal: AbortSignal,
  ): AsyncIterable<ModelPart>;
  /** Resolves when discovery has looked at least once for these settings; later calls return at once. */
  ready(settings?: ModelSettings): Promise<void>;
}

export interface ModelSettings {
  readonly roles: { readonly [role: string]: string };
  readonly servers: readonly string[];
  /** True when `servers` are the run's own: used instead of all others. */
  readonly onlyServers?: boolean;
  readonly network: "local" | "lan" | "cloud";
}

export interface ResolvedModel {
  readonly ref: string;
  /** Tokens that fit: allocated or allocatable window, verified where the server tells. */
  readonly contextTokens: number;
  readonly card: CapabilityCard;
  readonly state: EndpointState;
  /** The run's own servers that it was chosen among; absent = all that were found. */
  readonly servers?: readonly string[];
}

// ---- lanes ---------------------------------------------------------------------------------------------------------

/** What a try to take a lane found. `before` = tickets that go first, `holder` = pid of another process that has the lane. */
export type LaneTake =
  | { readonly taken: true }
  | { readonly taken: false; readonly before: number; readonly holder: number | null; readonly coolMs: number };

/**
 * The lanes of GPU devices, shared by every Podium process of this OS user (ENGINE E8.3). A lane goes to the lowest ticket of
 * the best effective class (class - floor(waited / 30 s)); a dead process's lane is free 5 s after its death.
 */
export interface Lanes {
  /** Queues at the end of the device's line; returns the ticket's id. */
  ticket(device: string, callClass: CallClass): Promise<string>;
  /** Takes one of `width` lanes if it is this ticket's turn, one is free and the device is not cooling down. Poll every 50 ms. */
  take(ticket: string, width: number): Promise<LaneTake>;
  /** Gives back the lane or the place in the line; nobody gets the device before `coolMs` passed. Unknown tickets: nothing. */
  release(ticket: string, coolMs: number): Promise<void>;
}

// ---- tools ---------------------------------------------------------------------------------------------------------

export interface ToolContext {
  /** Absolute, real path of the workspace. */
  readonly root: string;
  readonly env: { readonly [name: string]: string };
  readonly opKey: string;
  readonly signal: AbortSignal;
}

/** A function offered to workflows. Input and output are validated by the registry's schemas. */
export interface Tool {
  readonly name: string;
  readonly about: string;
  readonly effect: Effect;
  readonly input: TypeSpec;
  readonly output: TypeSpec;
  run(input: JsonObject, context: ToolContext): Promise<Json>;
}

// ---- workspace ------------------------------------------------------------------------------------------------------

/** Who asks: the real root, the environment for child processes, and the end of waiting. */
export interface WorkspaceContext {
  readonly root: string;
  readonly env: { readonly [name: string]: string };
  readonly signal: AbortSignal;
}

export interface FileText {
  readonly path: string;
  /** sha256 of the file's bytes, hex. */
  readonly sha: string;
  readonly from: number;
  readonly to: number;
  /** Lines of the whole file. */
  readonly lines: number;
  readonly text: string;
  readonly truncated: boolean;
}

export interface SearchHit {
  readonly path: string;
  readonly line: number;
  readonly endLine: number;
  /** The exact lines, joined by \n. */
  readonly text: string;
  readonly score: number;
}

export interface SearchResult {
  readonly hits: readonly SearchHit[];
  /** True while the index does not hold the whole workspace. */
  readonly truncated: boolean;
  /** What a person should know of this search (a first scan, an index under way, files left out), in a sentence or two. */
  readonly note?: string;
  /** Words of the query, in lower case, that stand nowhere in the workspace; absent while that is not known. */
  readonly missing?: readonly string[];
}

type DiffScope = "selection" | "file" | "unstaged" | "staged" | "working" | "branch" | "range" | "patch";

export interface DiffRequest {
  readonly scope: DiffScope;
  readonly base?: string;
  readonly range?: string;
  readonly patch?: string;
  readonly path?: string;
  readonly line?: number;
  readonly endLine?: number;
}

/** One hunk: `lines` counts its new side, `text` is the unified hunk with its @@ header. */
export interface DiffHunk {
  readonly oldStart: number;
  readonly newStart: number;
  readonly lines: number;
  readonly text: string;
}

export interface DiffFile {
  readonly path: string;
  readonly oldPath?: string;
  readonly status: "added" | "modified" | "renamed";
  readonly hunks: readonly DiffHunk[];
  /** Where the whole new side lives: a git object id, or `file` for the working tree; absent for a patch. */
  readonly newSide?: string;
}

export interface Diff {
  readonly base?: string;
  readonly files: readonly DiffFile[];
  readonly omitted: readonly { readonly path: string; readonly why: string }[];
}

/** Everything that is read from the folder. Paths go in and out relative to the root, with `/`. */
export interface WorkspacePort {
  list(
    request: { readonly path?: string; readonly glob?: string },
    context: WorkspaceContext,
  ): Promise<{
    readonly files: readonly { readonly path: string; readonly bytes: number }[];
    readonly truncated: boolean;
  }>;
  read(
    request: { readonly path: string; readonly from?: number; readonly to?: number },
    context: WorkspaceContext,
  ): Promise<FileText>;
  /** `context` = what was said before: its words count a little, for a follow-up. */
  search(
    request: { readonly query: string; readonly context?: string; readonly top?: number },
    context: WorkspaceContext,
  ): Promise<SearchResult>;
  diff(request: DiffRequest, context: WorkspaceContext): Promise<Diff>;
  /** The whole new side of a file of a diff; null when it is not there (any more). */
  newText(
    file: { readonly path: string; readonly newSide?: string },
    context: WorkspaceContext,
  ): Promise<string | null>;
  /** Ends the index worker. */
  close(): Promise<void>;
}

// ---- review ---------------------------------------------------------------------------------------------------------

/** What a model says about a change, before anything is checked. */
export interface DraftFinding {
  readonly quote: string;
  readonly category?: string;
  readonly title?: string;
  readonly claim: string;
  readonly trigger?: string;
  readonly fix?: { readonly old: string; readonly new: string };
}

/** A finding on its way: `verify` = a model should check it against `slice` before it is shown. */
export type ReviewItem = FindingSignal & { readonly slice: string; readonly verify: boolean };

/** All that was said about one file; `newText` = the file after the change, null = not to be had. */
export interface AnchorInput {
  readonly file: DiffFile;
  readonly newText: string | null;
  readonly drafts: readonly DraftFinding[];
  readonly rules: readonly Finding[];
  readonly depth: "quick" | "normal";
}

/** The pure decisions of the review, as an argument of the tools. */
export interface ReviewPort {
  rules(file: DiffFile, digest: Digest): readonly Finding[];
  anchor(input: AnchorInput, digest: Digest): readonly ReviewItem[];
  judge(
    item: FindingSignal,
    verdict: { readonly verdict: string; readonly evidence: string } | null,
    newText: string | null,
    depth: "quick" | "normal",
  ): FindingSignal;
  fold(signals: readonly FindingSignal[]): {
    readonly findings: readonly Finding[];
    readonly heldBack: readonly HeldFinding[];
  };
}

// ---- steps ---------------------------------------------------------------------------------------------------------

/** What a step may do besides computing: everything here is recorded and replayed after a crash (ENGINE E7). */
export interface StepContext {
  readonly run: string;
  readonly instance: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly settings: ModelSettings & { readonly requireModel: boolean };
  readonly trusted: boolean;
  /** One recorded generation: `text` is the whole answer. Live parts become events by themselves. */
  model(call: {
    readonly role: string;
    readonly request: Omit<ModelRequest, "contextTokens" | "keepAlive">;
    readonly key?: string;
  }): Promise<{
    readonly text: string;
    readonly finish: "stop" | "length";
    readonly model: string;
    readonly usage: Usage;
  }>;
  /** The model a role resolves to now; not recorded. */
  resolve(role: string): ResolvedModel | null;
  /** Why `resolve` finds none, in a clause; null = there is no server. */
  whyNone(): string | null;
  tool(name: string, input: JsonObject, key?: string): Promise<Json>;
  /** A question; the step parks until it is answered and is then run again. */
  ask(question: {
    readonly title: string;
    readonly show?: Json;
    readonly edit?: boolean;
    readonly key?: string;
  }): Promise<Json>;
  once<T extends Json>(name: string, effect: Effect, work: () => Promise<T>): Promise<T>;
  /** Marks this run as degraded (no model could answer); recorded with the step's end. */
  degrade(): void;
}

export interface StepResult {
  /** Written under the node's id. */
  readonly value: Json;
  /** approve: No. */
  readonly denied?: boolean;
}

/** What a node runs. `name` is `ask@1`. `with` comes evaluated, `config` as written in the graph. */
export interface Step {
  readonly name: string;
  readonly effect: Effect;
  run(input: { readonly with: JsonObject; readonly config: JsonObject }, context: StepContext): Promise<StepResult>;
}

/** What the engine needs to know of what is going on, for lists and status lines. */
export interface RunObserver {
  durable(event: RunEvent): void;
  live(event: LiveEvent): void;
}

/** sha256 of a text, in hex: an argument, so that the pure floors import no crypto. */
export type Digest = (text: string) => string;
