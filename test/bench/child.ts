// One (scenario, variant) in a process of its own; prints one JSON line. usage: node test/bench/child.ts SCENARIO VARIANT
import { type Bench, openBench } from "./engine.ts";
import { openRaw } from "./raw.ts";
import { scenarios } from "./scenarios.ts";

const [name = "", variant = ""] = process.argv.slice(2);
const make = scenarios.get(name);
if (!make) throw new Error(`There is no scenario ${name}.`);
const scenario = make();
const open = async (): Promise<Bench> =>
  variant === "raw" ? openRaw() : openBench(variant === "memory" ? "memory" : "sqlite");
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const empty = await (await open()).close();
const counted = await open();
const { commits, tokens } = await counted.round(scenario);
const bytes = (await counted.close()) - empty;

// Warm until the compiler has settled: about 2000 steps, then rounds for 1.5 s, at least 5.
const bench = await open();
const small = scenario.steps * scenario.runs;
for (let steps = 0; steps < 2000; steps += Math.max(small, 20, scenario.tokens / 10)) await bench.round(scenario);
const costs = [];
for (const until = performance.now() + 1500; costs.length < 5 || (performance.now() < until && costs.length < 200); )
  costs.push(await bench.round(scenario));
await bench.close();
const latencies = costs.flatMap((cost) => cost.latencies).toSorted((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({
    cpuUs: (median(costs.map(({ cpuMs }) => cpuMs)) * 1000) / small,
    wallUs: (median(costs.map(({ wallMs }) => wallMs)) * 1000) / small,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    rssMb: process.resourceUsage().maxRSS / 1024,
    commits,
    tokens,
    bytes,
  })}\n`,
);
