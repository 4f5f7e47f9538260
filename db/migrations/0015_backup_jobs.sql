-- Backup jobs: plans that back up a list of VMs, now or by a schedule.
INSERT INTO counters(name, next) VALUES ('backup_job', 0);
CREATE TABLE backup_jobs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 99),
  started_at INTEGER NOT NULL DEFAULT 0,      -- the last run
  ended_at INTEGER NOT NULL DEFAULT 0,        -- its last backup so far
  run_id INTEGER,                             -- the job that works on it
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);
CREATE TRIGGER backup_job_unlocked AFTER DELETE ON backup_jobs BEGIN
  DELETE FROM object_locks WHERE resource = 0x100000000000000 AND object_id = OLD.id;
END;

-- The VMs of a backup job, in their order. A VM that was not there when it was named is in state 0;
-- all others are in one backup job at most.
CREATE TABLE backup_job_vms (
  backup_job_id INTEGER NOT NULL REFERENCES backup_jobs(id) ON DELETE CASCADE,
  vm_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
  image_id INTEGER,                           -- its backup while that is made
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (backup_job_id, vm_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX backup_job_of_vm ON backup_job_vms(vm_id) WHERE state > 0;
CREATE INDEX backup_job_vms_by_image ON backup_job_vms(image_id) WHERE image_id IS NOT NULL;

-- Scheduled actions are of a VM or of a backup job.
CREATE TABLE scheduled_actions_of_both (
  id INTEGER PRIMARY KEY,
  vm_id INTEGER REFERENCES vms(id),
  backup_job_id INTEGER REFERENCES backup_jobs(id) ON DELETE CASCADE,
  action TEXT NOT NULL,
  args TEXT NOT NULL DEFAULT '',
  due_at INTEGER NOT NULL,                    -- the next time
  repeat INTEGER NOT NULL DEFAULT -1,         -- -1 never, 0 weekly, 1 monthly, 2 yearly, 3 hourly
  days TEXT NOT NULL DEFAULT '',
  end_type INTEGER NOT NULL DEFAULT -1,       -- 0 never, 1 after so many times, 2 at a time
  end_value INTEGER NOT NULL DEFAULT -1,
  done_at INTEGER NOT NULL DEFAULT -1,        -- the last time
  is_over INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1)),
  message TEXT NOT NULL DEFAULT '',           -- why the last time failed
  CHECK ((vm_id IS NULL) <> (backup_job_id IS NULL))
);
INSERT INTO scheduled_actions_of_both(id, vm_id, action, args, due_at, repeat, days, end_type,
                                      end_value, done_at, is_over, message)
  SELECT id, vm_id, action, args, due_at, repeat, days, end_type, end_value, done_at, is_over,
         message
  FROM scheduled_actions;
DROP TABLE scheduled_actions;
ALTER TABLE scheduled_actions_of_both RENAME TO scheduled_actions;
CREATE INDEX scheduled_actions_by_vm ON scheduled_actions(vm_id) WHERE vm_id IS NOT NULL;
CREATE INDEX scheduled_actions_by_backup_job ON scheduled_actions(backup_job_id)
  WHERE backup_job_id IS NOT NULL;
CREATE INDEX scheduled_actions_due ON scheduled_actions(due_at) WHERE is_over = 0;
