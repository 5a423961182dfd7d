import { BlockList, isIP } from "node:net";
import { PodiumError } from "../protocol/errors.ts";

/** How far a prompt may travel. */
export type Network = "local" | "lan" | "cloud";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

const lan = new BlockList();
for (const [address, prefix] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
] as const) {
  lan.addSubnet(address, prefix, "ipv4");
}
lan.addSubnet("fc00::", 7, "ipv6");
lan.addSubnet("fe80::", 10, "ipv6");

/** The smallest network that contains this IP address. */
function networkOf(address: string): Network {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (loopback.check(address, family)) return "local";
  return lan.check(address, family) ? "lan" : "cloud";
}

const rank: { readonly [N in Network]: number } = { local: 0, lan: 1, cloud: 2 };

/** True when an address of `address` may be reached under the setting `allowed`. */
export const within = (address: string, allowed: Network): boolean => rank[networkOf(address)] <= rank[allowed];

export const refused = (host: string, allowed: Network): PodiumError =>
  new PodiumError(
    "unreachable",
    `The setting "network" is "${allowed}", so nothing is sent to ${host}; allow it in the settings or use a server on this machine.`,
    { reason: "network", retryable: false },
  );

export interface Egress {
  readonly host: string;
  /** True when the bytes stay on this machine. */
  readonly loopback: boolean;
}

/**
 * The one check before any byte is sent to a model server. Host names other than `localhost` are judged again by
 * their addresses when they are looked up. Throws `unreachable`, reason `network`, or `bad_request` for a bad address.
 */
export function egress(url: URL, allowed: Network): Egress {
  const plain = url.hostname.replace(/^\[|\]$/g, "");
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "" || url.password !== "") {
    throw new PodiumError(
      "bad_request",
      `${url.host} is not a plain http or https address; remove user names and other schemes.`,
    );
  }
  if (plain === "localhost") return { host: url.host, loopback: true };
  if (isIP(plain) === 0) {
    if (allowed === "local") throw refused(url.host, allowed);
    return { host: url.host, loopback: false };
  }
  if (!within(plain, allowed)) throw refused(url.host, allowed);
  return { host: url.host, loopback: networkOf(plain) === "local" };
}
