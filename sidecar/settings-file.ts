import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolveSettings, type SettingKey, type SettingsFile } from "./protocol/settings.ts";

const fileOf = (home: string): string => join(home, "settings.json");

function readRaw(home: string): { readonly raw: Readonly<Record<string, unknown>>; readonly warning: string | null } {
  try {
    const raw: unknown = JSON.parse(readFileSync(fileOf(home), "utf8"));
    if (typeof raw === "object" && raw !== null) return { raw: { ...raw }, warning: null };
    return { raw: {}, warning: `${fileOf(home)} is not an object; defaults are used.` };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return { raw: {}, warning: missing ? null : `${fileOf(home)} cannot be read; defaults are used.` };
  }
}

/** Settings outside the editor: `settings.json` of the data directory. */
export function readSettingsFile(home: string): SettingsFile {
  const { raw, warning } = readRaw(home);
  const file = resolveSettings(raw);
  return warning === null ? file : { ...file, warnings: [warning, ...file.warnings] };
}

/** Sets one key, by rename, so that a reader never sees half a file. */
export function writeSettingsFile(home: string, key: SettingKey, value: unknown): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const draft = `${fileOf(home)}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ ...readRaw(home).raw, [key]: value }, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, fileOf(home));
}
