-- The zone, which had a fixed name before, and templates of virtual networks.

CREATE TABLE zone (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  name TEXT NOT NULL,
  is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
  template TEXT NOT NULL DEFAULT ''
);
INSERT INTO zone(id, name) VALUES (0, 'OpenNebula');

INSERT INTO counters(name, next) VALUES ('network_template', 0);
CREATE TABLE network_templates (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);
CREATE TRIGGER network_template_unlocked AFTER DELETE ON network_templates BEGIN
  DELETE FROM object_locks WHERE resource = 0x40000000000000 AND object_id = OLD.id;
END;
