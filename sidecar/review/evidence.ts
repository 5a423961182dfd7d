import { normalise } from "./anchor.ts";

/** True when the quoted evidence really stands in the file, white space and a copied line number aside. */
export function evidenceStands(evidence: string, text: string): boolean {
  const wanted = evidence
    .split(/\r?\n/)
    .map((line) => normalise(line.replace(/^\s*(\d+\s*[:|]|[+>])\s?/, "").replace(/^`+|`+$/g, "")))
    .filter((line) => line !== "");
  const plain = normalise(text);
  return wanted.length > 0 && wanted.join("").length >= 3 && wanted.every((line) => plain.includes(line));
}
