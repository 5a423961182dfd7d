// Writes docs/errors.md from the table in sidecar/protocol/errors.ts. Run it with Node 24: npx node bin/errors.mjs
import { writeFileSync } from "node:fs";
import { errorCodes, errorTable, providerCodes } from "../sidecar/protocol/errors.ts";

const rows = (codes) =>
  codes.map((code) => `| \`${code}\` | ${errorTable[code].meaning} | ${errorTable[code].wayOut} |`).join("\n");
const head = "| code | what it means | what to do |\n|---|---|---|";

/** The page, as it must lie in docs/. */
export const page = `# Error codes

Every failure has one of these codes and one sentence that names its cause. This page is generated from \`errorTable\` by \`node bin/errors.mjs\`.

## Model servers
${head}
${rows(providerCodes)}

## Everything else
${head}
${rows(errorCodes.slice(providerCodes.length))}
`;

if (import.meta.main) writeFileSync(new URL("../docs/errors.md", import.meta.url), page);
