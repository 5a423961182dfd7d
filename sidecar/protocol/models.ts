import * as z from "zod";

/** A fact about a model: known from metadata or evidence, or not known yet. */
export const Fact = z.enum(["yes", "no", "unknown"]);
export type Fact = z.infer<typeof Fact>;

/** Three-valued capability card of one (endpoint, model). Speeds are tokens per second, null = not measured. */
export const CapabilityCard = z.object({
  tools: Fact,
  jsonSchema: Fact,
  thinking: Fact,
  vision: Fact,
  embeddings: Fact,
  promptPerSecond: z.number().nullable(),
  tokensPerSecond: z.number().nullable(),
  loadMs: z.number().nullable(),
});
export type CapabilityCard = z.infer<typeof CapabilityCard>;

export const roles = ["main", "fast", "embed", "vision"] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

const flavours = [
  "ollama",
  "mlx_lm",
  "mlx-vlm",
  "vllm-mlx",
  "mlx-openai-server",
  "lmstudio",
  "openai-compatible",
] as const;
export const Flavour = z.enum(flavours);
export type Flavour = z.infer<typeof Flavour>;

export const ModelInfo = z.object({
  /** `endpoint/model`; endpoint = flavour, or flavour@host:port if it is not the only one on its default port. */
  ref: z.string(),
  loaded: z.boolean(),
  sizeBytes: z.int().optional(),
  /** Tokens. `trained` is what the model knows, `allocated` what the server holds now; null = unknown. */
  context: z.object({ trained: z.int().nullable(), allocated: z.int().nullable() }),
  roles: z.array(Role),
  /** True when the model runs elsewhere through a local port (Ollama cloud models). */
  remote: z.boolean().optional(),
  card: CapabilityCard,
});
export type ModelInfo = z.infer<typeof ModelInfo>;

/** `answers` = a model can answer; `reachable` = the server speaks but no model has proven to answer; `down` = neither. */
export const EndpointState = z.enum(["answers", "reachable", "down"]);
export type EndpointState = z.infer<typeof EndpointState>;

export const EndpointInfo = z.object({
  url: z.string(),
  flavour: Flavour,
  version: z.string().optional(),
  state: EndpointState,
  /** Why it is not `answers`, in one sentence. */
  detail: z.string().optional(),
  models: z.array(ModelInfo),
});
export type EndpointInfo = z.infer<typeof EndpointInfo>;

export const ModelsResult = z.object({
  endpoints: z.array(EndpointInfo),
  roles: z.record(z.string(), z.string()),
  /** Model servers whose program is on PATH but which do not run. */
  installed: z.array(z.object({ flavour: Flavour, start: z.string() })).optional(),
});
export type ModelsResult = z.infer<typeof ModelsResult>;
