import type { Digest } from "../ports.ts";
import type { Ir } from "../protocol/ir.ts";
import type { WorkflowInfo } from "../protocol/results.ts";
import { canonicalJson, toJson } from "../state/codec.ts";
import { checkWorkflow, type KnownNames } from "./check.ts";
import { parseWorkflow } from "./yaml.ts";

/** A workflow file that somebody read; `file` is absolute, or a bare name for a built-in one. */
export interface WorkflowFile {
  readonly source: WorkflowInfo["source"];
  readonly file: string;
  readonly text: string;
}

/** `ir` and `irHash` are null while the file has problems. */
interface Workflow extends WorkflowInfo {
  readonly ir: Ir | null;
  readonly irHash: string | null;
}

/** The workflows that can be named: one of the workspace hides one of mine, which hides a built-in one. */
export interface Registry {
  /** Sorted by name. */
  list(): readonly WorkflowInfo[];
  find(name: string): Workflow | null;
}

const precedence: readonly WorkflowInfo["source"][] = ["builtin", "mine", "workspace"];

/** The version of a graph: the same for the same graph, whatever the order of keys. */
export function hashIr(ir: Ir, digest: Digest): string {
  return digest(canonicalJson(toJson(ir)));
}

function infoOf(file: WorkflowFile, known: KnownNames, digest: Digest): Workflow {
  const { ir, problems } = checkWorkflow(file.text, file.file, known);
  const written = ir ?? parseWorkflow(file.text, file.file).ir;
  const irHash = ir && hashIr(ir, digest);
  return {
    name: written?.name ?? file.file.replace(/^.*[\\/]/, "").replace(/\.ya?ml$/, ""),
    ...(written?.about === undefined ? {} : { about: written.about }),
    source: file.source,
    file: file.file,
    hash: irHash ?? digest(file.text),
    inputs: written?.input ?? {},
    problems: [...problems],
    ir,
    irHash,
  };
}

/** Reads and checks the files (which the caller read); a file with problems is listed with them. */
export function createRegistry(files: readonly WorkflowFile[], known: KnownNames, digest: Digest): Registry {
  const byName = new Map<string, Workflow>();
  for (const source of precedence) {
    for (const file of files.filter((each) => each.source === source)) {
      const workflow = infoOf(file, known, digest);
      byName.set(workflow.name, workflow);
    }
  }
  const sorted = [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return {
    list: () => sorted.map(({ ir: _ir, irHash: _irHash, ...info }) => info),
    find: (name) => byName.get(name) ?? null,
  };
}
