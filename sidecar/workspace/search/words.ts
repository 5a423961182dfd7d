const stopWords = new Set(
  `a about above after again all also an and any are as at be because been before being below between both but by can could did do does doing done down
  during each etc every few for from further get gets give given had has have having here how i if in into is it its itself just let like long make makes many me
  more most much must my no nor not now of off on once only or other our out over own same shall she should so some such than that the their them then there these
  they this those through to too under until up us use used uses using very via was we were what when where which while who whom whose why will with would you your
  explain tell show describe find please happens happen exactly works work mean means project repository repo codebase code file files`.split(
    /\s+/,
  ),
);

const cjk = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;

function pieces(word: string): readonly string[] {
  return word
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, "$1 $2")
    .split(/[\s_$]+/)
    .filter((part) => part !== "");
}

function pairs(word: string): readonly string[] {
  const letters = [...word];
  if (letters.length < 2) return letters;
  return letters.slice(1).map((letter, index) => `${letters[index] ?? ""}${letter}`);
}

/** Words of a text in order, lower case: identifiers are also split at humps and underscores, CJK runs into pairs. */
export function words(text: string): readonly string[] {
  const found: string[] = [];
  for (const [word] of text.matchAll(/[\p{L}\p{N}_$]+/gu)) {
    if (word.length > 80) continue;
    if (cjk.test(word)) {
      found.push(...pairs(word));
      continue;
    }
    const parts = pieces(word);
    for (const part of parts) if (part.length > 1 || /\d/.test(part)) found.push(part.toLowerCase());
    if (parts.length > 1) found.push(parts.join("").toLowerCase());
  }
  return found;
}

const suffixes = [
  "ations",
  "ation",
  "ingly",
  "ements",
  "ement",
  "ities",
  "ings",
  "ions",
  "ing",
  "ers",
  "ies",
  "ion",
  "ed",
  "er",
  "es",
  "ly",
  "s",
  "e",
];

/** A light stem, for counting which words of a question a passage has. */
export function stem(word: string): string {
  if (word.length <= 3) return word;
  const suffix = suffixes.find((end) => word.endsWith(end) && word.length - end.length >= 3);
  const base = suffix === undefined ? word : word.slice(0, -suffix.length);
  return base.replace(/(.)\1$/, "$1").replace(/[iy]$/, "");
}

/** The words of a question that carry meaning; all words when none would be left. */
export function questionWords(question: string): readonly string[] {
  const all = [...new Set(words(question))].slice(0, 60);
  const kept = all.filter((word) => !stopWords.has(word) && word.length > 1);
  return kept.length > 0 ? kept : all;
}
