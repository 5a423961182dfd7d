import * as z from "zod";
import { roles } from "./models.ts";

/** A duration as people write it: `5m`, `90s`, `0`. */
const Duration = z.string().regex(/^(0|\d+(ms|s|m|h))$/, "write a duration such as 90s or 5m");

const strictestNetwork = z.enum(["local", "lan", "cloud"]);

/** Every setting a user has: key → schema with its default. The editor's manifest and `podium config` are generated from it. */
export const settings = {
  servers: z
    .array(z.string())
    .default([])
    .describe("Base URLs of model servers, used besides the ones found on this machine."),
  detectServers: z.boolean().default(true).describe("Look for model servers on this machine's usual ports."),
  "gpu.parallel": z
    .record(z.string(), z.int().min(1).max(16))
    .default({})
    .describe("Generations at once per server kind, for kinds that are not MLX."),
  "gpu.maxContext": z
    .int()
    .min(2048)
    .default(32768)
    .describe("The largest context window, in tokens, that Podium asks a server for."),
  "gpu.keepLoaded": Duration.default("5m").describe("How long a model stays in memory after its last use."),
  network: strictestNetwork
    .default("local")
    .describe("How far a prompt may travel: this machine, your network, or a cloud."),
  roles: z
    .partialRecord(z.enum(roles), z.string())
    .default({})
    .describe("Which model does what, as endpoint/model. Only listed models; nothing is ever downloaded."),
  budget: z
    .object({ tokens: z.int().positive(), minutes: z.number().positive() })
    .default({ tokens: 200_000, minutes: 20 })
    .describe("Per run; at the limit the run pauses and asks."),
  "review.depth": z.enum(["quick", "normal"]).default("normal").describe("quick: one pass. normal: find and verify."),
  "index.enabled": z
    .boolean()
    .default(true)
    .describe("Search index of this workspace; off really stops and deletes it."),
} as const;

export type SettingKey = keyof typeof settings;
export type Settings = { readonly [K in SettingKey]: z.output<(typeof settings)[K]> };

/** The VS Code scope of each setting; machine and application values of a workspace are ignored. */
export const settingScopes: { readonly [K in SettingKey]: "machine" | "application" | "window" | "resource" } = {
  servers: "machine",
  detectServers: "machine",
  "gpu.parallel": "machine",
  "gpu.maxContext": "machine",
  "gpu.keepLoaded": "machine",
  network: "application",
  roles: "window",
  budget: "window",
  "review.depth": "resource",
  "index.enabled": "resource",
};

export interface SettingsFile {
  readonly values: Settings;
  /** Keys a person set. */
  readonly set: ReadonlySet<SettingKey>;
  /** What was ignored and why, one sentence each. */
  readonly warnings: readonly string[];
}

/** Every setting with its value: a missing or invalid one has its documented default and, if invalid, one warning. */
export function resolveSettings(raw: Readonly<Record<string, unknown>>): SettingsFile {
  const set = new Set<SettingKey>();
  const warnings: string[] = [];
  const pick = <K extends SettingKey>(key: K): Settings[K] => {
    const parsed = settings[key].safeParse(raw[key]);
    if (raw[key] !== undefined && parsed.success) set.add(key);
    if (!parsed.success)
      warnings.push(`${key}: ${parsed.error.issues[0]?.message ?? "not valid"}; the default is used.`);
    return (parsed.success ? parsed.data : settings[key].parse(undefined)) as Settings[K];
  };
  const values: Settings = {
    servers: pick("servers"),
    detectServers: pick("detectServers"),
    "gpu.parallel": pick("gpu.parallel"),
    "gpu.maxContext": pick("gpu.maxContext"),
    "gpu.keepLoaded": pick("gpu.keepLoaded"),
    network: pick("network"),
    roles: pick("roles"),
    budget: pick("budget"),
    "review.depth": pick("review.depth"),
    "index.enabled": pick("index.enabled"),
  };
  return { values, set, warnings };
}
