// The licences of what a package carries: written beside the bundles by esbuild.mjs, from what esbuild says it bundled.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Shipped as files, so no bundle names them. SQLite itself, inside better-sqlite3, is in the public domain. */
const copied = ["node_modules/better-sqlite3", "node_modules/@vscode/codicons"];
const legal = /^(licen[cs]e|copying|notice|third-?party-?notices)/i;

/** The folder of the package that a bundled file belongs to; null for our own files. */
function folderOf(input) {
  const at = input.lastIndexOf("node_modules/");
  if (at === -1) return null;
  const [first, second] = input.slice(at + "node_modules/".length).split("/");
  return join(input.slice(0, at), "node_modules", first, first.startsWith("@") ? second : "");
}

function describe(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => legal.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0) throw new Error(`${name} comes without the text of its licence`);
  return { name, text: `${name} ${version} (${license})\n\n${texts.join("\n\n")}` };
}

/** The text of THIRD-PARTY-NOTICES.txt for the metafiles of a build. */
export function notices(metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = [...inputs.map(folderOf), ...copied].filter((folder) => folder !== null);
  const found = [...new Set(folders.map((folder) => resolve(folder)))]
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map(describe)
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const rule = `\n\n${"-".repeat(80)}\n\n`;
  const head = "Podium carries the following software of others, each under its own licence.";
  return `${[head, ...new Set(found.map(({ text }) => text))].join(rule)}\n`;
}

export const noticesFile = "THIRD-PARTY-NOTICES.txt";
