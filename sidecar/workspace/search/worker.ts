import { parentPort, workerData } from "node:worker_threads";
import { toPodiumError } from "../../protocol/errors.ts";
import { linesOf } from "../files.ts";
import { type FileStatus, workspacePaths } from "../list.ts";
import { type Answer, Question, WorkerData } from "./messages.ts";
import { rank } from "./rank.ts";
import { changedFiles, readInside, readUntil, statusesNow } from "./refresh.ts";
import { skipReason } from "./select.ts";
import { type Candidate, type IndexStore, openIndex, removeIndex } from "./store.ts";
import { questionWords } from "./words.ts";

/** Milliseconds after the question at which reading ends: without an index, and with one, which is read for a little in any case. */
const firstScan = 1200;
const laterScan = 170;
const leastScan = 30;
const backgroundSlice = 50;
const maxFiles = 20_000;
const candidates = 200;
const contextWords = 24;

interface Workspace {
  readonly store: IndexStore;
  left: readonly FileStatus[];
  reading: boolean;
}

const order = (path: string): number =>
  /(^|\/)(tests?|fixtures|examples?)\//.test(path) ? 2 : /\.(md|[cm]?[jt]sx?|py|go|rs|java)$/.test(path) ? 0 : 1;

function noteOf(
  first: { readonly files: number; readonly ms: number } | null,
  left: number,
  capped: boolean,
  skipped: ReadonlyMap<string, number>,
): string | undefined {
  const sentences: string[] = [];
  if (first !== null) {
    const seconds = (first.ms / 1000).toFixed(1);
    sentences.push(
      `First search here: ${first.files} files were read in ${seconds} s; later only what changed is read.`,
    );
  }
  if (left > 0) sentences.push(`The index is still being made: ${left} files are not in it yet.`);
  if (capped) sentences.push(`Only the first ${maxFiles} files are searched.`);
  const large = skipped.get("large") ?? 0;
  if (large > 0) sentences.push(`${large} files over 1 MB were skipped.`);
  return sentences.length === 0 ? undefined : sentences.join(" ");
}

function countSkipped(files: readonly FileStatus[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { path, bytes } of files) {
    const reason = skipReason(path, bytes);
    if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}

/** Passages with words of the question; those of what was said before count less, and little when the question says enough. */
function matches(store: IndexStore, asked: readonly string[], context: string | undefined): readonly Candidate[] {
  const own = store.match(asked, candidates);
  const before = questionWords(context ?? "").filter((word) => !asked.includes(word));
  if (context === undefined || before.length === 0) return own;
  const share = asked.length <= 3 ? 0.5 : 0.15;
  const found = new Map(own.map((candidate) => [`${candidate.path}\n${candidate.line}`, candidate]));
  for (const candidate of store.match(before.slice(0, contextWords), candidates)) {
    const key = `${candidate.path}\n${candidate.line}`;
    found.set(key, { ...candidate, score: (found.get(key)?.score ?? 0) + share * candidate.score });
  }
  return [...found.values()].toSorted((a, b) => b.score - a.score);
}

/** Answers questions one after another and reads on in between; lives until it is terminated. */
function serve(port: NonNullable<typeof parentPort>, settings: WorkerData): void {
  const workspaces = new Map<string, Workspace>();
  let waiting = 0;

  const forget = (file: string, root: string): void => {
    workspaces.get(file + root)?.store.close();
    workspaces.delete(file + root);
    removeIndex(file);
  };

  const workspaceOf = (question: Question): Workspace => {
    const known = workspaces.get(question.database + question.root);
    if (known !== undefined) return known;
    const opened = { store: openIndex(question.database, settings.nativeBinding), left: [], reading: false };
    workspaces.set(question.database + question.root, opened);
    return opened;
  };

  const readOn = (workspace: Workspace, question: Question): void => {
    if (workspaces.get(question.database + question.root) !== workspace) return;
    // A question goes first; its answer starts the reading again.
    if (waiting > 0) {
      workspace.reading = false;
      return;
    }
    workspace.left = readUntil(workspace.store, question, workspace.left, performance.now() + backgroundSlice);
    workspace.reading = workspace.left.length > 0;
    if (workspace.reading) setImmediate(() => readOn(workspace, question));
  };

  const reader = (question: Question): ((candidate: Candidate) => string | null) => {
    const texts = new Map<string, readonly string[] | null>();
    return ({ path, line, endLine }) => {
      if (!texts.has(path)) {
        const text = readInside(question.root, question.forbidden, path);
        texts.set(path, text === null ? null : linesOf(text));
      }
      const lines = texts.get(path);
      return lines === null || lines === undefined || endLine > lines.length
        ? null
        : lines.slice(line - 1, endLine).join("\n");
    };
  };

  const answer = async (question: Question): Promise<Answer> => {
    const begun = performance.now();
    if (question.forget !== undefined) forget(question.forget, question.root);
    const workspace = workspaceOf(question);
    const fresh = workspace.store.known().size === 0;
    const call = { root: question.root, env: question.env, signal: AbortSignal.timeout(20_000) };
    const paths = await workspacePaths(call, maxFiles + 1);
    const files = statusesNow(question.root, paths.slice(0, maxFiles));
    const changed = changedFiles(workspace.store, files).toSorted((a, b) => order(a.path) - order(b.path));
    const deadline = fresh ? begun + firstScan : Math.max(begun + laterScan, performance.now() + leastScan);
    workspace.left = readUntil(workspace.store, question, changed, deadline);
    const readMs = performance.now() - begun;
    const asked = questionWords(question.query);
    const found = asked.length === 0 ? [] : matches(workspace.store, asked, question.context);
    const hits = rank(asked, found, question.top, reader(question));
    const first = fresh ? { files: changed.length - workspace.left.length, ms: readMs } : null;
    const note = noteOf(first, workspace.left.length, paths.length > maxFiles, countSkipped(files));
    if (workspace.left.length > 0 && !workspace.reading) {
      workspace.reading = true;
      setImmediate(() => readOn(workspace, question));
    }
    const truncated = workspace.left.length > 0 || paths.length > maxFiles;
    const missing = truncated ? undefined : asked.filter((word) => !workspace.store.has(word));
    return {
      id: question.id,
      hits: [...hits],
      truncated,
      ...(note === undefined ? {} : { note }),
      ...(missing === undefined ? {} : { missing }),
    };
  };

  let turn: Promise<void> = Promise.resolve();
  port.on("message", (message: unknown) => {
    const question = Question.parse(message);
    waiting += 1;
    turn = turn.then(async () => {
      const reply = await answer(question).catch(
        (error: unknown): Answer => ({ id: question.id, error: toPodiumError(error, "tool_failed").toShape() }),
      );
      waiting -= 1;
      port.postMessage(reply);
    });
  });
}

if (parentPort !== null) serve(parentPort, WorkerData.parse(workerData ?? {}));
