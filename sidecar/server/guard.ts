import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Scope } from "../protocol/hub.ts";

/** What the guard found out about a request before anything looks at its path. */
export type Verdict =
  | { readonly ok: true; readonly scopes: readonly Scope[] }
  | {
      readonly ok: false;
      readonly status: 401 | 403;
      readonly code: "unauthorized" | "forbidden";
      readonly message: string;
    };

export interface Secrets {
  /** Grants read, run and admin. */
  readonly token: string;
  /** Grants human besides. */
  readonly human: string;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compared in constant time, by hash, so that neither content nor length leaks. */
export const isSecret = (presented: string | undefined, secret: string): boolean =>
  presented !== undefined && timingSafeEqual(digest(presented), digest(secret));

const refuse = (status: 401 | 403, message: string): Verdict => ({
  ok: false,
  status,
  code: status === 401 ? "unauthorized" : "forbidden",
  message,
});

/**
 * The one guard of every door, before routing and before a body is read: exact Host (DNS rebinding), Origin absent, or
 * our own for plain HTTP (cross-site sockets and posts), bearer token compared in constant time. No switch turns it off.
 */
export function guard(request: IncomingMessage, port: number, secrets: Secrets, door: "http" | "upgrade"): Verdict {
  const hosts = request.rawHeaders
    .filter((_, index) => index % 2 === 0)
    .filter((name) => name.toLowerCase() === "host");
  const allowed = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  const host = request.headers.host ?? "";
  if (hosts.length !== 1 || !allowed.includes(host)) return refuse(403, "This address is not allowed.");
  const origin = request.headers.origin;
  if (origin !== undefined && (door === "upgrade" || origin !== `http://${host}`))
    return refuse(403, "Pages may not call this.");
  const bearer = /^Bearer ([\w-]+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (bearer === undefined) return refuse(401, "A token is needed: Authorization: Bearer <token of hub.json>.");
  if (!isSecret(bearer, secrets.token)) return refuse(401, "This token is not valid; it changes at each start.");
  return { ok: true, scopes: ["read", "run", "admin"] };
}
