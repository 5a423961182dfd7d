import * as z from "zod";

/** Failures of a model provider: a closed list, nothing untyped leaves the model layer. */
export const providerCodes = [
  "unreachable",
  "auth",
  "bad_request",
  "model_missing",
  "model_loading",
  "context_overflow",
  "overloaded",
  "truncated_stream",
  "stalled",
  "engine_dead",
  "cancelled",
  "bad_output",
] as const;

/** Every code a user, a CLI script or a client can see. docs/errors.md is generated from `errorTable`. */
export const errorCodes = [
  ...providerCodes,
  "provider_unavailable",
  "usage",
  "invalid_input",
  "invalid_workflow",
  "unknown_workflow",
  "unknown_run",
  "unknown_ask",
  "outside_workspace",
  "file_missing",
  "file_binary",
  "too_large",
  "too_deep",
  "not_a_repository",
  "git_failed",
  "git_missing",
  "node_too_old",
  "data_unreadable",
  "data_corrupt",
  "data_newer",
  "data_in_use",
  "storage",
  "port_taken",
  "no_hub",
  "hub_incompatible",
  "unauthorized",
  "forbidden",
  "not_found",
  "already_answered",
  "ask_gone",
  "ask_needs_pure_step",
  "denied",
  "budget",
  "unsafe_unknown",
  "crash_loop",
  "definition_missing",
  "expr_syntax",
  "expr_type",
  "tool_failed",
  "step_failed",
  "deadline",
  "trust",
  "internal",
] as const;
export const ErrorCode = z.enum(errorCodes);
export type ErrorCode = z.infer<typeof ErrorCode>;

/** What each code means and what to do about it, one sentence each. */
export const errorTable: Readonly<Record<ErrorCode, { readonly meaning: string; readonly wayOut: string }>> = {
  unreachable: {
    meaning: "The model server does not answer at its address.",
    wayOut: "Start the server or correct its address; podium models ls shows what is tried.",
  },
  auth: {
    meaning: "The model server wants a key or a sign-in.",
    wayOut: "Set the key or the sign-in for this server, or use another one.",
  },
  bad_request: {
    meaning: "The model server refused the request as not valid.",
    wayOut: "Read the server's words in the message; update the server or choose another model.",
  },
  model_missing: {
    meaning: "The named model is not listed by any server.",
    wayOut: "Choose a listed model, or install it with the server's own command.",
  },
  model_loading: {
    meaning: "The server is still loading the model.",
    wayOut: "Wait and try again; loading is not a failure of the model.",
  },
  context_overflow: {
    meaning: "The prompt is larger than the context window.",
    wayOut: "Shorten the biggest parts the message names, or use a model with a larger window.",
  },
  overloaded: {
    meaning: "The server or the hub takes no more work now.",
    wayOut: "Try again in a moment; calls that may be repeated are repeated by themselves.",
  },
  truncated_stream: {
    meaning: "The answer ended before the server said that it was complete.",
    wayOut: "Try again; look at the server's log when it comes back.",
  },
  stalled: {
    meaning: "The server sent nothing for longer than its time limit.",
    wayOut: "Look whether the server still works; restart it or use a smaller model.",
  },
  engine_dead: {
    meaning: "The engine behind the server died or ran out of memory.",
    wayOut: "Restart the model server; use a smaller model or window.",
  },
  cancelled: { meaning: "A person, a timeout or a stop ended the work.", wayOut: "Start it again when you want it." },
  bad_output: {
    meaning: "The model's answer cannot be read as what was asked for, also after one repair.",
    wayOut: "Try again, or use a larger model for this role.",
  },
  provider_unavailable: {
    meaning: "No model can answer for this role.",
    wayOut: "Start a model server, for example: ollama serve.",
  },
  usage: { meaning: "The command line is not one that Podium knows.", wayOut: "See: podium --help." },
  invalid_input: {
    meaning: "A value does not have the form it needs.",
    wayOut: "Correct the field that the message names.",
  },
  invalid_workflow: {
    meaning: "A workflow file has problems.",
    wayOut: "Run podium check; it names each line and column.",
  },
  unknown_workflow: {
    meaning: "No workflow has this name.",
    wayOut: "Choose a name that the message or the Workflows view lists.",
  },
  unknown_run: { meaning: "No run has this id.", wayOut: "Take an id from podium runs ls." },
  unknown_ask: {
    meaning: "No question has this id in this run.",
    wayOut: "podium runs show lists the open questions.",
  },
  outside_workspace: {
    meaning: "The path leads out of the workspace folder.",
    wayOut: "Use a path inside the folder, or open the other folder as the workspace.",
  },
  file_missing: { meaning: "The file or folder does not exist.", wayOut: "Correct the path." },
  file_binary: { meaning: "The file is not text.", wayOut: "Name a text file." },
  too_large: {
    meaning: "The file, change or body is over its size limit.",
    wayOut: "Choose a smaller part, for example fewer files or a shorter range.",
  },
  too_deep: { meaning: "The value is nested deeper than the limit.", wayOut: "Flatten the value." },
  not_a_repository: {
    meaning: "The folder is not in a git repository.",
    wayOut: "Run git init, open a repository, or review a patch with --patch.",
  },
  git_failed: {
    meaning: "A git command ended with an error.",
    wayOut: "Read git's words in the message and run the command by hand.",
  },
  git_missing: { meaning: "There is no git on PATH.", wayOut: "Install git." },
  node_too_old: {
    meaning: "The Node that should run Podium is too old.",
    wayOut: "Install Node 22.15 or newer, or update the editor.",
  },
  data_unreadable: {
    meaning: "The data directory or a file in it cannot be read or written.",
    wayOut: "Correct its owner and permissions, or set PODIUM_HOME to another folder.",
  },
  data_corrupt: {
    meaning: "Stored data is damaged.",
    wayOut: "Run podium doctor; start the run again when its values are gone.",
  },
  data_newer: {
    meaning: "The data was written by a newer Podium.",
    wayOut: "Update this Podium; nothing was changed.",
  },
  data_in_use: {
    meaning: "Another Podium process holds the data directory.",
    wayOut: "Stop the other process: podium hub stop.",
  },
  storage: { meaning: "The disk refused a write.", wayOut: "Make space or correct permissions, then resume the run." },
  port_taken: {
    meaning: "No port on this machine could be opened.",
    wayOut: "Close what holds the ports, then start again.",
  },
  no_hub: {
    meaning: "The hub does not run or does not answer.",
    wayOut: "Run the command again, or read the log that the message names.",
  },
  hub_incompatible: {
    meaning: "The running hub speaks another protocol version.",
    wayOut: "Update both, or stop it with: podium hub stop.",
  },
  unauthorized: {
    meaning: "The token is missing or wrong.",
    wayOut: "Read the token from hub.json; it changes at each start.",
  },
  forbidden: {
    meaning: "This connection may not do this.",
    wayOut: "Use a client with the scope; permissions are given in the editor or a terminal.",
  },
  not_found: {
    meaning: "There is nothing under this name or address.",
    wayOut: "Correct the name; values removed by a size limit stay removed.",
  },
  already_answered: {
    meaning: "The question has an answer already.",
    wayOut: "Nothing to do: the first answer counts.",
  },
  ask_gone: {
    meaning: "The run does not wait for this answer any more.",
    wayOut: "Look at the run with podium runs show.",
  },
  ask_needs_pure_step: {
    meaning: "A question stands inside a step whose own code has an effect.",
    wayOut: "Move the question into a step of its own before it.",
  },
  denied: { meaning: "A person refused the permission.", wayOut: "Run again and allow it, or change what is asked." },
  budget: { meaning: "The run has used its budget.", wayOut: "Answer its question to go on, or raise --budget." },
  unsafe_unknown: {
    meaning: "An effect may or may not have happened before an interruption.",
    wayOut: "Look at the target, then answer: run again, take as done, or skip.",
  },
  crash_loop: {
    meaning: "The same work ended Podium three times in a row.",
    wayOut: "Read the log, remove the cause, then resume.",
  },
  definition_missing: {
    meaning: "A step or tool of this run does not exist in this version.",
    wayOut: "Update Podium or the workflow, then resume.",
  },
  expr_syntax: {
    meaning: "An expression cannot be read.",
    wayOut: "Correct it at the line and column that podium check names.",
  },
  expr_type: {
    meaning: "An expression met a value of another type.",
    wayOut: "Correct the expression or the value it reads.",
  },
  tool_failed: { meaning: "A tool ended with an error.", wayOut: "Read the cause in the message; run the step again." },
  step_failed: { meaning: "A step ended with an error.", wayOut: "Read the cause in the message; run the step again." },
  deadline: {
    meaning: "The work took longer than its timeout.",
    wayOut: "Raise the timeout, or make the work smaller.",
  },
  trust: { meaning: "The folder is not trusted.", wayOut: "Trust the folder in the editor, then run." },
  internal: {
    meaning: "Podium made a mistake.",
    wayOut: "Report it with the run id and the log; the run itself is kept.",
  },
};

/** What crosses a wire or lands in the log. `cause` is a code and a sentence, never a stack. */
export const ErrorShape = z.object({
  code: ErrorCode,
  message: z.string(),
  retryable: z.boolean(),
  reason: z.string().optional(),
  cause: z.string().optional(),
});
export type ErrorShape = z.infer<typeof ErrorShape>;

/** The one error class. Throw it where the cause is known; `toPodiumError` converts the rest once, at the boundary. */
export class PodiumError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly reason: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; reason?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PodiumError";
    this.code = code;
    this.retryable = options.retryable ?? (code === "unreachable" || code === "overloaded");
    this.reason = options.reason;
  }

  /** The shape that is safe to send and to store. */
  toShape(): ErrorShape {
    const { code, message, retryable, reason } = this;
    return {
      code,
      message,
      retryable,
      ...(reason === undefined ? {} : { reason }),
      ...(this.cause === undefined
        ? {}
        : { cause: this.cause instanceof Error ? this.cause.message : String(this.cause) }),
    };
  }
}

/** Converts anything thrown into a PodiumError; `code` names what an unknown failure means here. */
export function toPodiumError(error: unknown, code: ErrorCode = "internal"): PodiumError {
  if (error instanceof PodiumError) return error;
  if (error instanceof z.ZodError) {
    const issue = error.issues[0];
    const field = issue?.path.join(".") || "input";
    return new PodiumError("invalid_input", `${field}: ${issue?.message ?? "not valid"}`, { cause: error });
  }
  return new PodiumError(code, error instanceof Error ? error.message : String(error), { cause: error });
}
