/**
 * The tables, as the list of steps that build them. A published step is never edited: a change is one more step.
 * The record's text is the truth; every other column is taken from it so that it can be found.
 */

/** "qlom": tells a database of ours from every other program's. */
export const APPLICATION_ID = 0x716c6f6d;

/** Step i takes a database from `user_version` i to i + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE shape (                 -- the few that exist, so that many devices' records need not be ordered by distance
    id      INTEGER PRIMARY KEY,
    family  TEXT NOT NULL,             -- familyHash
    extents TEXT NOT NULL,             -- extentsText
    m REAL, n REAL, k REAL,            -- shapeOf
    UNIQUE (family, extents)
  ) STRICT;

  CREATE TABLE scope (
    id           INTEGER PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE, -- scopeHash
    shape        INTEGER NOT NULL REFERENCES shape,
    workload     TEXT NOT NULL,        -- scopeTexts: with "rest", the whole scope
    rest         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    architecture TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    engine       TEXT NOT NULL,
    generator    TEXT NOT NULL
  ) STRICT;
  CREATE INDEX scope_by_shape ON scope (shape, architecture, fingerprint, generator, engine);

  CREATE TABLE record (
    key      TEXT PRIMARY KEY,         -- recordKey
    scope    INTEGER NOT NULL REFERENCES scope,
    template TEXT NOT NULL,
    point    TEXT NOT NULL,            -- canonical JSON
    outcome  TEXT NOT NULL,
    reason   TEXT,
    median   REAL,
    text     TEXT NOT NULL             -- recordText
  ) STRICT;
  CREATE INDEX record_by_scope ON record (scope, outcome, median);

  CREATE TABLE journal (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    key   TEXT NOT NULL,
    text  TEXT NOT NULL,               -- Configuration, canonical JSON
    pid   INTEGER NOT NULL,
    start TEXT NOT NULL,               -- process start, so that a reused pid is not taken for the same process
    host  TEXT NOT NULL,
    begun TEXT NOT NULL
  ) STRICT;

  CREATE TABLE damaged (
    key    TEXT NOT NULL,
    text   TEXT NOT NULL,
    reason TEXT NOT NULL,
    found  TEXT NOT NULL
  ) STRICT;
  `,
];
