import { writeFileSync } from "node:fs";
import { figures, table } from "./bench.ts";
import { measureAsk } from "./measure.ts";

// `npm run bench:ask [-- --json FILE]`: prints the table and exits 1 when a figure is under its limit.
const rows = await measureAsk();
console.log(table(rows));
const json = process.argv.indexOf("--json");
const file = process.argv[json + 1];
if (json > 0 && file !== undefined) writeFileSync(file, `${JSON.stringify(figures(rows), null, 2)}\n`);
process.exitCode = figures(rows).every(({ ratio }) => ratio <= 1) ? 0 : 1;
