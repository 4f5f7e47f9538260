-- Tells a store of Nephograph from any other SQLite file ("Neph").
PRAGMA application_id = 0x4e657068;

-- Which store this is: a backup knows it too, so that a restore can tell whether the store that it
-- replaces went on from there (docs/decisions/0006-restored-ids.md).
CREATE TABLE store_identity (
  id TEXT NOT NULL
);
INSERT INTO store_identity VALUES (lower(hex(randomblob(16))));

-- What `neph check` found, one row a run; the job tells how it went.
CREATE TABLE checks (
  job_id INTEGER PRIMARY KEY,
  is_repair INTEGER NOT NULL,
  began_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  vms INTEGER NOT NULL,
  images INTEGER NOT NULL,
  hosts INTEGER NOT NULL,
  files INTEGER NOT NULL,
  findings INTEGER NOT NULL  -- all of them; check_findings keeps the first
);
CREATE TABLE check_findings (
  job_id INTEGER NOT NULL REFERENCES checks(job_id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  object TEXT NOT NULL,
  place TEXT NOT NULL,
  owner TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  words TEXT NOT NULL,
  repair INTEGER NOT NULL,
  repaired TEXT NOT NULL,
  PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
-- Where it could not look.
CREATE TABLE check_unseen (
  job_id INTEGER NOT NULL REFERENCES checks(job_id) ON DELETE CASCADE,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (job_id, place)
) WITHOUT ROWID;
