import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import * as z from "zod";
import { parseJson } from "./lines.ts";

const length = z.number().int().positive().nullish();
const Config = z.looseObject({
  max_position_embeddings: length,
  text_config: z.looseObject({ max_position_embeddings: length }).nullish(),
});

/** The folders that may hold the model's config.json: a local path itself, or its snapshots in the Hugging Face cache. */
async function folders(id: string, cache: string): Promise<readonly string[]> {
  if (isAbsolute(id)) return [id];
  if (!/^[\w.-]+\/[\w.-]+$/.test(id)) return [];
  const snapshots = join(cache, `models--${id.replace("/", "--")}`, "snapshots");
  const names = await readdir(snapshots).catch(() => []);
  return names.map((name) => join(snapshots, name));
}

/** Trained window in tokens of a model on this machine, from its config.json; null = unknown. mlx_lm itself tells nothing. */
export async function trainedContext(id: string, cache: string): Promise<number | null> {
  for (const folder of await folders(id, cache)) {
    const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "");
    const config = Config.safeParse(parseJson(text)?.value);
    const found = config.success
      ? (config.data.max_position_embeddings ?? config.data.text_config?.max_position_embeddings)
      : null;
    if (found) return found;
  }
  return null;
}
