import { PodiumError } from "../protocol/errors.ts";
import { type SettingKey, settings } from "../protocol/settings.ts";
import { readSettingsFile, writeSettingsFile } from "../settings-file.ts";
import { jsonOrText } from "./arguments.ts";
import type { CliContext } from "./context.ts";

/** `config ls | get KEY | set KEY VALUE` over settings.json of the data directory; needs no hub. */
export async function configCommand(context: CliContext, keys: readonly SettingKey[]): Promise<number> {
  const [, verb, name, value] = context.invocation.words;
  const file = readSettingsFile(context.home);
  const print = (object: object, text: string): number => {
    context.stdout(context.invocation.format === "text" ? `${text}\n` : `${JSON.stringify(object)}\n`);
    return 0;
  };
  if (verb === "ls") {
    const all = Object.fromEntries(keys.map((key) => [key, file.values[key]]));
    return print(
      all,
      keys
        .map((key) => `${key} = ${JSON.stringify(file.values[key])}${file.set.has(key) ? "" : "  (default)"}`)
        .join("\n"),
    );
  }
  if (verb !== "get" && verb !== "set")
    throw new PodiumError(
      "usage",
      `podium config takes ls, get KEY and set KEY VALUE${verb === undefined ? "" : `, not ${verb}`}.`,
    );
  const key = keys.find((candidate) => candidate === name);
  if (key === undefined)
    throw new PodiumError("usage", `There is no setting ${name ?? ""}. There are: ${keys.join(", ")}.`);
  if (verb === "get") return print({ [key]: file.values[key] }, JSON.stringify(file.values[key]));
  if (value === undefined) throw new PodiumError("usage", `podium config set ${key} takes a value.`);
  const parsed = settings[key].safeParse(jsonOrText(value));
  if (!parsed.success)
    throw new PodiumError("invalid_input", `${key}: ${parsed.error.issues[0]?.message ?? "not valid"}`);
  writeSettingsFile(context.home, key, parsed.data);
  return print({ [key]: parsed.data }, `${key} = ${JSON.stringify(parsed.data)}`);
}
