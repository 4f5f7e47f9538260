-- What VMs cost, by month: computed from their history when somebody asks for it, and kept.

CREATE TABLE showback (
  year INTEGER NOT NULL,
  month INTEGER NOT NULL CHECK (month BETWEEN 1 AND 12),
  vm_id INTEGER NOT NULL REFERENCES vms(id) ON DELETE CASCADE,
  cpu_cost REAL NOT NULL,
  memory_cost REAL NOT NULL,
  disk_cost REAL NOT NULL,
  hours REAL NOT NULL,
  running_hours REAL NOT NULL,
  PRIMARY KEY (year, month, vm_id)
) WITHOUT ROWID;
