import type { RunSettings } from "../protocol/events.ts";
import { resolveSettings, type Settings, type SettingsFile } from "../protocol/settings.ts";
import type { Caller } from "../server/caller.ts";
import type { PartialRunSettings } from "../server/handlers.ts";
import { readSettingsFile } from "../settings-file.ts";

const order = ["local", "lan", "cloud"] as const;
type Network = (typeof order)[number];
const isNetwork = (text: string | undefined): text is Network => order.some((name) => name === text);
const stricter = (left: Network, right: Network): Network =>
  order.indexOf(left) <= order.indexOf(right) ? left : right;

/** What one person set, over what is known; the client that attached last wins. */
const laid = (base: Settings, { set, values }: SettingsFile): Settings => ({
  ...base,
  ...Object.fromEntries(Object.entries(values).filter(([key]) => [...set].some((chosen) => chosen === key))),
});

/** The smallest width of each kind that somebody named. */
const narrowest = (widths: readonly Widths[]): Widths => {
  const kinds = [...new Set(widths.flatMap((named) => Object.keys(named)))];
  return Object.fromEntries(kinds.map((kind) => [kind, Math.min(...widths.flatMap((named) => named[kind] ?? []))]));
};
type Widths = Settings["gpu.parallel"];

export interface SettingsBoard {
  /** The file's values under what a person set in an attached client; safety keys are the strictest of all of them. */
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
    const file = readSettingsFile(home);
    const persons = [file, ...[...attached.values()].map(resolveSettings)];
    // A default never counts: only what a person set somewhere is compared.
    const networks = persons.flatMap(({ set, values }) => (set.has("network") ? [values.network] : []));
    const windows = persons.flatMap(({ set, values }) => (set.has("gpu.maxContext") ? [values["gpu.maxContext"]] : []));
    const parallel = persons.flatMap(({ set, values }) => (set.has("gpu.parallel") ? [values["gpu.parallel"]] : []));
    return {
      ...persons.reduce(laid, file.values),
      servers: [...new Set(persons.flatMap(({ values }) => values.servers))],
      network:
        [...networks, ...(isNetwork(fromEnv) ? [fromEnv] : [])].reduce<Network | null>(
          (left, right) => (left === null ? right : stricter(left, right)),
          null,
        ) ?? file.values.network,
      "gpu.maxContext": windows.length > 0 ? Math.min(...windows) : file.values["gpu.maxContext"],
      "gpu.parallel": narrowest(parallel),
    };
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
        // The servers this hub uses for everything need no list of their own.
        ...(asked.servers && asked.servers.join() !== servers?.join() ? { onlyServers: true } : {}),
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
