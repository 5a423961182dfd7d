import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import * as z from "zod";
import { commandIds } from "../../extension/command-texts.ts";
import { manifest, settingKeys } from "../../extension/manifest.ts";
import { settingScopes, settings } from "../../sidecar/protocol/settings.ts";

const packageText = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
const written = z.record(z.string(), z.unknown()).parse(JSON.parse(packageText));
const made = z.record(z.string(), z.unknown()).parse(JSON.parse(JSON.stringify(manifest())));
const text = JSON.stringify(made);

describe("manifest", () => {
  it("package.json says what extension/manifest.ts says (node bin/manifest.mjs)", () => {
    for (const [key, value] of Object.entries(made)) assert.deepEqual(written[key], value, key);
  });

  it("names only commands that have a handler", () => {
    const named = [...text.matchAll(/(?:"command":"|command:)(podium\.[\w.]+)/g)].map(([, id]) => id);
    assert.ok(named.length > 30);
    for (const id of named)
      assert.ok(
        commandIds.some((known) => known === id),
        id,
      );
  });

  it("puts every setting a folder must not decide out of its reach", () => {
    const restricted = ["servers", "roles", "network", "gpu.parallel", "budget"];
    for (const key of restricted) assert.ok(text.includes(`"podium.${key}"`), key);
    for (const key of settingKeys) {
      const property = z
        .object({
          contributes: z.object({
            configuration: z.object({
              properties: z.record(z.string(), z.object({ scope: z.string(), default: z.unknown() })),
            }),
          }),
        })
        .parse(made).contributes.configuration.properties[`podium.${key}`];
      assert.equal(property?.scope, settingScopes[key]);
      assert.deepEqual(property?.default, settings[key].parse(undefined));
    }
  });

  it("uses none of the words that stay inside", () => {
    const shown = [...text.matchAll(/"(?:title|name|contents|description|markdownDescription)":"([^"]*)"/g)].map(
      ([, words]) => words ?? "",
    );
    for (const words of shown)
      assert.doesNotMatch(words.replaceAll(/\(command:[^)]*\)/g, ""), /\b(hub|sidecar|lane|park|IR)\b/i);
  });

  it("its pictures exist", () => {
    for (const [file] of text.matchAll(/extension\/media\/[\w.]+/g))
      assert.ok(existsSync(new URL(`../../${file}`, import.meta.url)), file);
  });
});
