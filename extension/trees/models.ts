import type { EndpointInfo, ModelInfo } from "../../sidecar/protocol/models.ts";
import type { Model } from "../state.ts";
import { cut, type Row, type View } from "./row.ts";

const giga = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;
const kilo = (tokens: number): string => (tokens >= 1024 ? `${Math.round(tokens / 1024)}k` : String(tokens));

function facts(entry: ModelInfo): string {
  const { allocated, trained } = entry.context;
  const window =
    allocated !== null && trained !== null
      ? `${kilo(allocated)} of ${kilo(trained)}`
      : trained === null
        ? ""
        : kilo(trained);
  return [entry.sizeBytes === undefined ? "" : giga(entry.sizeBytes), window].filter(Boolean).join(" · ");
}

function modelRow(entry: ModelInfo): Row {
  const icon = entry.remote ? "cloud" : entry.loaded ? "circle-filled" : "circle-outline";
  const place = entry.remote ? "runs elsewhere: prompts leave this machine" : entry.loaded ? "loaded" : "installed";
  return {
    id: entry.ref,
    label: cut(entry.ref.slice(entry.ref.indexOf("/") + 1)),
    description: facts(entry),
    tooltip: `${entry.ref}\n${place}${entry.roles.length > 0 ? `\nroles: ${entry.roles.join(", ")}` : ""}`,
    icon,
    context: entry.loaded ? "model.loaded" : "model",
  };
}

const stateWords = { answers: "answers", reachable: "not answering", down: "down" } as const;
const stateIcons = { answers: "server", reachable: "warning", down: "debug-disconnect" } as const;

function serverRow(endpoint: EndpointInfo): Row {
  return {
    id: endpoint.url,
    label: cut(`${endpoint.flavour} ${endpoint.version ?? ""}`.trim()),
    description: stateWords[endpoint.state],
    tooltip: `${endpoint.url}\n${endpoint.detail ?? stateWords[endpoint.state]}`,
    icon: stateIcons[endpoint.state],
    context: `server.${endpoint.state}`,
    unfolded: endpoint.state !== "down",
    children: endpoint.models.map(modelRow),
  };
}

/** Roles, then each server with its models, then programs that are installed but do not run. */
export function modelsView(model: Model): View {
  const { models } = model;
  if (models === null) return { rows: [] };
  const up = models.endpoints.filter((endpoint) => endpoint.state !== "down" || endpoint.models.length > 0);
  const roles = Object.entries(models.roles).map(
    ([role, ref]): Row => ({
      id: `role/${role}`,
      label: role,
      description: cut(ref.slice(ref.indexOf("/") + 1), 40),
      tooltip: ref,
      icon: "tag",
      context: "role",
    }),
  );
  const installed = (models.installed ?? []).map(
    ({ flavour, start }): Row => ({
      id: `installed/${flavour}`,
      label: flavour,
      description: "installed, not running",
      tooltip: `Start it with: ${start}`,
      icon: "debug-disconnect",
      context: "server.installed",
    }),
  );
  const group: readonly Row[] =
    roles.length === 0 ? [] : [{ id: "roles", label: "Roles", unfolded: true, children: roles }];
  return { rows: [...group, ...up.map(serverRow), ...installed] };
}
