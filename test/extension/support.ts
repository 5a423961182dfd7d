import { firstModel, type Model } from "../../extension/state.ts";
import type { ModelInfo, ModelsResult } from "../../sidecar/protocol/models.ts";
import type { RunRow } from "../../sidecar/protocol/results.ts";
import type { Finding, HeldFinding } from "../../sidecar/protocol/review.ts";

export const at = 1_700_000_000_000;

const modelInfo = (changes: Partial<ModelInfo> = {}): ModelInfo => ({
  ref: "ollama/qwen3-coder:30b",
  loaded: true,
  sizeBytes: 18_000_000_000,
  context: { trained: 262_144, allocated: 32_768 },
  roles: ["main"],
  card: {
    tools: "unknown",
    jsonSchema: "unknown",
    thinking: "no",
    vision: "no",
    embeddings: "no",
    promptPerSecond: null,
    tokensPerSecond: null,
    loadMs: null,
  },
  ...changes,
});

export const ready = (changes: Partial<ModelInfo> = {}): ModelsResult => ({
  endpoints: [
    {
      url: "http://127.0.0.1:11434",
      flavour: "ollama",
      version: "0.33",
      state: "answers",
      models: [modelInfo(changes)],
    },
  ],
  roles: { main: "ollama/qwen3-coder:30b" },
});

export const run = (changes: Partial<RunRow> = {}): RunRow => ({
  run: "run_1",
  workflow: "ask_workspace",
  status: "running",
  createdAt: at,
  endedAt: null,
  attempts: 1,
  title: "How does a run resume?",
  root: "/w",
  ...changes,
});

export const model = (changes: Partial<Model> = {}): Model => ({
  ...firstModel(true, at),
  link: "attached",
  models: ready(),
  ...changes,
});

export const finding = (changes: Partial<Finding> = {}): Finding => ({
  id: "0123456789abcdef",
  path: "src/cache.ts",
  line: 41,
  endLine: 41,
  quote: "return entry.value;",
  rule: "model/correctness",
  category: "correctness",
  severity: "high",
  title: "Expired entry is returned once more",
  claim: "The age is compared after the value was returned.",
  trigger: "get(k) after the deadline → old value",
  verified: true,
  ...changes,
});

export const held = (changes: Partial<HeldFinding> = {}): HeldFinding => ({
  ...finding({ id: "fedcba9876543210" }),
  reason: "not_real",
  by: "verifier",
  ...changes,
});
