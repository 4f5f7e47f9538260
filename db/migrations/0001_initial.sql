-- Times: *_at are UTC seconds, *_at_ms UTC milliseconds; 0 means not yet. Sizes: *_mb are MB as
-- OpenNebula's clients count, *_bytes are bytes. Enumerations carry the numbers of the wire where
-- the wire has them. Free attributes live in a canonical text column (D7b).

CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters(name, next) VALUES
  ('user', 2), ('group', 100), ('acl', 6), ('cluster', 100), ('host', 0), ('datastore', 100),
  ('image', 0), ('template', 0), ('vm', 0), ('snapshot', 1), ('job', 1);

CREATE TABLE groups (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  template TEXT NOT NULL DEFAULT ''
);

CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  auth_driver TEXT NOT NULL,
  is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
  group_id INTEGER NOT NULL REFERENCES groups(id),
  template TEXT NOT NULL DEFAULT ''
);
CREATE TABLE user_groups (
  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  group_id INTEGER NOT NULL REFERENCES groups(id),
  PRIMARY KEY (user_id, group_id)
) WITHOUT ROWID;
CREATE TABLE login_tokens (
  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  token TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  effective_group_id INTEGER NOT NULL DEFAULT -1,
  PRIMARY KEY (user_id, token)
) WITHOUT ROWID;
CREATE TABLE acls (
  id INTEGER PRIMARY KEY,
  user_field INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  rights INTEGER NOT NULL,
  zone INTEGER NOT NULL,
  UNIQUE (user_field, resource, rights, zone)
);
-- Limits; what is used stands in quota_usage.
CREATE TABLE quota_limits (
  owner_kind INTEGER NOT NULL CHECK (owner_kind IN (1, 2)),  -- 1 user, 2 group
  owner_id INTEGER NOT NULL,
  section TEXT NOT NULL CHECK (section IN ('DATASTORE', 'VM', 'IMAGE')),
  key TEXT NOT NULL,     -- id of the datastore or image; '' for VM
  metric TEXT NOT NULL,  -- 'SIZE', 'IMAGES', 'VMS', 'CPU', 'MEMORY', 'RVMS' ...
  limit_value REAL NOT NULL,
  PRIMARY KEY (owner_kind, owner_id, section, key, metric)
) WITHOUT ROWID;

CREATE TABLE clusters (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  template TEXT NOT NULL DEFAULT ''
);

CREATE TABLE hosts (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  cluster_id INTEGER NOT NULL REFERENCES clusters(id),
  im_mad TEXT NOT NULL,
  vm_mad TEXT NOT NULL,
  uri TEXT NOT NULL,                     -- as resolved when the host was made or updated
  admin_state INTEGER NOT NULL DEFAULT 0 CHECK (admin_state IN (0, 1, 2)),  -- as one.host.status
  is_reachable INTEGER NOT NULL DEFAULT 0,
  monitored_at INTEGER NOT NULL DEFAULT 0,
  unreachable_since INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  cpu_total INTEGER NOT NULL DEFAULT 0,  -- percent, 100 a core
  memory_total_kb INTEGER NOT NULL DEFAULT 0,
  memory_free_kb INTEGER NOT NULL DEFAULT 0,
  facts TEXT NOT NULL DEFAULT '',        -- what monitoring saw: ARCH, HYPERVISOR, MODELNAME ...
  template TEXT NOT NULL DEFAULT ''      -- what the administrator wrote
);

CREATE TABLE datastores (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  type INTEGER NOT NULL CHECK (type IN (0, 1, 2)),  -- image, system, file
  is_enabled INTEGER NOT NULL DEFAULT 1,
  ds_mad TEXT NOT NULL,
  tm_mad TEXT NOT NULL,
  base_path TEXT NOT NULL,
  total_mb INTEGER NOT NULL DEFAULT 0,
  free_mb INTEGER NOT NULL DEFAULT 0,
  used_mb INTEGER NOT NULL DEFAULT 0,
  template TEXT NOT NULL DEFAULT ''
);
CREATE TABLE cluster_datastores (
  cluster_id INTEGER NOT NULL REFERENCES clusters(id) ON DELETE CASCADE,
  datastore_id INTEGER NOT NULL REFERENCES datastores(id) ON DELETE CASCADE,
  PRIMARY KEY (cluster_id, datastore_id)
) WITHOUT ROWID;

CREATE TABLE images (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  type INTEGER NOT NULL,
  disk_type INTEGER NOT NULL DEFAULT 0,
  is_persistent INTEGER NOT NULL CHECK (is_persistent IN (0, 1)),
  state INTEGER NOT NULL,
  datastore_id INTEGER NOT NULL REFERENCES datastores(id),
  size_mb INTEGER NOT NULL DEFAULT 0,   -- what a guest sees, rounded up
  source TEXT NOT NULL DEFAULT '',      -- path of the file in the datastore
  format TEXT NOT NULL DEFAULT '',      -- 'raw' or 'qcow2'
  original_path TEXT NOT NULL DEFAULT '',
  cloning_id INTEGER,                   -- the image this one is being cloned from
  sha256 TEXT NOT NULL DEFAULT '',      -- of the file when it became READY
  modified_by_vm INTEGER,               -- the VM that has written to it since
  registered_at INTEGER NOT NULL,
  job_id INTEGER,                       -- the job that works on it
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);
CREATE INDEX images_by_datastore ON images(datastore_id);
CREATE INDEX images_by_group ON images(group_id);

CREATE TABLE vm_templates (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);

CREATE TABLE vms (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  state INTEGER NOT NULL,
  lcm_state INTEGER NOT NULL DEFAULT 0,
  is_rescheduled INTEGER NOT NULL DEFAULT 0,
  uuid TEXT NOT NULL,
  cpu REAL NOT NULL,
  vcpus INTEGER NOT NULL,
  memory_mb INTEGER NOT NULL,
  disk_mb INTEGER NOT NULL DEFAULT 0,        -- charged to SYSTEM_DISK_SIZE
  host_id INTEGER REFERENCES hosts(id),      -- of the open history record
  system_datastore_id INTEGER REFERENCES datastores(id),
  created_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL DEFAULT 0,
  polled_at INTEGER NOT NULL DEFAULT 0,
  deploy_id TEXT NOT NULL DEFAULT '',
  job_id INTEGER,                            -- the life-cycle job under way
  pending_reason TEXT NOT NULL DEFAULT '',
  wait_reason TEXT NOT NULL DEFAULT '',      -- why a step under way waits
  memory_path TEXT NOT NULL DEFAULT '',      -- of a saved VM
  rest_grade INTEGER NOT NULL DEFAULT 0,     -- how whole its disks are while it is off
  monitoring TEXT NOT NULL DEFAULT '',
  template_id INTEGER,
  template TEXT NOT NULL,                    -- without DISK and NIC
  user_template TEXT NOT NULL DEFAULT ''
);
CREATE INDEX vms_by_user ON vms(user_id);
CREATE INDEX vms_by_host ON vms(host_id, state, cpu, memory_mb, disk_mb);
CREATE INDEX vms_by_uuid ON vms(uuid);
CREATE INDEX vms_by_state ON vms(state) WHERE state <> 6;

CREATE TABLE vm_disks (
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  disk_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,                  -- image, volatile, cdrom, context
  image_id INTEGER,
  image_datastore_id INTEGER,
  path TEXT NOT NULL DEFAULT '',          -- the layer the VM owns, or the persistent image's file
  format TEXT NOT NULL DEFAULT '',
  overlay_path TEXT NOT NULL DEFAULT '',  -- layer on top while a snapshot keeps `path` still
  is_present INTEGER NOT NULL DEFAULT 0,  -- made by prolog, not yet removed by epilog
  is_retained INTEGER NOT NULL DEFAULT 0, -- kept for a snapshot although its VM has ended
  is_persistent INTEGER NOT NULL DEFAULT 0,
  size_mb INTEGER NOT NULL DEFAULT 0,
  target TEXT NOT NULL DEFAULT '',
  attributes TEXT NOT NULL DEFAULT '',    -- the DISK vector as clients see it
  PRIMARY KEY (vm_id, disk_id)
) WITHOUT ROWID;
CREATE INDEX vm_disks_by_image ON vm_disks(image_id);
CREATE INDEX vm_disks_retained ON vm_disks(is_retained) WHERE is_retained = 1;

CREATE TABLE vm_nics (
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  nic_id INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  PRIMARY KEY (vm_id, nic_id)
) WITHOUT ROWID;

CREATE TABLE vm_history (
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  seq INTEGER NOT NULL,
  host_id INTEGER NOT NULL,
  host_name TEXT NOT NULL,
  cluster_id INTEGER NOT NULL,
  datastore_id INTEGER NOT NULL,
  vm_mad TEXT NOT NULL,
  tm_mad TEXT NOT NULL,
  action INTEGER NOT NULL DEFAULT 0,
  by_user INTEGER NOT NULL DEFAULT -1,
  started_at INTEGER NOT NULL DEFAULT 0,
  ended_at INTEGER NOT NULL DEFAULT 0,
  prolog_started_at INTEGER NOT NULL DEFAULT 0,
  prolog_ended_at INTEGER NOT NULL DEFAULT 0,
  running_started_at INTEGER NOT NULL DEFAULT 0,
  running_ended_at INTEGER NOT NULL DEFAULT 0,
  epilog_started_at INTEGER NOT NULL DEFAULT 0,
  epilog_ended_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (vm_id, seq)
) WITHOUT ROWID;

-- A disk that must not go before its snapshot has it.
CREATE TABLE disk_holds (
  snapshot_id INTEGER PRIMARY KEY,
  vm_id INTEGER NOT NULL,
  disk_id INTEGER NOT NULL,
  fires INTEGER NOT NULL CHECK (fires IN (0, 1, 2)),  -- by itself, at the first stop, at the end
  state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),  -- armed, due, pinned
  due_at_ms INTEGER NOT NULL DEFAULT 0,
  grade INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX disk_holds_by_disk ON disk_holds(vm_id, disk_id);

CREATE TABLE snapshots (
  id INTEGER PRIMARY KEY,
  set_id INTEGER NOT NULL,            -- the first of those that show one instant
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  vm_id INTEGER NOT NULL,
  disk_id INTEGER NOT NULL,
  image_id INTEGER NOT NULL,          -- stays when the image is gone
  image_name TEXT NOT NULL,
  datastore_id INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind IN (1, 2)),     -- hot, deferred
  fires INTEGER NOT NULL CHECK (fires IN (0, 1, 2)),
  quiesce INTEGER NOT NULL CHECK (quiesce IN (1, 2, 3)),
  phase INTEGER NOT NULL,
  captures_crashed INTEGER NOT NULL DEFAULT 0,
  grade INTEGER NOT NULL DEFAULT 0,
  requested_at_ms INTEGER NOT NULL,
  captured_at_ms INTEGER NOT NULL DEFAULT 0,
  ready_at_ms INTEGER NOT NULL DEFAULT 0,
  frozen_ms INTEGER NOT NULL DEFAULT 0,
  bytes_total INTEGER NOT NULL DEFAULT 0,
  sha256 TEXT NOT NULL DEFAULT '',
  pin_kind INTEGER NOT NULL DEFAULT 0,              -- none, overlay, shared blocks, the disk itself
  pin_path TEXT NOT NULL DEFAULT '',                -- overlay or shared file
  host_id INTEGER,
  description TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  job_id INTEGER
);
CREATE INDEX snapshots_by_disk ON snapshots(vm_id, disk_id);
CREATE INDEX snapshots_by_image ON snapshots(image_id);

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  step TEXT NOT NULL,
  state INTEGER NOT NULL,
  args TEXT NOT NULL DEFAULT '',
  user_id INTEGER,
  host_id INTEGER,
  datastore_id INTEGER,
  vm_id INTEGER,
  image_id INTEGER,
  snapshot_id INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0,
  is_cancel_asked INTEGER NOT NULL DEFAULT 0,
  wake_key TEXT NOT NULL DEFAULT '',
  not_before_ms INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL,
  changed_at_ms INTEGER NOT NULL
);
CREATE INDEX jobs_open ON jobs(state, not_before_ms) WHERE state <= 3;
CREATE INDEX jobs_waiting ON jobs(wake_key) WHERE wake_key <> '';
CREATE INDEX jobs_over ON jobs(changed_at_ms) WHERE state > 3;

CREATE TABLE job_claims (
  resource TEXT PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs(id)
) WITHOUT ROWID;
CREATE INDEX job_claims_by_job ON job_claims(job_id);

-- What counts against quotas: the definition. Each row is what one VM, one disk of a VM or one
-- image takes. States: 6 is DONE; 1 PENDING, 2 HOLD, 3 ACTIVE and 10 CLONING count as running.
CREATE VIEW vm_usage(user_id, group_id, section, key, metric, amount, vm_id, disk_id) AS
  SELECT user_id, group_id, 'VM', '', 'VMS', 1, id, NULL FROM vms WHERE state <> 6
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'CPU', cpu, id, NULL FROM vms WHERE state <> 6
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'MEMORY', memory_mb, id, NULL FROM vms WHERE state <> 6
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'SYSTEM_DISK_SIZE', disk_mb, id, NULL
    FROM vms WHERE state <> 6
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'RUNNING_VMS', 1, id, NULL
    FROM vms WHERE state IN (1, 2, 3, 10)
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'RUNNING_CPU', cpu, id, NULL
    FROM vms WHERE state IN (1, 2, 3, 10)
  UNION ALL
  SELECT user_id, group_id, 'VM', '', 'RUNNING_MEMORY', memory_mb, id, NULL
    FROM vms WHERE state IN (1, 2, 3, 10)
  UNION ALL
  SELECT v.user_id, v.group_id, 'VM', '', 'SYSTEM_DISK_SIZE', d.size_mb, d.vm_id, d.disk_id
    FROM vm_disks d JOIN vms v ON v.id = d.vm_id WHERE d.is_retained = 1 AND v.state = 6
  UNION ALL
  SELECT v.user_id, v.group_id, 'IMAGE', CAST(d.image_id AS TEXT), 'RVMS', 1, d.vm_id, d.disk_id
    FROM vm_disks d JOIN vms v ON v.id = d.vm_id WHERE d.image_id IS NOT NULL AND v.state <> 6;
CREATE VIEW image_usage(user_id, group_id, section, key, metric, amount, image_id) AS
  SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'IMAGES', 1, id FROM images
  UNION ALL
  SELECT user_id, group_id, 'DATASTORE', CAST(datastore_id AS TEXT), 'SIZE', size_mb, id
    FROM images;

-- The sums, kept by the triggers below in the transaction of each change: owners with many VMs
-- are not summed up again and again.
CREATE TABLE quota_usage (
  owner_kind INTEGER NOT NULL,
  owner_id INTEGER NOT NULL,
  section TEXT NOT NULL,
  key TEXT NOT NULL,
  metric TEXT NOT NULL,
  used REAL NOT NULL,
  PRIMARY KEY (owner_kind, owner_id, section, key, metric)
) WITHOUT ROWID;
CREATE VIEW usage_changes(user_id, group_id, section, key, metric, amount) AS
  SELECT 0, 0, '', '', '', 0 WHERE 0;
CREATE TRIGGER usage_changed INSTEAD OF INSERT ON usage_changes BEGIN
  INSERT INTO quota_usage
    VALUES (1, NEW.user_id, NEW.section, NEW.key, NEW.metric, NEW.amount)
    ON CONFLICT DO UPDATE SET used = ROUND(used + excluded.used, 6);
  INSERT INTO quota_usage
    VALUES (2, NEW.group_id, NEW.section, NEW.key, NEW.metric, NEW.amount)
    ON CONFLICT DO UPDATE SET used = ROUND(used + excluded.used, 6);
END;

CREATE TRIGGER vm_counted AFTER INSERT ON vms BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM vm_usage WHERE vm_id = NEW.id;
END;
CREATE TRIGGER vm_uncounted BEFORE UPDATE ON vms
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id OR OLD.cpu <> NEW.cpu
    OR OLD.memory_mb <> NEW.memory_mb OR OLD.disk_mb <> NEW.disk_mb
    OR (OLD.state = 6) <> (NEW.state = 6)
    OR (OLD.state IN (1, 2, 3, 10)) <> (NEW.state IN (1, 2, 3, 10))
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM vm_usage WHERE vm_id = OLD.id;
END;
CREATE TRIGGER vm_recounted AFTER UPDATE ON vms
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id OR OLD.cpu <> NEW.cpu
    OR OLD.memory_mb <> NEW.memory_mb OR OLD.disk_mb <> NEW.disk_mb
    OR (OLD.state = 6) <> (NEW.state = 6)
    OR (OLD.state IN (1, 2, 3, 10)) <> (NEW.state IN (1, 2, 3, 10))
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM vm_usage WHERE vm_id = NEW.id;
END;

CREATE TRIGGER disk_counted AFTER INSERT ON vm_disks BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM vm_usage
    WHERE vm_id = NEW.vm_id AND disk_id = NEW.disk_id;
END;
CREATE TRIGGER disk_uncounted BEFORE UPDATE ON vm_disks
  WHEN OLD.image_id IS NOT NEW.image_id OR OLD.is_retained <> NEW.is_retained
    OR OLD.size_mb <> NEW.size_mb
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM vm_usage
    WHERE vm_id = OLD.vm_id AND disk_id = OLD.disk_id;
END;
CREATE TRIGGER disk_recounted AFTER UPDATE ON vm_disks
  WHEN OLD.image_id IS NOT NEW.image_id OR OLD.is_retained <> NEW.is_retained
    OR OLD.size_mb <> NEW.size_mb
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM vm_usage
    WHERE vm_id = NEW.vm_id AND disk_id = NEW.disk_id;
END;

CREATE TRIGGER image_counted AFTER INSERT ON images BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM image_usage
    WHERE image_id = NEW.id;
END;
CREATE TRIGGER image_uncounted BEFORE UPDATE ON images
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
    OR OLD.datastore_id <> NEW.datastore_id OR OLD.size_mb <> NEW.size_mb
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM image_usage
    WHERE image_id = OLD.id;
END;
CREATE TRIGGER image_recounted AFTER UPDATE ON images
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
    OR OLD.datastore_id <> NEW.datastore_id OR OLD.size_mb <> NEW.size_mb
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM image_usage
    WHERE image_id = NEW.id;
END;
CREATE TRIGGER image_removed BEFORE DELETE ON images BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM image_usage
    WHERE image_id = OLD.id;
END;
