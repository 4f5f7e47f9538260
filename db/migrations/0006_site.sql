-- What OpenNebula's clients keep beside VMs, images and hosts: locks, documents, VDCs, VM groups,
-- group administrators, hooks.

INSERT INTO counters(name, next) VALUES
  ('document', 0), ('vdc', 100), ('vm_group', 0), ('hook', 0);

-- Locks of all kinds of objects; resource is the bit of ACL rules. No row: not locked.
CREATE TABLE object_locks (
  resource INTEGER NOT NULL,
  object_id INTEGER NOT NULL,
  level INTEGER NOT NULL CHECK (level IN (1, 2, 3)),  -- from USE, MANAGE, ADMIN on
  user_id INTEGER NOT NULL,
  locked_at INTEGER NOT NULL,
  PRIMARY KEY (resource, object_id)
) WITHOUT ROWID;
CREATE TRIGGER template_unlocked AFTER DELETE ON vm_templates BEGIN
  DELETE FROM object_locks WHERE resource = 0x20000000000 AND object_id = OLD.id;
END;
CREATE TRIGGER image_unlocked AFTER DELETE ON images BEGIN
  DELETE FROM object_locks WHERE resource = 0x8000000000 AND object_id = OLD.id;
END;

CREATE TRIGGER network_unlocked AFTER DELETE ON networks BEGIN
  DELETE FROM object_locks WHERE resource = 0x4000000000 AND object_id = OLD.id;
END;

CREATE TABLE documents (
  id INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  template TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER document_unlocked AFTER DELETE ON documents BEGIN
  DELETE FROM object_locks WHERE resource = 0x400000000000 AND object_id = OLD.id;
END;

CREATE TABLE group_admins (
  group_id INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;

-- Groups and what they may use. The ACL rules that follow from it stand in acls.
CREATE TABLE vdcs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  template TEXT NOT NULL DEFAULT ''
);
CREATE TABLE vdc_groups (
  vdc_id INTEGER NOT NULL REFERENCES vdcs(id) ON DELETE CASCADE,
  group_id INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
  PRIMARY KEY (vdc_id, group_id)
) WITHOUT ROWID;
CREATE TABLE vdc_resources (
  vdc_id INTEGER NOT NULL REFERENCES vdcs(id) ON DELETE CASCADE,
  kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),  -- cluster, host, datastore, network
  zone_id INTEGER NOT NULL,
  object_id INTEGER NOT NULL,                          -- -10 for all of them
  PRIMARY KEY (vdc_id, kind, zone_id, object_id)
) WITHOUT ROWID;
INSERT INTO vdcs(id, name, template) VALUES (0, 'default',
  'DESCRIPTION="Every new group is in this VDC, which lets it use all clusters.'
  || ' Take a group out of it before you give it to another VDC."');
INSERT INTO vdc_resources(vdc_id, kind, zone_id, object_id) VALUES (0, 1, 0, -10);
INSERT INTO vdc_groups(vdc_id, group_id) SELECT 0, id FROM groups WHERE id <> 0;

CREATE TABLE vm_groups (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);
CREATE TRIGGER vm_group_unlocked AFTER DELETE ON vm_groups BEGIN
  DELETE FROM object_locks WHERE resource = 0x20000000000000 AND object_id = OLD.id;
END;
CREATE TABLE vm_group_roles (
  vm_group_id INTEGER NOT NULL REFERENCES vm_groups(id) ON DELETE CASCADE,
  role_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  policy INTEGER NOT NULL DEFAULT 0 CHECK (policy IN (0, 1, 2)),  -- none, affined, anti-affined
  attributes TEXT NOT NULL DEFAULT '',                            -- the ROLE vector as written
  PRIMARY KEY (vm_group_id, role_id),
  UNIQUE (vm_group_id, name)
) WITHOUT ROWID;
CREATE TABLE vm_group_members (
  vm_id INTEGER PRIMARY KEY REFERENCES vms(id),
  vm_group_id INTEGER NOT NULL,
  role_id INTEGER NOT NULL,
  FOREIGN KEY (vm_group_id, role_id) REFERENCES vm_group_roles(vm_group_id, role_id)
);
CREATE INDEX vm_group_members_by_role ON vm_group_members(vm_group_id, role_id);

CREATE TABLE hooks (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL CHECK (type IN ('state', 'api')),
  subject TEXT NOT NULL,                -- VM, IMAGE or HOST; of an API hook the method
  state INTEGER NOT NULL DEFAULT -1,    -- -1: any
  lcm_state INTEGER NOT NULL DEFAULT -1,
  next_execution INTEGER NOT NULL DEFAULT 0,
  template TEXT NOT NULL DEFAULT ''
);
CREATE INDEX hooks_by_subject ON hooks(subject);
CREATE TRIGGER hook_unlocked AFTER DELETE ON hooks BEGIN
  DELETE FROM object_locks WHERE resource = 0x80000000000000 AND object_id = OLD.id;
END;
CREATE TABLE hook_executions (
  hook_id INTEGER NOT NULL REFERENCES hooks(id) ON DELETE CASCADE,
  execution_id INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  is_over INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1)),
  is_retry INTEGER NOT NULL DEFAULT 0 CHECK (is_retry IN (0, 1)),
  arguments TEXT NOT NULL,              -- one a line
  command TEXT NOT NULL DEFAULT '',
  output TEXT NOT NULL DEFAULT '',
  errors TEXT NOT NULL DEFAULT '',
  code INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (hook_id, execution_id)
) WITHOUT ROWID;
CREATE INDEX hook_executions_by_time ON hook_executions(started_at);

-- What happened and has not been handed to the hooks yet: written in the transaction in which it
-- happens, and only where there is a hook for it.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  subject TEXT NOT NULL,                -- VM, IMAGE, HOST or a method
  object_id INTEGER NOT NULL DEFAULT -1,
  state INTEGER NOT NULL DEFAULT -1,
  lcm_state INTEGER NOT NULL DEFAULT -1,
  body TEXT NOT NULL DEFAULT ''         -- of a call: its CALL_INFO
);
CREATE TRIGGER vm_happened AFTER UPDATE OF state, lcm_state ON vms
  WHEN (OLD.state <> NEW.state OR OLD.lcm_state <> NEW.lcm_state)
    AND EXISTS (SELECT 1 FROM hooks WHERE subject = 'VM')
BEGIN
  INSERT INTO outbox(subject, object_id, state, lcm_state)
    VALUES ('VM', NEW.id, NEW.state, NEW.lcm_state);
END;
CREATE TRIGGER vm_appeared AFTER INSERT ON vms
  WHEN EXISTS (SELECT 1 FROM hooks WHERE subject = 'VM')
BEGIN
  INSERT INTO outbox(subject, object_id, state, lcm_state)
    VALUES ('VM', NEW.id, NEW.state, NEW.lcm_state);
END;
CREATE TRIGGER image_happened AFTER UPDATE OF state ON images
  WHEN OLD.state <> NEW.state AND EXISTS (SELECT 1 FROM hooks WHERE subject = 'IMAGE')
BEGIN
  INSERT INTO outbox(subject, object_id, state) VALUES ('IMAGE', NEW.id, NEW.state);
END;
CREATE TRIGGER image_appeared AFTER INSERT ON images
  WHEN EXISTS (SELECT 1 FROM hooks WHERE subject = 'IMAGE')
BEGIN
  INSERT INTO outbox(subject, object_id, state) VALUES ('IMAGE', NEW.id, NEW.state);
END;
-- The state of a host as clients see it: 8 OFFLINE, 4 DISABLED, 2 MONITORED, 3 ERROR, 0 INIT.
CREATE VIEW host_states(id, state) AS
  SELECT id, CASE WHEN admin_state = 2 THEN 8 WHEN admin_state = 1 THEN 4
                  WHEN is_reachable = 1 THEN 2 WHEN error <> '' THEN 3 ELSE 0 END FROM hosts;
CREATE TRIGGER host_happened AFTER UPDATE OF admin_state, is_reachable, error ON hosts
  WHEN (OLD.admin_state <> NEW.admin_state OR OLD.is_reachable <> NEW.is_reachable
        OR (OLD.error = '') <> (NEW.error = ''))
    AND EXISTS (SELECT 1 FROM hooks WHERE subject = 'HOST')
BEGIN
  INSERT INTO outbox(subject, object_id, state)
    SELECT 'HOST', id, state FROM host_states WHERE id = NEW.id;
END;
