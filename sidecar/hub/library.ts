import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { type Agent, parseAgent } from "../agents/agent.ts";
import { checkValue } from "../graph/types.ts";
import type { Digest } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { JsonObject } from "../protocol/json.ts";
import type { CheckResult, WorkflowInfo } from "../protocol/results.ts";
import type { HubParts } from "../server/handlers.ts";
import { checkWorkflow, type KnownNames } from "../workflows/check.ts";
import { createRegistry, type Registry, type WorkflowFile } from "../workflows/registry.ts";

/** Files of one folder with an extension; none when the folder is not there. */
function filesIn(folder: string, extension: string): { readonly file: string; readonly text: string }[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), "utf8") }));
}

/** The agents that come with Podium; a broken one is a defect of the build, so it is thrown. */
export function loadAgents(folder: string): ReadonlyMap<string, Agent> {
  return new Map(
    filesIn(folder, ".md").map(({ file, text }) => {
      const { agent, problems } = parseAgent(text, file);
      if (!agent) throw new PodiumError("internal", `${file}: ${problems[0]?.message ?? "not an agent"}`);
      return [agent.name, agent];
    }),
  );
}

/** Workflows of Podium, of the person and of a trusted workspace, read anew at each use so that an edit counts at once. */
export function createLibrary(options: {
  /** Folder of the workflows that come with Podium. */
  readonly builtin: string;
  readonly home: string;
  readonly known: KnownNames;
  readonly digest: Digest;
}): HubParts["workflows"] {
  const registryOf = (roots: readonly string[]): Registry => {
    const files: WorkflowFile[] = [
      ...filesIn(options.builtin, ".yaml").map((entry) => ({ source: "builtin" as const, ...entry })),
      ...filesIn(join(options.home, "workflows"), ".yaml").map((entry) => ({ source: "mine" as const, ...entry })),
      ...roots.flatMap((root) =>
        filesIn(join(root, ".podium", "workflows"), ".yaml").map((entry) => ({
          source: "workspace" as const,
          ...entry,
        })),
      ),
    ];
    return createRegistry(files, options.known, options.digest);
  };
  /** A file that is named by its path: one of the workspace, or one of mine. */
  const readOne = (file: string, root: string): ReturnType<Registry["find"]> => {
    const text = readChosen(file);
    const source = isBelow(options.home, file) ? ("mine" as const) : ("workspace" as const);
    if (source === "workspace" && !isBelow(root, file)) {
      const sentence = `${file} is outside the workspace folder; name its folder with --workspace, or copy it to ${join(options.home, "workflows")}.`;
      throw new PodiumError("outside_workspace", sentence);
    }
    const registry = createRegistry([{ source, file, text }], options.known, options.digest);
    return registry.find(registry.list()[0]?.name ?? "");
  };
  return {
    list: async (roots): Promise<readonly WorkflowInfo[]> => registryOf(roots).list(),
    find: async (name, root) => {
      const found = isAbsolute(name) ? readOne(name, root) : registryOf([root]).find(name);
      if (!found) {
        const names = registryOf([root])
          .list()
          .map((workflow) => workflow.name);
        throw new PodiumError("unknown_workflow", `There is no workflow ${name}. There are: ${names.join(", ")}.`);
      }
      const [problem] = found.problems;
      if (!found.ir || !found.irHash) {
        const where =
          found.file === undefined
            ? name
            : `${relative(root, found.file)}:${problem?.line ?? 1}:${problem?.column ?? 1}`;
        throw new PodiumError(
          "invalid_workflow",
          `${where} ${(problem?.message ?? "is not a workflow").replace(/\.$/, "")}; podium check names every problem.`,
        );
      }
      return { name: found.name, ir: found.ir, irHash: found.irHash, problems: found.problems };
    },
    check: async (files, roots): Promise<CheckResult> => {
      const root = roots[0] ?? "";
      const chosen =
        files ??
        roots.flatMap((folder) => filesIn(join(folder, ".podium", "workflows"), ".yaml").map(({ file }) => file));
      const checked = chosen.map((file) => ({
        path: relative(root, file).replaceAll("\\", "/"),
        problems: [...checkWorkflow(readChosen(file), file, options.known).problems],
      }));
      return { files: checked, ok: checked.every(({ problems }) => problems.length === 0) };
    },
    input: (ir, input) => {
      const unknown = Object.keys(input).find((key) => !(key in ir.input));
      if (unknown !== undefined)
        throw new PodiumError(
          "invalid_input",
          `input.${unknown}: ${ir.name} takes ${Object.keys(ir.input).join(", ") || "no input"}.`,
        );
      return JsonObject.parse(checkValue({ kind: "object", fields: ir.input }, input, "input"));
    },
  };
}

function isBelow(folder: string, file: string): boolean {
  const path = relative(realpathSync(folder), realpathSync(file));
  return path !== "" && path.split(sep)[0] !== ".." && !isAbsolute(path);
}

function readChosen(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PodiumError("file_missing", `${file} cannot be read; correct the path.`, { cause });
  }
}
