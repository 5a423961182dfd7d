import type { Flavour } from "../protocol/models.ts";

/** This machine, as far as models care. `addresses` are those of its own network interfaces. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
  /** OLLAMA_NUM_PARALLEL of this process's environment. */
  readonly ollamaParallel: number | null;
  readonly addresses: readonly string[];
}

export type Reach = "local" | "lan" | "cloud";

/** The name of this machine's device. */
export const thisMachine = "this machine";

/** The machine that a URL names: every loopback name and every own address is one device. */
export function deviceOf(url: string, platform: Platform): string {
  const host = hostOf(url);
  return isLoopback(host) || platform.addresses.includes(host) ? thisMachine : host;
}

/** How far a prompt sent to this URL travels. */
export function reachOf(url: string, platform: Platform): Reach {
  if (deviceOf(url, platform) === thisMachine) return "local";
  return isPrivate(hostOf(url)) ? "lan" : "cloud";
}

/** True if the ceiling lets a prompt go that far. */
export function allows(ceiling: Reach, reach: Reach): boolean {
  const order: readonly Reach[] = ["local", "lan", "cloud"];
  return order.indexOf(reach) <= order.indexOf(ceiling);
}

/** Two generations at once on MLX can panic the whole machine, so anything that may be MLX counts. */
function canRunMlx(flavour: Flavour, platform: Platform): boolean {
  switch (flavour) {
    case "mlx_lm":
    case "mlx-vlm":
    case "vllm-mlx":
    case "mlx-openai-server":
    case "lmstudio":
      return true;
    case "ollama":
    case "openai-compatible":
      return platform.os === "darwin" && platform.arch === "arm64";
  }
}

/** Generations at once on a device, from the kinds of server that run on it. */
export function widthOf(
  device: string,
  flavours: readonly Flavour[],
  parallel: { readonly [flavour: string]: number },
  platform: Platform,
): number {
  if (device !== thisMachine) return 1;
  if (flavours.length === 0 || flavours.some((flavour) => canRunMlx(flavour, platform))) return 1;
  const own = (flavour: Flavour) => (flavour === "ollama" ? platform.ollamaParallel : null);
  return Math.max(1, Math.min(...flavours.map((flavour) => parallel[flavour] ?? own(flavour) ?? 1)));
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "").toLowerCase() : url;
}

function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1?|::ffff:7f[0-9a-f]{2}:.*)$/.test(host);
}

function isPrivate(host: string): boolean {
  return (
    /^(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)\.\d+\.\d+$/.test(host) ||
    /^(f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(host) ||
    /\.(local|lan|home|internal|home\.arpa)$/.test(host) ||
    !/[.:]/.test(host)
  );
}
