import type { Clock, Endpoint } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Flavour } from "../protocol/models.ts";
import type { Deadlines } from "./clocks.ts";
import { soonOf } from "./endpoint-state.ts";
import { parseJson } from "./lines.ts";
import { createOllamaEndpoint } from "./ollama.ts";
import { createOpenAiEndpoint } from "./openai-endpoint.ts";
import { readText, type Transport } from "./transport.ts";

export interface DiscoverOptions {
  /** Addresses that are used instead of detection; null = none were given. */
  readonly servers: readonly string[] | null;
  /** Addresses that are used besides detection. */
  readonly extra: readonly string[];
  /** Looks at this machine's usual ports. */
  readonly detect: boolean;
  /** OLLAMA_HOST of the hub's environment: one more address to look at while detecting. */
  readonly ollamaHost?: string | null;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly deadlines?: Partial<Deadlines>;
  readonly modelCache?: string;
  /** Ports to look at; the usual ones if absent. */
  readonly ports?: readonly number[];
  readonly signal?: AbortSignal;
}

const usualPorts = [11434, 1234, 8080, 8000, 10240];

/**
 * The base URL of what a person wrote, `host:port` and OLLAMA_HOST forms too: scheme added, 0.0.0.0 and :: become
 * loopback, path `/v1` and trailing slash dropped. Throws `invalid_input`.
 */
export function serverUrl(text: string, defaultPort = ""): string {
  const written = text.trim();
  const withHost = written.startsWith(":") ? `127.0.0.1${written}` : written;
  const url = URL.parse(/^[a-z]+:\/\//i.test(withHost) ? withHost : `http://${withHost}`);
  if (!url || url.hostname === "") {
    throw new PodiumError("invalid_input", `"${text}" is not the address of a server; write it as http://host:port.`);
  }
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1";
  if (url.port === "" && url.protocol === "http:") url.port = defaultPort;
  return `${url.origin}${url.pathname.replace(/\/(v1\/?)?$/, "")}`;
}

const addressOf = (text: string, defaultPort = ""): string | null => {
  try {
    return serverUrl(text, defaultPort);
  } catch {
    return null;
  }
};

/** Stands for an address nobody can reach, so that a typing error is shown and does not hide the other servers. */
function unusable(text: string): Endpoint {
  const detail = `"${text}" is not the address of a server; write it as http://host:port.`;
  const flavour = "openai-compatible";
  return {
    url: text,
    flavour,
    name: `${flavour}@${text}`,
    look: () => Promise.resolve({ url: text, flavour, state: "down", detail, models: [] }),
    model() {
      throw new PodiumError("unreachable", detail, { retryable: false });
    },
    allocated: () => Promise.resolve(null),
    unload: () => Promise.resolve(),
  };
}

interface Glance {
  readonly status: number;
  readonly server: string;
  readonly text: string;
  readonly fields: readonly string[];
}

/** One GET; null = no answer in time. */
async function glance(options: DiscoverOptions, url: string, signal: AbortSignal): Promise<Glance | null> {
  try {
    const answer = await options.transport.send({ url, method: "GET", signal });
    const text = await readText(answer.body, 1024 * 1024);
    const value = parseJson(text)?.value;
    const fields = typeof value === "object" && value !== null ? Object.keys(value) : [];
    return { status: answer.status, server: answer.headers["server"] ?? "", text, fields };
  } catch {
    return null;
  }
}

const ok = (seen: Glance | null, field: string) => seen?.status === 200 && seen.fields.includes(field);

/** The flavour that the five answers show, in the order of certainty; null = no model server. */
function fingerprint(
  version: Glance | null,
  studio: Glance | null,
  studioOld: Glance | null,
  health: Glance | null,
  models: Glance | null,
): Flavour | null {
  if (ok(version, "version")) return "ollama";
  if (ok(studio, "models") || ok(studioOld, "data")) return "lmstudio";
  const server = health?.server ?? models?.server ?? "";
  const has = (field: string) => health?.fields.includes(field) === true;
  if (server.startsWith("mlx_vlm") || (has("loaded_model") && has("continuous_batching_enabled"))) return "mlx-vlm";
  if (has("engine_type") || (has("model_loaded") && has("model_name"))) return "vllm-mlx";
  if (has("model_status")) return "mlx-openai-server";
  if (server.startsWith("BaseHTTP") && has("status")) return "mlx_lm";
  if (ok(models, "data") || (models?.status === 200 && models.text === "")) return "openai-compatible";
  // Found, but it needs a key.
  const locked = [version, models].some((seen) => seen?.status === 401 || seen?.status === 403);
  return locked ? "openai-compatible" : null;
}

async function identify(options: DiscoverOptions, url: string): Promise<Flavour | null> {
  const signal = soonOf(options.signal ?? new AbortController().signal);
  const [version, studio, studioOld, health, models] = await Promise.all(
    ["/api/version", "/api/v1/models", "/api/v0/models", "/health", "/v1/models"].map((path) =>
      glance(options, `${url}${path}`, signal),
    ),
  );
  return fingerprint(version ?? null, studio ?? null, studioOld ?? null, health ?? null, models ?? null);
}

/** What a port usually holds, for a given address that does not answer now. */
const expected: { readonly [port: string]: Flavour } = {
  "11434": "ollama",
  "1234": "lmstudio",
  "8080": "mlx_lm",
  "8000": "mlx-openai-server",
};

/**
 * The model servers that are there, each a port's worth of GETs of at most 1.5 s, all at once.
 * Never throws. A given address is kept when it does not answer (its `look` says `down`), a usual port only if a model server is on it.
 */
export async function discover(options: DiscoverOptions): Promise<readonly Endpoint[]> {
  const written = [...(options.servers ?? []), ...options.extra];
  const given = written.flatMap((text) => addressOf(text) ?? []);
  const wrong = [...new Set(written)].filter((text) => addressOf(text) === null);
  const detecting = options.servers === null && options.detect;
  const usual = detecting
    ? [
        ...(options.ollamaHost ? [addressOf(options.ollamaHost, "11434") ?? []].flat() : []),
        ...(options.ports ?? usualPorts).map((port) => `http://127.0.0.1:${port}`),
      ]
    : [];
  const canonical = (url: string) => url.replace("//localhost:", "//127.0.0.1:").replace("//[::1]:", "//127.0.0.1:");
  const urls = [...new Map([...given, ...usual].map((url) => [canonical(url), url])).values()];
  const found = await Promise.all(
    urls.map(async (url): Promise<Endpoint | null> => {
      const flavour = await identify(options, url);
      const kept = flavour ?? (given.includes(url) ? (expected[new URL(url).port] ?? "openai-compatible") : null);
      if (kept === null) return null;
      const { transport, clock, deadlines, modelCache } = options;
      // A server elsewhere has another disk than this one.
      const here = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):/.test(url);
      const common = {
        url,
        transport,
        clock,
        ...(deadlines ? { deadlines } : {}),
        ...(here && modelCache !== undefined ? { modelCache } : {}),
      };
      return kept === "ollama" ? createOllamaEndpoint(common) : createOpenAiEndpoint(common, kept);
    }),
  );
  return [...found.filter((endpoint) => endpoint !== null), ...wrong.map(unusable)];
}
