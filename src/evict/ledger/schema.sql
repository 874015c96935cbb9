-- SPDX-License-Identifier: Apache-2.0
-- Version 1. Tables are STRICT so that SQLite converts nothing behind our back.

CREATE TABLE meta (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  ledger  TEXT NOT NULL,           -- random id, the same in every body
  version INTEGER NOT NULL,        -- of this schema
  state   TEXT NOT NULL            -- 'adopted' or 'needs adoption'
) STRICT;

-- The chain. The hash before is that of the row before; everything else is inside `raw`.
-- No index but the key: requests and standings are looked up in the fold.
CREATE TABLE entries (
  seq  INTEGER PRIMARY KEY,
  raw  BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER entries_are_not_removed BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never removed'); END;

-- Names and reasons, bound to the chain by SHA-256(salt || content). Rows may be erased.
CREATE TABLE personal (
  seq     INTEGER PRIMARY KEY,
  salt    BLOB NOT NULL,
  content BLOB NOT NULL
) STRICT;

CREATE TRIGGER personal_is_not_changed BEFORE UPDATE ON personal
BEGIN SELECT RAISE(ABORT, 'a personal part is kept or erased, never changed'); END;

-- What happened in a case, in order. Holds no names: those would outlive an erasure.
CREATE TABLE case_events (
  account    TEXT NOT NULL,
  generation INTEGER NOT NULL,
  n          INTEGER NOT NULL,     -- 1, 2, 3, ... per case
  at         TEXT NOT NULL,        -- RFC 3339, UTC
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,        -- a door's name or a measure's id; '' for the case itself
  data       TEXT NOT NULL,        -- JSON object
  PRIMARY KEY (account, generation, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER case_events_are_not_changed BEFORE UPDATE ON case_events
BEGIN SELECT RAISE(ABORT, 'case events are never changed'); END;
CREATE TRIGGER case_events_are_not_removed BEFORE DELETE ON case_events
BEGIN SELECT RAISE(ABORT, 'case events are never removed'); END;

-- Tells which cases are at rest without reading every event.
CREATE INDEX case_turns ON case_events (account, generation, n)
WHERE kind IN ('case.opened', 'case.closed');

-- The first image of a measure is kept. Erased together with the names.
CREATE TABLE before_images (
  account    TEXT NOT NULL,
  generation INTEGER NOT NULL,
  n          INTEGER NOT NULL,     -- the order in which they were taken
  measure    TEXT NOT NULL,
  image      BLOB NOT NULL,        -- JSON
  digest     BLOB NOT NULL,        -- SHA-256 of it: what is put back must be what was there
  PRIMARY KEY (account, generation, measure)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER before_images_are_not_changed BEFORE UPDATE ON before_images
BEGIN SELECT RAISE(ABORT, 'a before-image is never changed'); END;

CREATE TABLE evidence (
  account    TEXT NOT NULL,
  generation INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  at         TEXT NOT NULL,
  path       TEXT NOT NULL,
  digest     TEXT NOT NULL,        -- hex SHA-256 of the file
  PRIMARY KEY (account, generation, n)
) STRICT, WITHOUT ROWID;
