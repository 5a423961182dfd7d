import { readFileSync } from "node:fs";
import * as z from "zod";
import type { SearchResult } from "../../../sidecar/ports.ts";
import type { AskResult } from "../../../sidecar/protocol/review.ts";
import { notFound } from "../../../sidecar/quality/answer.ts";
import { supports } from "../../../sidecar/quality/citations.ts";

/** A question on this repository and the files that answer it; no file = it has no answer here. */
const Questions = z.array(z.object({ question: z.string(), files: z.array(z.string()) }));

/** `tuned`: looked at while the answers were made better; `held-out`: written before that and only measured. */
const splits = ["tuned", "held-out"] as const;
type Split = (typeof splits)[number];
const fileOf: { readonly [S in Split]: string } = { tuned: "questions.json", "held-out": "held-out.json" };

interface AskBench {
  readonly search: (query: string, top: number) => Promise<SearchResult>;
  readonly ask: (question: string, found: SearchResult) => Promise<AskResult>;
}

export interface AskRow {
  readonly split: Split;
  readonly question: string;
  readonly answerable: boolean;
  /** 1-based place of the first expected file among the hits; null = it is not among the first eight. */
  readonly place: number | null;
  readonly refused: boolean;
  readonly statements: number;
  readonly cited: number;
  readonly supported: number;
}

interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number;
  /** Over 1 = worse than the limit. */
  readonly ratio: number;
}

const asked = 12;
const judged = 8;

/** Asks every question. */
export async function benchAsk({ search, ask }: AskBench): Promise<readonly AskRow[]> {
  const questions = splits.flatMap((split) => {
    const text = readFileSync(new URL(fileOf[split], import.meta.url), "utf8");
    return Questions.parse(JSON.parse(text)).map((question) => ({ ...question, split }));
  });
  const rows: AskRow[] = [];
  for (const { question, files, split } of questions) {
    const found = await search(question, asked);
    const place = found.hits.slice(0, judged).findIndex(({ path }) => files.includes(path)) + 1;
    const { text, citations } = await ask(question, found);
    const pairs = [...text.matchAll(/[^\n]*?((?:\[\d+\])+)/g)].flatMap(([statement, marks = ""]) =>
      [...marks.matchAll(/\d+/g)].map(([n]) => ({ statement, quote: citations[Number(n) - 1]?.quote ?? "" })),
    );
    rows.push({
      split,
      question,
      answerable: files.length > 0,
      place: place > 0 ? place : null,
      refused: text === notFound,
      statements: citations.length === 0 ? 0 : text.split("\n").length,
      cited: pairs.length,
      supported: pairs.filter(({ statement, quote }) => supports(statement, quote)).length,
    });
  }
  return rows;
}

/** The figures with their limits: what the product promises for the tuned questions, a little less for those held out. */
export function figures(rows: readonly AskRow[]): readonly BenchRow[] {
  return splits.flatMap((split) =>
    figuresOf(
      split,
      rows.filter((row) => row.split === split),
    ),
  );
}

const limits: {
  readonly [S in Split]: { readonly place: number; readonly answered: number; readonly refused: number };
} = {
  tuned: { place: 80, answered: 80, refused: 100 },
  "held-out": { place: 75, answered: 75, refused: 90 },
};

function figuresOf(split: Split, rows: readonly AskRow[]): readonly BenchRow[] {
  const answerable = rows.filter((row) => row.answerable);
  const unanswerable = rows.filter((row) => !row.answerable);
  const { place, answered, refused } = limits[split];
  const sum = (pick: (row: AskRow) => number): number => rows.reduce((total, row) => total + pick(row), 0);
  const share = (what: string, part: number, whole: number, limit: number): BenchRow => {
    const value = whole === 0 ? 0 : Math.round((1000 * part) / whole) / 10;
    const ratio = value === 0 ? 1000 : Math.round((100 * limit) / value) / 100;
    return { name: `ask, ${split}: ${what}`, value, unit: "%", limit, ratio };
  };
  const inPlace = answerable.filter((row) => row.place !== null).length;
  const said = answerable.filter((row) => !row.refused).length;
  const unsaid = unanswerable.filter((row) => row.refused).length;
  return [
    share("expected file in the first 8 hits", inPlace, answerable.length, place),
    share("answerable questions answered", said, answerable.length, answered),
    share(
      "citations supported",
      sum(({ supported }) => supported),
      sum(({ cited }) => cited),
      100,
    ),
    share("unanswerable questions refused", unsaid, unanswerable.length, refused),
  ];
}

/** The table for a person. */
export function table(rows: readonly AskRow[]): string {
  const line = (row: AskRow): string => {
    const answer = row.refused ? "not found" : `${row.supported}/${row.cited}`;
    const good = row.answerable ? row.place !== null && !row.refused : row.refused;
    return [good ? "ok  " : "MISS", String(row.place ?? "-").padStart(4), answer.padStart(10), row.question].join("  ");
  };
  const total = ({ name, value, unit, limit }: BenchRow): string => `${name}: ${value} ${unit} (at least ${limit})`;
  const parts = splits.map((split) => ["", split, ...rows.filter((row) => row.split === split).map(line)].join("\n"));
  return ["      hit@8    citations  question", ...parts, "", ...figures(rows).map(total)].join("\n");
}
