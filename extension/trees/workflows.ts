import type { WorkflowInfo } from "../../sidecar/protocol/results.ts";
import type { Model } from "../state.ts";
import { cut, type Row, type View } from "./row.ts";

const groups = [
  { source: "workspace", label: "This workspace" },
  { source: "mine", label: "Mine" },
  { source: "builtin", label: "Built in" },
] as const;

function workflowRow(info: WorkflowInfo): Row {
  const [problem] = info.problems;
  const sound = problem === undefined;
  return {
    id: `${info.source}/${info.name}`,
    label: cut(info.name),
    description: problem === undefined ? "" : `line ${problem.line}`,
    tooltip: problem?.message ?? info.about ?? info.name,
    icon: sound ? "play-circle" : "warning",
    context: `workflow.${sound ? "ok" : "broken"}${info.file === undefined ? "" : ".file"}`,
    workflow: info.name,
    ...(info.file === undefined ? {} : { file: info.file }),
    ...(sound ? { click: { command: "podium.run", argument: info.name } } : {}),
  };
}

/** Workflows by where they come from. */
export function workflowsView(model: Model): View {
  const rows = groups.flatMap(({ source, label }): readonly Row[] => {
    const found = model.workflows.filter((info) => info.source === source);
    return found.length === 0 ? [] : [{ id: source, label, unfolded: true, children: found.map(workflowRow) }];
  });
  return { rows };
}
