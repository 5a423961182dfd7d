import { type Bench, openBench } from "./engine.ts";
import { openRaw } from "./raw.ts";
import { scenarios } from "./scenarios.ts";

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Times in µs per step over warm rounds, sizes in bytes and MB, counts of one run in a fresh journal. */
export async function measureHere(name: string, variant: string): Promise<{ readonly [figure: string]: number }> {
  const make = scenarios.get(name);
  if (!make) throw new Error(`There is no scenario ${name}.`);
  const scenario = make();
  const open = async (): Promise<Bench> =>
    variant === "raw" ? openRaw() : openBench(variant === "memory" ? "memory" : "sqlite");
  const empty = await (await open()).close();
  const counted = await open();
  const { commits, tokens } = await counted.checked(scenario);
  const bytes = (await counted.close()) - empty;

  const bench = await open();
  for (let round = 0; round < 3; round += 1) await bench.round(scenario);
  // As the peers are measured: after a few rounds, before the heap has grown to what V8 allows itself.
  const rssMb = process.resourceUsage().maxRSS / 1024;
  const steps = scenario.steps * scenario.runs;
  // Hot: the compiler goes on settling for some 20,000 steps.
  const warmUntil = performance.now() + 8000;
  for (let warm = 0; warm < 20_000 && performance.now() < warmUntil; warm += Math.max(steps, scenario.tokens / 10))
    await bench.round(scenario);
  const costs = [];
  for (const until = performance.now() + 1500; costs.length < 5 || (performance.now() < until && costs.length < 200); )
    costs.push(await bench.round(scenario));
  await bench.close();
  const latencies = costs.flatMap((cost) => cost.latencies).toSorted((a, b) => a - b);
  return {
    cpuUs: (median(costs.map(({ cpuMs }) => cpuMs)) * 1000) / steps,
    wallUs: (median(costs.map(({ wallMs }) => wallMs)) * 1000) / steps,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    rssMb,
    commits,
    tokens,
    bytes,
  };
}
