-- What happened to a job, for its owner to read: written in the transaction that moves its cursor.
-- Bounded per job, see jobs/log_repository.cpp; goes with the job.
CREATE TABLE job_log (
  job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,               -- the first time
  last_at_ms INTEGER NOT NULL,          -- the last time it was the same again
  times INTEGER NOT NULL DEFAULT 1,
  step TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;

-- When an administrator declared that nothing runs on an unreachable host any more.
ALTER TABLE hosts ADD COLUMN lost_at INTEGER NOT NULL DEFAULT 0;
