import type { Known } from "../graph/validate.ts";
import type { Digest } from "../ports.ts";
import type { Ir } from "../protocol/ir.ts";
import type { WorkflowInfo } from "../protocol/results.ts";
import { canonicalJson, toJson } from "../state/codec.ts";
import { checkWorkflow } from "./check.ts";
import { parseWorkflow } from "./yaml.ts";

/** A workflow file that somebody read; `file` is absolute, or a bare name for a built-in one. */
export interface WorkflowFile {
  readonly source: WorkflowInfo["source"];
  readonly file: string;
  readonly text: string;
}

/** `ir` is null while the file has problems. `hash` is the graph's version, or the text's while there is no graph. */
export interface Workflow {
  readonly info: WorkflowInfo;
  readonly ir: Ir | null;
}

const precedence: readonly WorkflowInfo["source"][] = ["builtin", "mine", "workspace"];

/** The version of a graph: the same for the same graph, whatever the order of keys. */
export function hashIr(ir: Ir, digest: Digest): string {
  return digest(canonicalJson(toJson(ir)));
}

function load(file: WorkflowFile, known: Known, digest: Digest): Workflow {
  const { ir, problems } = checkWorkflow(file.text, known);
  const written = ir ?? parseWorkflow(file.text).ir;
  const stem = file.file.replace(/^.*[\\/]/, "").replace(/\.ya?ml$/, "");
  const info: WorkflowInfo = {
    name: written?.name ?? stem,
    ...(written?.about === undefined ? {} : { about: written.about }),
    source: file.source,
    file: file.file,
    hash: ir ? hashIr(ir, digest) : digest(file.text),
    inputs: written?.input ?? {},
    problems: [...problems],
  };
  return { info, ir };
}

/** The workflows by name, sorted: one of the workspace hides one of mine, which hides a built-in one. */
export function loadWorkflows(
  files: readonly WorkflowFile[],
  known: Known,
  digest: Digest,
): ReadonlyMap<string, Workflow> {
  const byName = new Map<string, Workflow>();
  for (const source of precedence) {
    for (const file of files.filter((each) => each.source === source)) {
      const workflow = load(file, known, digest);
      byName.set(workflow.info.name, workflow);
    }
  }
  return new Map([...byName].sort(([left], [right]) => (left < right ? -1 : 1)));
}
