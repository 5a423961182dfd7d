// The figures of docs/benchmarks.md. usage: node test/bench/run.ts [--json FILE] [--rounds N] [--only SCENARIO]
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildSync } from "esbuild";
import * as z from "zod";
import { scenarios } from "./scenarios.ts";

const Measured = z.object({
  cpuUs: z.number(),
  wallUs: z.number(),
  p99Ms: z.number(),
  rssMb: z.number(),
  commits: z.number(),
  tokens: z.number(),
  bytes: z.number(),
});
type Measured = z.infer<typeof Measured>;

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit?: number;
  /** Above 1 = worse than the limit. */
  readonly ratio?: number;
}

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
  },
});
const variants = ["podium", "memory", "raw"] as const;
type Variant = (typeof variants)[number];

const bundle = join(import.meta.dirname, "../../node_modules/.cache/podium-bench/child.mjs");

/** As it ships: stripping types at start would count in memory and time. */
function build(): void {
  const entryPoints = [join(import.meta.dirname, "child.mjs")];
  const external = ["better-sqlite3"];
  buildSync({ entryPoints, outfile: bundle, bundle: true, platform: "node", format: "esm", minify: true, external });
}

function measure(scenario: string, variant: Variant): Measured {
  const done = spawnSync(process.execPath, [bundle, scenario, variant], {
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  if (done.status !== 0) throw new Error(`${scenario} on ${variant} failed: ${done.stderr}`);
  return Measured.parse(JSON.parse(done.stdout));
}

/** Each figure's median over the processes. */
function middle(all: readonly Measured[]): Measured {
  const pick = (key: keyof Measured): number =>
    all.map((one) => one[key]).toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
  return {
    cpuUs: pick("cpuUs"),
    wallUs: pick("wallUs"),
    p99Ms: pick("p99Ms"),
    rssMb: pick("rssMb"),
    commits: pick("commits"),
    tokens: pick("tokens"),
    bytes: pick("bytes"),
  };
}

const round = (value: number): number => Number(value.toPrecision(3));
const atMost = (name: string, value: number, unit: string, limit: number): Row => ({
  name,
  value: round(value),
  unit,
  limit,
  ratio: value / limit,
});
const atLeast = (name: string, value: number, unit: string, limit: number): Row => ({
  name,
  value: round(value),
  unit,
  limit,
  ratio: limit / value,
});
const plain = (name: string, value: number, unit: string): Row => ({ name, value: round(value), unit });

/** What DESIGN section 10 asks of one scenario. */
function rowsOf(name: string, podium: Measured, memory: Measured, raw: Measured): readonly Row[] {
  const rows = [
    plain(`${name} durable, CPU per step`, podium.cpuUs, "µs"),
    plain(`${name} raw SQLite, CPU per step`, raw.cpuUs, "µs"),
  ];
  const times = podium.cpuUs / raw.cpuUs;
  switch (name) {
    case "chain-10":
    case "chain-100":
      return [
        ...rows,
        atMost(`${name} in memory, CPU per step`, memory.cpuUs, "µs", 10),
        atMost(`${name} durable against raw`, times, "×", 2),
        atMost(`${name} commits`, podium.commits, "commits", name === "chain-10" ? 11 : 101),
        // Ten small steps fit into pages that the file has already.
        ...(name === "chain-100" ? [atMost(`${name} bytes per step`, podium.bytes / 100, "bytes", 8192)] : []),
      ];
    case "load-100":
      return [
        ...rows,
        atMost(`${name} durable against raw group commit`, times, "×", 3),
        atMost(`${name} run p99`, podium.p99Ms, "ms", 50),
        plain(`${name} raw p99, for the state of the disk`, raw.p99Ms, "ms"),
        atLeast(`${name} steps per second`, 1e6 / podium.wallUs, "steps/s", 20_000),
        atMost(`${name} peak memory`, podium.rssMb, "MB", 90),
        plain(`${name} commits`, podium.commits, "commits"),
      ];
    case "blob-1m-100":
      return [...rows, atMost(`${name} on disk`, podium.bytes / 1e6, "MB", 1.1)];
    case "append-1000":
      return [...rows, atMost(`${name} on disk (as a chain)`, podium.bytes / 1e6, "MB", 1.5)];
    case "stream-10k":
      return [
        atMost("token through the engine, CPU", podium.cpuUs / 10_000, "µs", 3),
        plain("live events for 10,000 tokens", podium.tokens, "events"),
      ];
    default:
      return [
        ...rows,
        plain(`${name} durable against raw`, times, "×"),
        plain(`${name} commits`, podium.commits, "commits"),
      ];
  }
}

function main(): void {
  build();
  const names = values.only === undefined ? [...scenarios.keys()] : [values.only];
  const seen = new Map<string, Measured[]>();
  for (let turn = 0; turn < Number(values.rounds); turn += 1)
    for (const name of names)
      for (const variant of variants) {
        const key = `${name} ${variant}`;
        seen.set(key, [...(seen.get(key) ?? []), measure(name, variant)]);
      }
  const figure = (name: string, variant: Variant): Measured => middle(seen.get(`${name} ${variant}`) ?? []);
  const rows = names.flatMap((name) =>
    rowsOf(name, figure(name, "podium"), figure(name, "memory"), figure(name, "raw")),
  );
  for (const { name, value, unit, limit, ratio } of rows) {
    const target = limit === undefined ? "" : `${limit} ${unit}`;
    const verdict = ratio === undefined ? "" : ratio > 1 ? `missed ${ratio.toPrecision(4)}×` : "held";
    process.stdout.write(`${name.padEnd(44)} ${`${value} ${unit}`.padStart(16)} ${target.padStart(16)}  ${verdict}\n`);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
}

main();
