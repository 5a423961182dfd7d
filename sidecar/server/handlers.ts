import { runExport, runShow } from "../engine/result.ts";
import type { Runs } from "../engine/runs.ts";
import type { Digest, RunStore } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { RunSettings } from "../protocol/events.ts";
import type { Ir, Problem } from "../protocol/ir.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { Result } from "../protocol/methods.ts";
import type { ModelsResult } from "../protocol/models.ts";
import type { CheckResult, DoctorResult, RunRow, WorkflowInfo } from "../protocol/results.ts";
import { limits } from "../protocol/wire.ts";
import { type Caller, type Handlers, sees } from "./caller.ts";
import { assertDepth } from "./depth.ts";

/** A workflow ready to run. */
interface ReadyWorkflow {
  readonly name: string;
  readonly ir: Ir;
  readonly irHash: string;
  readonly problems: readonly Problem[];
}

/** Settings one command asks for, over those of its person. */
export type PartialRunSettings = { readonly [K in keyof RunSettings]?: RunSettings[K] | undefined };

/** What the doors need from below; each member is one adapter or the engine, given by the composition root. */
export interface HubParts {
  readonly runs: Runs;
  readonly store: RunStore;
  readonly now: () => number;
  readonly digest: Digest;
  readonly models: { list(refresh: boolean, servers?: readonly string[]): Promise<ModelsResult> };
  readonly workflows: {
    list(roots: readonly string[]): Promise<readonly WorkflowInfo[]>;
    /** Throws unknown_workflow or invalid_workflow. */
    find(name: string, root: string): Promise<ReadyWorkflow>;
    check(files: readonly string[] | null, roots: readonly string[]): Promise<CheckResult>;
    /** Checks and completes the input by the workflow's types. */
    input(ir: Ir, input: JsonObject): JsonObject;
  };
  readonly scopes: (root: string) => Promise<Result<"review.scopes">["scopes"]>;
  readonly settingsFor: (caller: Caller, asked: PartialRunSettings) => RunSettings;
  readonly runEnv: () => Readonly<Record<string, string>>;
  readonly doctor: (rebuild: boolean) => Promise<DoctorResult>;
  readonly status: () => Promise<Result<"hub.status">>;
  readonly stop: (now: boolean) => void;
}

const oneOf = (roots: readonly string[] | null, asked: string | undefined): string => {
  const root = asked ?? roots?.[0];
  if (root === undefined) throw new PodiumError("usage", "No folder: open one, or name it with --workspace.");
  if (roots !== null && !roots.includes(root))
    throw new PodiumError("outside_workspace", `${root} is not a folder of this window.`);
  return root;
};

async function visible(parts: HubParts, caller: Caller, run: string): Promise<RunRow> {
  const row = await parts.store.row(run);
  if (!row || !sees(caller, row.root ?? ""))
    throw new PodiumError("unknown_run", `There is no run ${run}. List them with: podium runs ls`);
  return row;
}

/** The folders of which something may be read: none before they are trusted. */
const readable = (caller: Caller): readonly string[] => (caller.trusted ? (caller.roots ?? []) : []);

function assertTrusted(caller: Caller): void {
  if (!caller.trusted) throw new PodiumError("trust", "This folder is not trusted: trust it first, then run.");
}

/** The handler of every method: no logic of its own, one call into the engine or an adapter each. */
export function createHandlers(parts: HubParts): Handlers {
  const { runs, store } = parts;
  return {
    ping: async () => ({ at: parts.now() }),
    "run.start": async ({ workflow, input, root, idem, settings }, caller) => {
      const where = oneOf(caller.roots, root);
      assertTrusted(caller);
      const { ir, irHash, name } = await parts.workflows.find(workflow, where);
      const run = await runs.start({
        workflow: name,
        ir,
        irHash,
        input: parts.workflows.input(ir, input),
        root: where,
        trusted: caller.trusted,
        env: parts.runEnv(),
        settings: parts.settingsFor(caller, settings ?? {}),
        idem: idem === undefined ? null : `${caller.door}:${idem}`,
      });
      return { run };
    },
    "run.list": async ({ limit, before, all }, caller) => {
      const roots = all && caller.scopes.has("admin") ? null : caller.roots;
      const wanted = limit ?? 50;
      const rows = await store.list({ roots, limit: wanted + 1, ...(before === undefined ? {} : { before }) });
      const page = rows.slice(0, wanted);
      const last = page.at(-1);
      return { runs: [...page], ...(rows.length > wanted && last ? { next: last.run } : {}) };
    },
    "run.get": async ({ run }, caller) => {
      await visible(parts, caller, run);
      return runShow(await runs.view(run), (hash) => store.getBlob(hash), parts.digest);
    },
    "run.events": async ({ run, after, limit }, caller) => {
      const row = await visible(parts, caller, run);
      const events = await store.read(run, after, limit ?? 500);
      return { events: [...events], head: await store.head(run), ended: row.endedAt !== null };
    },
    "run.blob": async ({ run, hash }, caller) => {
      await visible(parts, caller, run);
      const json = await store.getBlob(hash);
      if (json === null)
        throw new PodiumError("not_found", "This text was removed by the size limit; its figures are kept.");
      return { value: JSON.parse(json) };
    },
    "run.cancel": async ({ run }, caller) => {
      await visible(parts, caller, run);
      await runs.cancel(run, caller.client);
      return {};
    },
    "run.resume": async ({ run }, caller) => {
      await visible(parts, caller, run);
      // A person who resumes has perhaps just started the server.
      await parts.models.list(true);
      await runs.resume(run, caller.client);
      return { status: (await runs.view(run)).status };
    },
    "run.answer": async ({ run, ask, value }, caller) => {
      await visible(parts, caller, run);
      return {
        ask: await runs.answer(run, ask, value, {
          by: caller.client,
          door: caller.door,
          human: caller.scopes.has("human"),
        }),
      };
    },
    "run.export": async ({ run }, caller) => {
      await visible(parts, caller, run);
      return { jsonl: await runExport(store, run, parts.digest) };
    },
    "run.import": async ({ jsonl }) => {
      // The door measured one text; what is in its lines is measured here.
      for (const line of jsonl.split("\n")) assertDepth(line, 2 * limits.depth);
      return { run: await runs.importRun(jsonl) };
    },
    "workflow.list": async (_params, caller) => ({ workflows: [...(await parts.workflows.list(readable(caller)))] }),
    "workflow.check": async ({ files }, caller) => {
      assertTrusted(caller);
      return parts.workflows.check(files ?? null, caller.roots ?? []);
    },
    "model.list": async ({ refresh, servers }) => parts.models.list(refresh ?? false, servers),
    "review.scopes": async ({ root }, caller) => {
      assertTrusted(caller);
      return { scopes: await parts.scopes(oneOf(caller.roots, root)) };
    },
    "doctor.run": async ({ rebuild }) => parts.doctor(rebuild ?? false),
    "hub.status": async () => parts.status(),
    "hub.stop": async ({ now }) => {
      parts.stop(now ?? false);
      return {};
    },
  };
}
