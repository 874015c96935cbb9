-- SPDX-License-Identifier: Apache-2.0
-- From version 1 to version 2; `schema.sql` and this together are the schema of a new ledger.

-- What is remembered beside the chain: schedules, what is held, how far the watch came, tokens,
-- notices to be sent. Unlike entries and events these change and go.
CREATE TABLE shelves (
  shelf   TEXT NOT NULL,           -- what kind of thing
  id      TEXT NOT NULL,
  account TEXT NOT NULL,           -- whom it is about, so that it goes with an erasure; '' nobody
  value   BLOB NOT NULL,           -- JSON
  PRIMARY KEY (shelf, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX shelves_of_accounts ON shelves (account) WHERE account <> '';
