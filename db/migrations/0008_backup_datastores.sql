-- Datastores of a fourth type, BACKUP_DS. SQLite cannot loosen a CHECK in place, so the column is
-- made anew; a rebuilt table would take the rows of cluster_datastores with it.
ALTER TABLE datastores ADD COLUMN kind INTEGER NOT NULL DEFAULT 0
  CHECK (kind IN (0, 1, 2, 3));  -- image, system, file, backup
UPDATE datastores SET kind = type;
ALTER TABLE datastores DROP COLUMN type;
ALTER TABLE datastores RENAME COLUMN kind TO type;
