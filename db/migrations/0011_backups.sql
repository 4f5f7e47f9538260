-- Images of type BACKUP: which VM one shows, and how whole; each disk is a file of its own.
CREATE TABLE backups (
  image_id INTEGER PRIMARY KEY,
  vm_id INTEGER NOT NULL,
  grade INTEGER NOT NULL DEFAULT 0          -- as in snapshots
);
CREATE INDEX backups_by_vm ON backups(vm_id);
CREATE TABLE backup_disks (
  image_id INTEGER NOT NULL,
  disk_id INTEGER NOT NULL,                 -- the number that it has in the VM
  path TEXT NOT NULL,
  size_mb INTEGER NOT NULL,                 -- what a guest sees
  sha256 TEXT NOT NULL DEFAULT '',          -- of the file; empty: not known
  PRIMARY KEY (image_id, disk_id)
) WITHOUT ROWID;
CREATE TRIGGER backup_removed BEFORE DELETE ON images BEGIN
  DELETE FROM backup_disks WHERE image_id = OLD.id;
  DELETE FROM backups WHERE image_id = OLD.id;
END;
