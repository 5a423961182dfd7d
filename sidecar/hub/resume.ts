import type { Runs } from "../engine/runs.ts";
import type { RunStore } from "../ports.ts";
import type { Attention } from "../protocol/hub.ts";
import type { ModelsResult } from "../protocol/models.ts";

interface ResumeParts {
  readonly store: Pick<RunStore, "open" | "row">;
  readonly runs: Pick<Runs, "resume">;
  readonly onModels: (listener: (models: ModelsResult) => void) => () => void;
  readonly onAttention: (listener: (attention: Attention | null) => void) => () => void;
}

/** Lets the runs that wait for a model server go on when one begins to answer; listens only while a run is open. */
export function resumeWhenServed({ store, runs, onModels, onAttention }: ResumeParts): void {
  let answering = new Set<string>();
  let stop: (() => void) | null = null;
  const resumeAll = async (): Promise<void> => {
    for (const run of await store.open()) {
      const row = await store.row(run);
      if (row?.status === "parked" && row.reason === "provider") await runs.resume(run, "discovery");
    }
  };
  const look = ({ endpoints }: ModelsResult): void => {
    const before = answering;
    answering = new Set(endpoints.filter(({ state }) => state === "answers").map(({ url }) => url));
    // A run that cannot be resumed now is tried again with the next server, or by a person.
    if ([...answering].some((url) => !before.has(url))) resumeAll().catch(() => undefined);
  };
  onAttention((attention) => {
    if (attention !== null) stop ??= onModels(look);
    else {
      stop?.();
      stop = null;
      answering = new Set();
    }
  });
}
