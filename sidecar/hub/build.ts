import type { Build } from "../protocol/hub.ts";

declare const __PODIUM_BUILD__: Build | undefined;

/** What this bundle is; straight from the sources it is a build of a clone. */
export const build: Build =
  typeof __PODIUM_BUILD__ === "undefined"
    ? { version: "0.0.0", builtAt: "1970-01-01T00:00:00.000Z", channel: "dev" }
    : __PODIUM_BUILD__;
