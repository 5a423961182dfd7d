import { type Passage, type Statement, supports } from "./citations.ts";
import { type Unit, unitsOf } from "./units.ts";
import { contentWords, sharedWords, wordList } from "./words.ts";

const most = 6;
/** An answer has this many statements when the passages hold them, even if the later ones are weaker. */
const atLeast = 3;
const perPassage = 3;
/** Tests, fixtures and settings repeat a subject's words without explaining it. */
const aside = /(^|\/)(tests?|__tests__|fixtures?|specs?)\/|\.(test|spec)\.\w+$|\.(json|jsonl|lock|ya?ml)$/i;

/** What else is known of a question. */
export interface Asked {
  /** Words of the question, in lower case, that stand nowhere in the workspace; absent = not known. */
  readonly missing?: readonly string[];
  /** The question and answer before this one, for a follow-up. */
  readonly before?: string;
}

/**
 * An answer made only of what the passages say, best first: three to six statements, each with its source.
 * Empty when the passages do not cover the question's content words.
 */
export function extractiveAnswer(
  question: string,
  passages: readonly Passage[],
  { missing, before = "" }: Asked = {},
): readonly Statement[] {
  const wanted = wordsOf(question, before);
  const clean = passages.map((passage) => withoutEchoes(passage, question));
  if (!covers(wanted, clean) || !namesNothingElse(question, wanted, clean, missing)) return [];
  const chosen = choose(clean.map(unitsOf), wanted);
  if (!tells(chosen, wanted)) return [];
  return chosen.map(({ passage, from, to, said }) => ({
    text: said,
    lead: "\n- ",
    sources: [{ passage, range: { from, to } }],
  }));
}

/** A follow-up such as "And who calls it?" has its subject in what was said before. */
function wordsOf(question: string, before: string): ReadonlySet<string> {
  const own = contentWords(question);
  return own.size >= 3 || before === "" ? own : new Set([...own, ...contentWords(before.split("\n", 1)[0] ?? "")]);
}

/**
 * Empties lines that are only the question again, as a README or a list of tests has it: a question is no answer. A line that
 * repeats its words and goes on is one.
 */
function withoutEchoes(passage: Passage, question: string): Passage & { readonly original: Passage } {
  const asked = wordList(question);
  const flat = ` ${asked.join(" ")} `;
  const literal = question.trim().toLowerCase();
  const isEcho = (line: string): boolean => {
    if (literal.endsWith("?") && line.toLowerCase().includes(literal)) return true;
    const said = wordList(line);
    return asked.length > 0 && said.length - asked.length < 4 && ` ${said.join(" ")} `.includes(flat);
  };
  const lines = passage.text.split("\n").map((line) => (isEcho(line) ? "" : line));
  return { ...passage, text: lines.join("\n"), original: passage };
}

/**
 * Whether the passages are about the question: they hold more than two thirds of its content words, one of them at least half.
 * Words that stand in every passage, such as the project's name, do not count.
 */
function covers(wanted: ReadonlySet<string>, passages: readonly Passage[]): boolean {
  const { found, telling, absent } = measure(wanted, passages);
  if (telling.length === 0) return wanted.size > 0 && passages.length > 0;
  const best = Math.max(0, ...found.map((words) => sharedWords(new Set(telling), words)));
  return absent.length * 3 < telling.length && best * 2 >= telling.length;
}

function measure(wanted: ReadonlySet<string>, passages: readonly Passage[]) {
  const found = passages.map(({ path, text }) => contentWords(`${path}\n${text}`));
  const telling = [...wanted].filter((word) => found.length < 3 || !found.every((words) => words.has(word)));
  return { found, telling, absent: telling.filter((word) => !found.some((words) => words.has(word))) };
}

/**
 * False when the question is about a thing that is not here: a name that stands nowhere in the workspace, or too many missing
 * words once the missing subject of "the …" or "which …" counts twice.
 */
function namesNothingElse(
  question: string,
  wanted: ReadonlySet<string>,
  passages: readonly Passage[],
  missing: readonly string[] | undefined,
): boolean {
  const { telling, absent } = measure(wanted, passages);
  const isAbsent = (token: string): boolean => {
    const [word] = contentWords(token);
    return word !== undefined && absent.includes(word);
  };
  const { names, subjects } = thingsIn(question);
  if (names.some((name) => missing?.includes(name.toLowerCase()) === true && isAbsent(name))) return false;
  return (absent.length + subjects.filter(isAbsent).length) * 3 < Math.max(1, telling.length);
}

const introducing = new Set("the a an which what whose of".split(" "));

/** Names: capitals anywhere but at the start of the question. Subjects: the first word after an article, "which" or "of". */
function thingsIn(question: string): { readonly names: readonly string[]; readonly subjects: readonly string[] } {
  const tokens = [...question.matchAll(/[\p{L}\p{N}_]+/gu)].map(([token]) => token);
  const subjects = tokens.filter(
    (token, index) => introducing.has(tokens[index - 1]?.toLowerCase() ?? "") && !introducing.has(token.toLowerCase()),
  );
  return { names: tokens.filter((token, index) => index > 0 && /\p{Lu}/u.test(token)), subjects };
}

/** Each further statement of one file says less than the first of another. */
const sameFile = 0.7;

interface Placed {
  readonly unit: Unit;
  readonly rank: number;
}

function choose(units: readonly (readonly Unit[])[], wanted: ReadonlySet<string>): readonly Unit[] {
  const weights = weigh(units, wanted);
  const fewest = Math.min(2, wanted.size);
  let open = units.flatMap((list, rank) =>
    list
      .filter((unit) => sharedWords(wanted, unit.words) >= fewest && supports(unit.said, unit.quote))
      .map((unit) => ({ unit, rank })),
  );
  const chosen: Placed[] = [];
  let top = 0;
  while (chosen.length < most) {
    const best = bestOf(open, chosen, weights);
    if (best === null || best.score < top * (chosen.length < atLeast ? 0.15 : 0.4)) break;
    open = open.filter(({ unit }) => unit !== best.unit);
    const isStrong = best.score >= top * 0.4;
    if (!isStrong && sharedWords(wanted, best.unit.words) * 2 < wanted.size) continue;
    top = Math.max(top, best.score);
    chosen.push(best);
  }
  return chosen.map(({ unit }) => unit);
}

/** The statement that adds most to those already chosen; null when none is left. */
function bestOf(
  open: readonly Placed[],
  chosen: readonly Placed[],
  weights: ReadonlyMap<string, number>,
): (Placed & { readonly score: number }) | null {
  const covered = new Set(chosen.flatMap(({ unit }) => [...unit.words]));
  let best: (Placed & { readonly score: number }) | null = null;
  for (const { unit, rank } of open) {
    const siblings = chosen.filter((other) => other.rank === rank).length;
    if (siblings >= perPassage || chosen.some((other) => repeats(unit, other.unit))) continue;
    const known = chosen.filter((other) => other.unit.passage.path === unit.passage.path).length;
    const score = scoreOf(unit, rank, weights, covered) * sameFile ** known;
    if (best === null || score > best.score) best = { unit, rank, score };
  }
  return best;
}

/** False for scraps: statements that hold less than half of the question together, or stand in tests and settings only. */
function tells(chosen: readonly Unit[], wanted: ReadonlySet<string>): boolean {
  const words = new Set(chosen.flatMap((unit) => [...unit.words]));
  return sharedWords(wanted, words) * 2 >= wanted.size && chosen.some(({ passage }) => !aside.test(passage.path));
}

/** Rare words of the question weigh more; `n` counts passages. */
function weigh(units: readonly (readonly Unit[])[], wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const word of wanted) {
    const n = units.filter((list) => list.some((unit) => unit.words.has(word))).length;
    weights.set(word, Math.log(1 + (units.length + 1) / (n + 0.5)));
  }
  return weights;
}

function scoreOf(unit: Unit, rank: number, weights: ReadonlyMap<string, number>, covered: ReadonlySet<string>): number {
  let score = 0;
  for (const [word, weight] of weights) {
    if (unit.words.has(word)) score += covered.has(word) ? weight * 0.5 : weight;
  }
  const length = unit.words.size;
  const shape = length < 4 ? 0.5 : length > 40 ? 0.8 : 1;
  const place = aside.test(unit.passage.path) ? 0.4 : 1;
  return (score * shape * place * (unit.prose ? 1.4 : 0.6)) / (1 + 0.12 * rank);
}

function repeats(one: Unit, other: Unit): boolean {
  const shared = sharedWords(one.words, other.words);
  return shared / Math.max(1, Math.min(one.words.size, other.words.size)) > 0.8;
}
