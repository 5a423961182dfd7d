/** Each entry lifts the schema by one version; entries are never edited once released. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('epoch', 0);
  CREATE TABLE logs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE) STRICT;
  -- id = log * 2^28 + seq: one key is order and uniqueness, so a small commit dirties one page of this table.
  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    epoch INTEGER NOT NULL,
    once TEXT,
    sum INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_once ON events (id >> 28, once) WHERE once IS NOT NULL;
  CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, sum INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
  CREATE TABLE runs (
    log INTEGER PRIMARY KEY REFERENCES logs (id),
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    created_at REAL NOT NULL,
    ended_at REAL,
    attempts INTEGER NOT NULL,
    title TEXT,
    root TEXT NOT NULL,
    waits INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    idem TEXT,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL,
    tokens_estimated INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_newest ON runs (created_at, log);
  CREATE INDEX runs_open ON runs (log) WHERE ended_at IS NULL AND imported = 0;
  CREATE INDEX runs_idem ON runs (idem, created_at) WHERE idem IS NOT NULL;
  `,
];
