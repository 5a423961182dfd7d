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
