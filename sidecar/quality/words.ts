/** Words that say nothing about a subject: English glue, and the verbs every question is made of. */
const glue = new Set(
  (
    "a an the and or but if then else of to in on at by for from with without into onto over under out up down off about as is are was were be been being am do does did done doing has have had " +
    "having can could may might must shall should will would not no nor so than too very just also only own same such it its this that these those there here he she they them their we us our you your i me my " +
    "what which who whom whose when where why how all any both each every few more most other some one two " +
    "happen happens happened work works working use uses used using make makes made get gets got give gives mean means need needs want wants show shows tell explain describe find " +
    "handle handles handled determine determines determined let lets allow allows please"
  ).split(" "),
);

/** Cuts the endings that English adds, so that "resumes", "resumed" and "resuming" are one word. */
function stem(word: string): string {
  if (word.length <= 4 || /\d/.test(word)) return word.length === 4 ? word.replace(/(?<=[^s])s$/, "") : word;
  const cut = word
    .replace(/ies$/, "y")
    .replace(/(?<=ch|sh|x|ss|zz)es$/, "")
    .replace(/(?<=[^su])s$/, "")
    .replace(/(?<=[a-z]{3})(ing|ed)$/, "");
  return cut.length > 3 ? cut.replace(/(?<=[a-z]{3})e$/, "").replace(/([bdgmnprt])\1$/, "$1") : cut;
}

/**
 * The words of a text that carry meaning, in order, stemmed and in lower case. An identifier gives itself and its parts:
 * `foldRun` gives foldrun, fold, run.
 */
export function wordList(text: string): readonly string[] {
  const words: string[] = [];
  for (const [token] of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
    const parts = token
      .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
      .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
      .split(/[ _]+/);
    const all = parts.length > 1 ? [token.replaceAll("_", ""), ...parts] : parts;
    for (const part of all) {
      const word = part.toLowerCase();
      if ((word.length > 1 || /\P{ASCII}/u.test(word)) && !glue.has(word)) words.push(stem(word));
    }
  }
  return words;
}

export function contentWords(text: string): ReadonlySet<string> {
  return new Set(wordList(text));
}

/** How many content words two texts have in common. */
export function sharedWords(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let count = 0;
  for (const word of one) if (other.has(word)) count += 1;
  return count;
}
