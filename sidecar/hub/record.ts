import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRecord } from "../client/record.ts";
import { type Attention, type Build, type HubRecord, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from "../protocol/hub.ts";

/** A fresh 256-bit secret, URL-safe. */
export const secret = (): string => randomBytes(32).toString("base64url");

/** Writes `hub.json` by rename, 0600: a reader sees the old one or the new one, whole. */
export function writeRecord(home: string, record: HubRecord): void {
  const file = join(home, "hub.json");
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** After a stop only what a person should know is left; nothing is written over another process's record. */
export function retireRecord(home: string, build: Build, attention: Attention | null): void {
  if (readRecord(home)?.pid !== process.pid) return;
  writeRecord(home, { build, protocol: PROTOCOL_VERSION, minProtocol: MIN_PROTOCOL_VERSION, attention, nextDue: null });
}
