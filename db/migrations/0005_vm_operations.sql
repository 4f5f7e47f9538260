-- What is done to VMs and images beside their life cycle. Enumerations and units as in 0001.

-- Numbers within a VM: no disk, NIC or snapshot gets one that another has had.
CREATE TABLE vm_numbers (
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  name TEXT NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (vm_id, name)
) WITHOUT ROWID;

-- Disks can be detached: then the row goes, and what it counted for.
CREATE TRIGGER disk_removed BEFORE DELETE ON vm_disks BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM vm_usage
    WHERE vm_id = OLD.vm_id AND disk_id = OLD.disk_id;
END;

-- Restore points of a disk: frozen layers below the one that the guest writes to. Those of a
-- persistent disk belong to its image (vm_id and disk_id are -1) and stay when the VM goes; the
-- others belong to the disk (image_id is -1).
CREATE TABLE disk_snapshots (
  image_id INTEGER NOT NULL,
  vm_id INTEGER NOT NULL,
  disk_id INTEGER NOT NULL,
  snapshot_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,             -- -1: the disk as it was at first
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  size_mb INTEGER NOT NULL,               -- of the disk then
  path TEXT NOT NULL,
  format TEXT NOT NULL,
  grade INTEGER NOT NULL,                 -- how whole its content is
  is_active INTEGER NOT NULL DEFAULT 0,   -- the disk goes on from it
  PRIMARY KEY (image_id, vm_id, disk_id, snapshot_id)
) WITHOUT ROWID;
-- The next number of each tree.
CREATE TABLE disk_snapshot_numbers (
  image_id INTEGER NOT NULL,
  vm_id INTEGER NOT NULL,
  disk_id INTEGER NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (image_id, vm_id, disk_id)
) WITHOUT ROWID;

-- Restore points of an image take room in its datastore.
DROP VIEW image_usage;
CREATE VIEW image_usage(user_id, group_id, section, key, metric, amount, image_id) AS
  SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'IMAGES', 1, id FROM images
  UNION ALL
  SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'SIZE', size_mb, id
    FROM images
  UNION ALL
  SELECT i.user_id, i.group_id, 'DATASTORE', CAST(i.datastore_id AS TEXT), 'SIZE', s.size_mb, i.id
    FROM disk_snapshots s JOIN images i ON i.id = s.image_id;
CREATE TRIGGER disk_snapshot_counted AFTER INSERT ON disk_snapshots BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'SIZE', NEW.size_mb
    FROM images WHERE id = NEW.image_id;
END;
CREATE TRIGGER disk_snapshot_removed BEFORE DELETE ON disk_snapshots BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'SIZE', -OLD.size_mb
    FROM images WHERE id = OLD.image_id;
END;
