import type { RunSettings } from "../protocol/events.ts";
import { resolveSettings, type Settings } from "../protocol/settings.ts";
import type { Caller } from "../server/caller.ts";
import type { PartialRunSettings } from "../server/handlers.ts";
import { readSettingsFile } from "../settings-file.ts";

const order = ["local", "lan", "cloud"] as const;
type Network = (typeof order)[number];
const isNetwork = (text: string | undefined): text is Network => order.some((name) => name === text);
const stricter = (left: Network, right: Network): Network =>
  order.indexOf(left) <= order.indexOf(right) ? left : right;

export interface SettingsBoard {
  /** The file's values; safety keys are the strictest that a person set in any attached client. */
  machine(): Settings;
  /** Addresses given by PODIUM_SERVERS: used instead of detection. Null = look. */
  readonly servers: readonly string[] | null;
  attach(connection: object, settings: Readonly<Record<string, unknown>> | null): void;
  forRun(caller: Caller, asked: PartialRunSettings): RunSettings;
  warnings(): readonly string[];
}

/** Layers settings: defaults, settings.json, the person's editor, then what one command asks for its own run. */
export function createSettings(home: string, env: NodeJS.ProcessEnv): SettingsBoard {
  const attached = new Map<object, Readonly<Record<string, unknown>>>();
  const servers = env["PODIUM_SERVERS"]?.split(",").filter(Boolean) ?? null;
  const fromEnv = env["PODIUM_NETWORK"];
  const machine = (): Settings => {
    const file = readSettingsFile(home).values;
    let network: Network = isNetwork(fromEnv) ? fromEnv : file.network;
    let maxContext = file["gpu.maxContext"];
    for (const raw of attached.values()) {
      const person = resolveSettings(raw);
      if (person.set.has("network")) network = stricter(network, person.values.network);
      if (person.set.has("gpu.maxContext")) maxContext = Math.min(maxContext, person.values["gpu.maxContext"]);
    }
    return { ...file, network, "gpu.maxContext": maxContext };
  };
  return {
    machine,
    servers,
    attach(connection, settings) {
      if (settings === null) attached.delete(connection);
      else attached.set(connection, settings);
    },
    forRun(caller, asked) {
      const base = machine();
      const person = resolveSettings(caller.settings);
      const roles = person.set.has("roles") ? person.values.roles : base.roles;
      const budget = person.set.has("budget") ? person.values.budget : base.budget;
      return {
        roles: { ...definedOf(roles), ...asked.roles },
        servers: [...(asked.servers ?? servers ?? base.servers)],
        network: asked.network ? stricter(asked.network, base.network) : base.network,
        requireModel: asked.requireModel ?? false,
        budget: { ...budget, ...asked.budget },
      };
    },
    warnings: () => readSettingsFile(home).warnings,
  };
}

const definedOf = (record: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
