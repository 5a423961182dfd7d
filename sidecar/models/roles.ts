import type { ModelSettings } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { EndpointInfo, Flavour, ModelInfo } from "../protocol/models.ts";
import { allows, deviceOf, type Platform, reachOf, thisMachine } from "./device.ts";

/** A listed model together with its server. */
export interface Candidate {
  readonly endpoint: EndpointInfo;
  readonly model: ModelInfo;
}

export interface Choice {
  readonly endpoints: readonly EndpointInfo[];
  readonly settings: ModelSettings;
  readonly memoryBytes: number;
  readonly platform: Platform;
}

/** Share of the memory that a model picked by itself may fill. */
const memoryShare = 0.7;

/**
 * The model of a role; a role with a `/` is a ref itself. Null when no server that may be used answers.
 * Throws `model_missing` when the ref that a person chose is not listed, `forbidden` when it is farther than `network` allows.
 */
export function pickModel(role: string, choice: Choice): Candidate | null {
  const up = choice.endpoints.filter(({ state }) => state !== "down");
  const wanted = choice.settings.roles[role] ?? (role.includes("/") ? role : undefined);
  if (wanted === undefined) return rankModels(role, choice)[0] ?? null;
  if (up.length === 0) return null;
  const all = candidates(up);
  const found = all.find(({ endpoint, model }) => isNamed(wanted, endpoint, model));
  if (!found) throw missing(wanted, all);
  if (!allows(choice.settings.network, candidateReach(found, choice.platform))) {
    const text = `${wanted} is farther away than the setting network "${choice.settings.network}" lets a prompt go: choose another model or change it.`;
    throw new PodiumError("forbidden", text);
  }
  return found;
}

/** Every model that Podium may take for a role by itself, best first. */
export function rankModels(role: string, choice: Choice): readonly Candidate[] {
  const { memoryBytes, platform, settings } = choice;
  const usable = candidates(choice.endpoints).filter((candidate) => {
    const { endpoint, model } = candidate;
    if (endpoint.state === "down" || model.remote || !suits(role, model)) return false;
    if (!allows(settings.network, reachOf(endpoint.url, platform))) return false;
    const here = deviceOf(endpoint.url, platform) === thisMachine;
    return !here || model.loaded || (model.sizeBytes ?? 0) <= memoryBytes * memoryShare;
  });
  return usable.sort((a, b) => compare(role, a, b));
}

/** How far a prompt to this model travels; a remote model goes to a cloud through a local port. */
export function candidateReach({ endpoint, model }: Candidate, platform: Platform): "local" | "lan" | "cloud" {
  return model.remote ? "cloud" : reachOf(endpoint.url, platform);
}

/** The id that the server listed. */
export function modelId(model: ModelInfo): string {
  return model.ref.slice(model.ref.indexOf("/") + 1);
}

function candidates(endpoints: readonly EndpointInfo[]): Candidate[] {
  return endpoints.flatMap((endpoint) => endpoint.models.map((model) => ({ endpoint, model })));
}

function isNamed(wanted: string, endpoint: EndpointInfo, model: ModelInfo): boolean {
  const slash = wanted.indexOf("/");
  const id = wanted.slice(slash + 1);
  const server = wanted.slice(0, slash);
  const isModel = modelId(model) === id || modelId(model) === `${id}:latest`;
  return isModel && (server === endpoint.flavour || server === `${endpoint.flavour}@${new URL(endpoint.url).host}`);
}

function missing(wanted: string, all: readonly Candidate[]): PodiumError {
  const there = all.slice(0, 8).map(({ model }) => model.ref);
  const list = there.length === 0 ? "the servers list no model" : `there are ${there.join(", ")}`;
  const text = `No server lists the model ${wanted}: ${list}${all.length > there.length ? ", …" : ""}. Choose one of them or install it yourself.`;
  return new PodiumError("model_missing", text);
}

const embedderName = /(^|[-_/.])(embed|embedding|embeddings|bge|e5|gte|minilm|rerank|reranker)([-_/.:]|$)|embed/i;

function suits(role: string, model: ModelInfo): boolean {
  const embedder = model.card.embeddings === "yes" || embedderName.test(modelId(model));
  if (role === "embed") return embedder;
  if (role === "vision" && model.card.vision !== "yes") return false;
  return !embedder;
}

function compare(role: string, a: Candidate, b: Candidate): number {
  const keys = (one: Candidate): readonly number[] => [
    one.endpoint.state === "answers" ? 0 : 1,
    one.model.loaded ? 0 : 1,
    flavourOrder(one.endpoint.flavour),
    (role === "fast" || role === "embed" ? 1 : -1) * (one.model.sizeBytes ?? 0),
  ];
  const right = keys(b);
  for (const [index, left] of keys(a).entries()) {
    const difference = left - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.model.ref < b.model.ref ? -1 : a.model.ref > b.model.ref ? 1 : 0;
}

function flavourOrder(flavour: Flavour): number {
  switch (flavour) {
    case "mlx_lm":
    case "mlx-vlm":
    case "vllm-mlx":
    case "mlx-openai-server":
      return 0;
    case "lmstudio":
      return 1;
    case "ollama":
      return 2;
    case "openai-compatible":
      return 3;
  }
}
