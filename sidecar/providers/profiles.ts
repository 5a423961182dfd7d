import type { Flavour } from "../protocol/models.ts";

/** What differs between servers that speak the OpenAI protocol: data, read by one wire. */
export interface Profile {
  readonly defaultPort: number | null;
  /** Sends `response_format`; servers that ignore or break it are left out. */
  readonly jsonSchema: boolean;
  /** Switches thinking by `chat_template_kwargs`. */
  readonly templateArguments: boolean;
  /** One listed model is called `default_model`: another spelling of its path would load it again. */
  readonly defaultModel: boolean;
  /** Takes `ttl` in seconds to hold a model. */
  readonly ttl: boolean;
}

const plain: Profile = {
  defaultPort: null,
  jsonSchema: true,
  templateArguments: false,
  defaultModel: false,
  ttl: false,
};

export const profiles: { readonly [F in Exclude<Flavour, "ollama">]: Profile } = {
  mlx_lm: { defaultPort: 8080, jsonSchema: false, templateArguments: true, defaultModel: true, ttl: false },
  "mlx-vlm": { ...plain, defaultPort: 8080, jsonSchema: false },
  "vllm-mlx": { ...plain, defaultPort: 8000, templateArguments: true },
  "mlx-openai-server": { ...plain, defaultPort: 8000, templateArguments: true },
  lmstudio: { ...plain, defaultPort: 1234, ttl: true },
  "openai-compatible": plain,
};

/** The name in a ref: the flavour alone on its default port of this machine, else `flavour@host:port`. */
export function endpointName(flavour: Flavour, url: string): string {
  const { hostname, host, port } = new URL(url);
  const defaultPort = flavour === "ollama" ? 11434 : profiles[flavour].defaultPort;
  const here = hostname === "127.0.0.1" || hostname === "localhost" || hostname === "[::1]";
  return here && port === String(defaultPort) ? flavour : `${flavour}@${host}`;
}

/** Seconds of `90s`, `5m`, `0`, `1h`; a plain number is seconds. */
export function durationSeconds(text: string): number {
  const match = /^(\d+)(ms|s|m|h)?$/.exec(text);
  if (!match) return 300;
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600 }[match[2] ?? "s"] ?? 1;
  return Math.round(Number(match[1]) * unit);
}
