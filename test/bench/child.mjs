// One scenario on one variant in a process of its own; prints one line of JSON. Bundled and started by run.ts.
import { measureHere } from "./measure.ts";

const [scenario = "", variant = ""] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(await measureHere(scenario, variant))}\n`);
