-- Restore points of whole VMs, memory and disks, that a hypervisor keeps for as long as the guest
-- runs where it is. Enumerations and units as in 0001.
CREATE TABLE system_snapshots (
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  snapshot_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  size_mb INTEGER NOT NULL,             -- a part of the VM's disk_mb
  work INTEGER NOT NULL DEFAULT 0,      -- what is done to it: nothing, create, revert, delete
  PRIMARY KEY (vm_id, snapshot_id)
) WITHOUT ROWID;
