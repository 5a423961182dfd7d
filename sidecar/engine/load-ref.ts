import type { RunStore } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import type { Ref } from "../protocol/events.ts";
import type { Json } from "../protocol/json.ts";
import { toJson } from "../state/codec.ts";

/** Reads the value that a reference stands for. */
export async function loadRef(ports: { readonly store: RunStore }, ref: Ref): Promise<Json> {
  if ("inline" in ref) return ref.inline;
  const json = await ports.store.getBlob(ref.blob);
  if (json === null)
    throw new PodiumError("data_corrupt", `A stored value (${ref.blob.slice(0, 12)}) is missing; run it again.`);
  const value: unknown = JSON.parse(json);
  return toJson(value);
}
