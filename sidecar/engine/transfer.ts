import type { Digest, RunStore } from "../ports.ts";
import { PodiumError } from "../protocol/errors.ts";
import { RunEvent } from "../protocol/events.ts";
import { canonicalJson, toJson } from "../state/codec.ts";
import { readLog } from "./load.ts";
import { messagesOf } from "./spend.ts";

interface Ports {
  readonly store: RunStore;
  readonly digest: Digest;
}

const version = 1;

/** The blobs that an event names, in the order they appear. */
function blobsOf(event: RunEvent): readonly string[] {
  const refs = [
    event.kind === "step-end" ? event.delta : undefined,
    event.kind === "op-start" ? event.request : undefined,
    event.kind === "op-end" ? event.result : undefined,
    event.kind === "run-end" ? event.output : undefined,
  ];
  return refs.flatMap((ref) => {
    if (ref === undefined) return [];
    return "blob" in ref ? [ref.blob] : messagesOf(ref).map((message) => message.blob);
  });
}

/** The same for a run and for its import, which differ in who wrote them. */
const bare = (event: RunEvent): string => {
  const { epoch: _, ...rest } = event;
  if (rest.kind !== "run-start") return canonicalJson(toJson(rest));
  const { imported: __, ...start } = rest;
  return canonicalJson(toJson(start));
};

const hashOf = (digest: Digest, events: readonly RunEvent[]): string => digest(events.map(bare).join("\n"));

/** As the hub that ran it would export it, so that an import exports the same bytes again. */
function unmarked(event: RunEvent): RunEvent {
  if (event.kind !== "run-start") return event;
  const { imported: _, ...start } = event;
  return start;
}

function toBase64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function fromBase64(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    throw notARun("a stored value is not base64");
  }
}

/** A run as JSON lines: a header, then the events, each blob after the event that first names it. */
export async function exportLog({ store, digest }: Ports, events: readonly RunEvent[]): Promise<string> {
  const start = events[0];
  if (start?.kind !== "run-start")
    throw new PodiumError("unknown_run", "There is no such run; podium runs ls lists them.");
  const header = { podium: version, run: start.run, irHash: start.irHash, sha256: hashOf(digest, events) };
  const lines = [JSON.stringify(header)];
  const written = new Set<string>();
  for (const event of events) {
    lines.push(JSON.stringify(unmarked(event)));
    for (const blob of blobsOf(event)) {
      if (written.has(blob)) continue;
      written.add(blob);
      const json = await store.getBlob(blob);
      if (json !== null) lines.push(JSON.stringify({ blob, base64: toBase64(json) }));
    }
  }
  return `${lines.join("\n")}\n`;
}

const notARun = (what: string): PodiumError =>
  new PodiumError("invalid_input", `This is not an exported run: ${what}.`);

function readLine(line: string): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    throw notARun("a line is not JSON");
  }
  throw notARun("a line is not an object");
}

/** Stores an exported run under its own id, marked as imported. The same one again changes nothing, another one is refused. */
export async function importLog({ store, digest }: Ports, jsonl: string): Promise<string> {
  const lines = jsonl
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(readLine);
  const [header, ...rest] = lines;
  if (
    !header ||
    !("podium" in header) ||
    !("run" in header) ||
    !("sha256" in header) ||
    typeof header.run !== "string"
  ) {
    throw notARun("the header line is missing");
  }
  const events: RunEvent[] = [];
  const blobs = new Map<string, string>();
  for (const line of rest) {
    if ("blob" in line && "base64" in line && typeof line.base64 === "string") {
      const json = fromBase64(line.base64);
      if (digest(json) !== line.blob) throw notARun("a stored value does not fit its hash");
      blobs.set(digest(json), json);
    } else {
      const parsed = RunEvent.safeParse(line);
      if (!parsed.success) throw notARun("an event cannot be read");
      events.push(parsed.data);
    }
  }
  const { run } = header;
  if (hashOf(digest, events) !== header.sha256) throw notARun("its content does not fit the hash in its header");
  if (events[0]?.kind !== "run-start" || events.some((event, at) => event.run !== run || event.seq !== at + 1)) {
    throw notARun("its events are not complete");
  }
  const known = await readLog(store, run);
  if (known.length > 0) {
    if (hashOf(digest, known) === header.sha256) return run;
    throw new PodiumError("invalid_input", `There is another run ${run} here already; it was not replaced.`);
  }
  for (const [hash, json] of blobs) store.putBlob(hash, json);
  const imported = events.map((event): RunEvent => (event.kind === "run-start" ? { ...event, imported: true } : event));
  await store.append(run, imported, "synced");
  return run;
}
