import type { Json } from "../sidecar/protocol/json.ts";
import type { Wait } from "../sidecar/protocol/results.ts";

interface Choice {
  readonly label: string;
  readonly value: Json;
}

/** The answers that one thing a run waits for takes, the one that goes on first. */
export function choicesOf(wait: Wait): readonly Choice[] {
  if (wait.reason === "unsafe_unknown")
    return [
      { label: "$(debug-restart) Run It Again", value: "retry" },
      { label: "$(check) Take It as Done", value: "done" },
      { label: "$(debug-step-over) Skip the Step", value: "skip" },
    ];
  const isGrant = wait.kind === "grant";
  return [
    { label: isGrant ? "$(check) Allow" : "$(check) Yes", value: { approved: true } },
    { label: isGrant ? "$(close) Don't Allow" : "$(close) No", value: { approved: false } },
  ];
}
