import { accessSync, constants, statSync } from "node:fs";
import type { RunStore } from "../ports.ts";
import type { Notice } from "../protocol/hub.ts";
import type { ModelsResult } from "../protocol/models.ts";
import type { DoctorCheck, DoctorResult } from "../protocol/results.ts";

interface DoctorParts {
  readonly home: string;
  readonly store: RunStore;
  readonly models: { list(refresh: boolean): Promise<ModelsResult> };
  readonly warnings: () => readonly string[];
  readonly notice: Notice | null;
}

/** Looks at what a working Podium needs; every failed check names the way out. `rebuild` makes the lists anew from the log. */
export async function doctor(parts: DoctorParts, rebuild: boolean): Promise<DoctorResult> {
  const checks: DoctorCheck[] = [
    { id: "node", ok: true, message: `Node ${process.versions.node}` },
    dataDirectory(parts.home),
    ...(parts.notice === null ? [] : [{ id: "recovered", ok: true, message: parts.notice.message }]),
  ];
  const problems = await parts.store.verify();
  checks.push(
    problems.length === 0
      ? {
          id: "database",
          ok: true,
          message: parts.store.readOnly ? "Sound, made by a newer Podium: view only" : "Sound",
        }
      : { id: "database", ok: false, message: problems[0] ?? "Damaged", fix: "podium doctor --rebuild" },
  );
  if (rebuild)
    checks.push({ id: "rebuild", ok: true, message: `${await parts.store.rebuild()} runs rebuilt from the log` });
  const models = await parts.models.list(true);
  checks.push(...serverChecks(models));
  for (const warning of parts.warnings())
    checks.push({ id: "settings", ok: false, message: warning, fix: "podium config ls" });
  return { checks, ok: checks.every(({ ok }) => ok) };
}

function dataDirectory(home: string): DoctorCheck {
  try {
    accessSync(home, constants.R_OK | constants.W_OK);
    const open = (statSync(home).mode & 0o077) !== 0 && process.platform !== "win32";
    return open
      ? { id: "data", ok: false, message: `${home} can be read by other users.`, fix: `chmod 700 ${home}` }
      : { id: "data", ok: true, message: home };
  } catch {
    return {
      id: "data",
      ok: false,
      message: `${home} cannot be written.`,
      fix: "Set PODIUM_HOME to a folder of yours.",
    };
  }
}

function serverChecks(models: ModelsResult): DoctorCheck[] {
  const found = models.endpoints.map(
    (endpoint): DoctorCheck => ({
      id: endpoint.flavour,
      ok: endpoint.state === "answers",
      message: `${endpoint.url}: ${endpoint.state}${endpoint.detail ? `, ${endpoint.detail}` : ""}, ${endpoint.models.length === 1 ? "1 model" : `${endpoint.models.length} models`}`,
      ...(endpoint.state === "answers" ? {} : { fix: "Load a model in it, or restart it." }),
    }),
  );
  const stopped = (models.installed ?? []).map(
    ({ flavour, start }): DoctorCheck => ({ id: flavour, ok: false, message: "Installed, not running.", fix: start }),
  );
  if (found.length + stopped.length > 0) return [...found, ...stopped];
  return [
    {
      id: "models",
      ok: false,
      message: "No model server answers on this machine; answers come from search alone.",
      fix: "Install Ollama (https://ollama.com), then: ollama pull qwen2.5-coder:7b",
    },
  ];
}
