import * as z from "zod";
import { ErrorCode } from "./errors.ts";

/** The wire's version. Additive changes keep it; a client and a hub attach when their ranges overlap. */
export const PROTOCOL_VERSION = 1;
export const MIN_PROTOCOL_VERSION = 1;

/** `builtAt` in ISO 8601; `dev` = run from a clone, which never mixes with a release. */
export const Build = z.object({ version: z.string(), builtAt: z.string(), channel: z.enum(["dev", "release"]) });
export type Build = z.infer<typeof Build>;

/** What a person should know without a running hub; `line` is one line for the status bar. */
export const Attention = z.object({ waiting: z.int(), open: z.int(), line: z.string() });
export type Attention = z.infer<typeof Attention>;

/**
 * `hub.json`, mode 0600: how clients find the hub. After a stop only build, protocol and attention are left. `token` and
 * `human` are 256 bits each, base64url; `startedAt` and `nextDue` in wall ms.
 */
export const HubRecord = z.object({
  pid: z.int().optional(),
  startedAt: z.number().optional(),
  port: z.int().optional(),
  token: z.string().optional(),
  human: z.string().optional(),
  build: Build,
  protocol: z.int(),
  minProtocol: z.int(),
  attention: Attention.nullable(),
  nextDue: z.number().nullable(),
});
export type HubRecord = z.infer<typeof HubRecord>;

/** What a connection may do: read; start, cancel and answer questions; stop the hub; give permissions as a person. */
export const Scope = z.enum(["read", "run", "admin", "human"]);
export type Scope = z.infer<typeof Scope>;

/** First request on every socket; binds the connection to its folders, trust and scopes. */
export const Hello = z.object({
  token: z.string(),
  human: z.string().optional(),
  scopes: z.array(Scope),
  client: z.enum(["extension", "cli", "test"]),
  build: Build,
  protocol: z.int(),
  minProtocol: z.int(),
  roots: z.array(z.string()),
  trusted: z.boolean(),
  /** Settings this client's person set; undefined keys are not theirs. */
  settings: z.record(z.string(), z.unknown()).optional(),
});
export type Hello = z.infer<typeof Hello>;

/** Something a person should know that stops nothing: an error's code and one sentence. */
export const Notice = z.object({ code: ErrorCode, message: z.string() });
export type Notice = z.infer<typeof Notice>;

/** `scopes` are those granted; `epoch` grows at each start of a hub on this data directory, `home`. */
export const HelloResult = z.object({
  build: Build,
  protocol: z.int(),
  scopes: z.array(Scope),
  epoch: z.int(),
  pid: z.int(),
  home: z.string(),
  /** Said once to each kind of client. */
  notice: Notice.optional(),
});
export type HelloResult = z.infer<typeof HelloResult>;
