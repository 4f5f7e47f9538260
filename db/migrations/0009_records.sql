-- What hosts and their VMs used: one row a visit, and only every few minutes. `vms` is written and
-- read by the repository alone.
CREATE TABLE monitoring_records (
  at INTEGER NOT NULL,
  host_id INTEGER NOT NULL,
  cpu_total INTEGER NOT NULL,        -- percent, 100 a core
  cpu_used INTEGER,
  memory_used_kb INTEGER NOT NULL,
  memory_free_kb INTEGER NOT NULL,
  vms TEXT NOT NULL,
  PRIMARY KEY (at, host_id)
) WITHOUT ROWID;

-- What is to be done to a VM, once or again and again. Numbers as on the wire.
CREATE TABLE scheduled_actions (
  id INTEGER PRIMARY KEY,
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  action TEXT NOT NULL,
  args TEXT NOT NULL DEFAULT '',
  due_at INTEGER NOT NULL,                    -- the next time
  repeat INTEGER NOT NULL DEFAULT -1,         -- -1 never, 0 weekly, 1 monthly, 2 yearly, 3 hourly
  days TEXT NOT NULL DEFAULT '',
  end_type INTEGER NOT NULL DEFAULT -1,       -- 0 never, 1 after so many times, 2 at a time
  end_value INTEGER NOT NULL DEFAULT -1,
  done_at INTEGER NOT NULL DEFAULT -1,        -- the last time
  is_over INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1)),
  message TEXT NOT NULL DEFAULT ''            -- why the last time failed
);
CREATE INDEX scheduled_actions_by_vm ON scheduled_actions(vm_id);
CREATE INDEX scheduled_actions_due ON scheduled_actions(due_at) WHERE is_over = 0;
INSERT INTO counters(name, next) VALUES ('scheduled_action', 0);
