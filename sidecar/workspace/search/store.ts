import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import type { FileStatus } from "../list.ts";
import type { Chunk } from "./chunks.ts";
import { words } from "./words.ts";

const version = 2;
const schema = `
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, modified INTEGER NOT NULL, bytes INTEGER NOT NULL, skipped TEXT) STRICT;
CREATE TABLE chunk (id INTEGER PRIMARY KEY, file INTEGER NOT NULL, line INTEGER NOT NULL, end_line INTEGER NOT NULL) STRICT;
CREATE INDEX chunk_file ON chunk (file);
CREATE VIRTUAL TABLE passage USING fts5(path, symbols, body, content='', contentless_delete=1, tokenize='porter unicode61');
PRAGMA user_version = ${version};
`;

export interface Candidate {
  readonly path: string;
  readonly line: number;
  readonly endLine: number;
  /** bm25, higher is better. */
  readonly score: number;
}

/** The index file of one workspace: which file was read when, and the words of its passages. No text is kept. */
export interface IndexStore {
  known(): ReadonlyMap<string, { readonly modified: number; readonly bytes: number }>;
  put(status: FileStatus, content: { readonly chunks: readonly Chunk[] } | { readonly skipped: string }): void;
  remove(path: string): void;
  /** Runs several changes as one commit. */
  batch(work: () => void): void;
  match(question: readonly string[], limit: number): readonly Candidate[];
  /** True when some passage has the word, as it is or with another ending. */
  has(word: string): boolean;
  close(): void;
}

type Connection = InstanceType<typeof Database>;

function connect(file: string, nativeBinding: string | undefined): Connection {
  if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new Database(
    file,
    nativeBinding === undefined ? { timeout: 2000 } : { timeout: 2000, nativeBinding },
  );
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.pragma("cache_size = -16000");
  if (database.pragma("user_version", { simple: true }) === version) return database;
  database.exec("DROP TABLE IF EXISTS file; DROP TABLE IF EXISTS chunk; DROP TABLE IF EXISTS passage;");
  database.exec(schema);
  return database;
}

/** Deletes an index file with its side files. */
export function removeIndex(file: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
}

function open(file: string, nativeBinding: string | undefined): Connection {
  try {
    return connect(file, nativeBinding);
  } catch (error) {
    // The index can always be made again; a broken one is not worth a question.
    if (file === ":memory:") throw error;
    removeIndex(file);
    return connect(file, nativeBinding);
  }
}

/** Opens (or makes) an index file; `:memory:` for a workspace whose index is switched off. */
export function openIndex(file: string, nativeBinding: string | undefined): IndexStore {
  const database = open(file, nativeBinding);
  const all = database.prepare<[], { path: string; modified: number; bytes: number }>(
    "SELECT path, modified, bytes FROM file",
  );
  const find = database.prepare<[string], { id: number }>("SELECT id FROM file WHERE path = ?");
  const addFile = database.prepare("INSERT INTO file (path, modified, bytes, skipped) VALUES (?, ?, ?, ?)");
  const addChunk = database.prepare("INSERT INTO chunk (file, line, end_line) VALUES (?, ?, ?)");
  const addPassage = database.prepare("INSERT INTO passage (rowid, path, symbols, body) VALUES (?, ?, ?, ?)");
  const dropPassages = database.prepare("DELETE FROM passage WHERE rowid IN (SELECT id FROM chunk WHERE file = ?)");
  const dropChunks = database.prepare("DELETE FROM chunk WHERE file = ?");
  const dropFile = database.prepare("DELETE FROM file WHERE id = ?");
  const search = database.prepare<[string, number], Candidate>(
    `SELECT file.path AS path, chunk.line AS line, chunk.end_line AS endLine, -bm25(passage, 4.0, 3.0, 1.0) AS score
     FROM passage JOIN chunk ON chunk.id = passage.rowid JOIN file ON file.id = chunk.file
     WHERE passage MATCH ? ORDER BY bm25(passage, 4.0, 3.0, 1.0) LIMIT ?`,
  );
  const some = database.prepare<[string], { rowid: number }>("SELECT rowid FROM passage WHERE passage MATCH ? LIMIT 1");
  const quoted = (word: string): string => `"${word.replaceAll('"', "")}"`;

  const remove = (path: string): void => {
    const row = find.get(path);
    if (row === undefined) return;
    dropPassages.run(row.id);
    dropChunks.run(row.id);
    dropFile.run(row.id);
  };
  return {
    known: () => new Map(all.all().map(({ path, modified, bytes }) => [path, { modified, bytes }])),
    put({ path, modified, bytes }, content) {
      remove(path);
      const file = addFile.run(path, modified, bytes, "skipped" in content ? content.skipped : null).lastInsertRowid;
      if ("skipped" in content) return;
      const pathWords = words(path).join(" ");
      for (const chunk of content.chunks) {
        const id = addChunk.run(file, chunk.line, chunk.endLine).lastInsertRowid;
        addPassage.run(id, pathWords, words(chunk.symbols).join(" "), words(chunk.text).join(" "));
      }
    },
    remove,
    batch: (work) => database.transaction(work)(),
    match: (question, limit) => search.all(question.map(quoted).join(" OR "), limit),
    has: (word) => some.get(quoted(word)) !== undefined,
    close: () => database.close(),
  };
}
