-- Virtual networks, their address ranges and leases, and security groups.

INSERT INTO counters(name, next) VALUES ('network', 0), ('security_group', 100);

CREATE TABLE networks (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  parent_id INTEGER REFERENCES networks(id),  -- the network this one is a reservation of
  vn_mad TEXT NOT NULL,
  bridge TEXT NOT NULL,
  bridge_type TEXT NOT NULL,
  phydev TEXT NOT NULL DEFAULT '',
  vlan_id TEXT NOT NULL DEFAULT '',
  outer_vlan_id TEXT NOT NULL DEFAULT '',
  is_vlan_automatic INTEGER NOT NULL DEFAULT 0,
  is_outer_vlan_automatic INTEGER NOT NULL DEFAULT 0,
  template TEXT NOT NULL DEFAULT '',          -- without what the columns hold
  UNIQUE (user_id, name)
);
CREATE INDEX networks_by_parent ON networks(parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE cluster_networks (
  cluster_id INTEGER NOT NULL REFERENCES clusters(id) ON DELETE CASCADE,
  network_id INTEGER NOT NULL REFERENCES networks(id) ON DELETE CASCADE,
  PRIMARY KEY (cluster_id, network_id)
) WITHOUT ROWID;
CREATE INDEX cluster_networks_by_network ON cluster_networks(network_id);

-- Addresses of a range have positions 0 .. size - 1; all of an address follows from its position.
CREATE TABLE address_ranges (
  network_id INTEGER NOT NULL REFERENCES networks(id),
  range_id INTEGER NOT NULL,
  type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 6),
  size INTEGER NOT NULL CHECK (size > 0),
  mac INTEGER NOT NULL,                       -- of position 0
  ip INTEGER,                                 -- of position 0; NULL without IPv4
  ip6 TEXT NOT NULL DEFAULT '',               -- of position 0, where it is given
  prefix_length INTEGER NOT NULL DEFAULT 0,
  global_prefix TEXT NOT NULL DEFAULT '',
  ula_prefix TEXT NOT NULL DEFAULT '',
  next_free INTEGER NOT NULL DEFAULT 0,       -- the lowest that is free; size: none is
  parent_range_id INTEGER,                    -- of a reservation: where its addresses come from
  parent_position INTEGER,
  template TEXT NOT NULL DEFAULT '',          -- further attributes
  PRIMARY KEY (network_id, range_id)
) WITHOUT ROWID;

-- Who has an address. The keys say that nobody has one that somebody else has.
CREATE TABLE leases (
  network_id INTEGER NOT NULL,
  range_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  mac INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),  -- of a VM, on hold, reserved
  vm_id INTEGER REFERENCES vms(id),
  nic_id INTEGER,
  reservation_id INTEGER REFERENCES networks(id),
  is_outdated INTEGER NOT NULL DEFAULT 0,     -- the network has changed since the NIC took it
  PRIMARY KEY (network_id, range_id, position),
  UNIQUE (network_id, mac),
  FOREIGN KEY (network_id, range_id) REFERENCES address_ranges(network_id, range_id),
  CHECK ((kind = 1) = (vm_id IS NOT NULL)),
  CHECK ((kind = 1) = (nic_id IS NOT NULL)),
  CHECK ((kind = 3) = (reservation_id IS NOT NULL))
) WITHOUT ROWID;
CREATE UNIQUE INDEX leases_by_nic ON leases(vm_id, nic_id) WHERE kind = 1;
CREATE INDEX leases_by_reservation ON leases(reservation_id) WHERE kind = 3;

CREATE TABLE security_groups (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  permissions INTEGER NOT NULL,
  template TEXT NOT NULL DEFAULT '',
  UNIQUE (user_id, name)
);
INSERT INTO security_groups(id, name, user_id, group_id, permissions, template) VALUES (0,
  'default', 0, 0, 484,  -- octal 744
  'DESCRIPTION = "The default security group is added to every network. Use it to add default '
  || 'filter rules for your networks. You may remove this security group from any network by '
  || 'updating its properties."
RULE = [ PROTOCOL = "ALL", RULE_TYPE = "OUTBOUND" ]
RULE = [ PROTOCOL = "ALL", RULE_TYPE = "INBOUND" ]
');

CREATE TABLE nic_security_groups (
  security_group_id INTEGER NOT NULL REFERENCES security_groups(id),
  vm_id INTEGER NOT NULL REFERENCES vms(id),
  nic_id INTEGER NOT NULL,
  PRIMARY KEY (security_group_id, vm_id, nic_id)
) WITHOUT ROWID;
CREATE INDEX nic_security_groups_by_vm ON nic_security_groups(vm_id, nic_id);

-- Limits of leases: the table is made anew because its constraint names the sections.
CREATE TABLE quota_limits_of_all (
  owner_kind INTEGER NOT NULL CHECK (owner_kind IN (1, 2)),  -- 1 user, 2 group
  owner_id INTEGER NOT NULL,
  section TEXT NOT NULL CHECK (section IN ('DATASTORE', 'VM', 'IMAGE', 'NETWORK')),
  key TEXT NOT NULL,     -- id of the datastore, image or network; '' for VM
  metric TEXT NOT NULL,  -- 'SIZE', 'IMAGES', 'VMS', 'CPU', 'MEMORY', 'RVMS', 'LEASES' ...
  limit_value REAL NOT NULL,
  PRIMARY KEY (owner_kind, owner_id, section, key, metric)
) WITHOUT ROWID;
INSERT INTO quota_limits_of_all SELECT * FROM quota_limits;
DROP TABLE quota_limits;
ALTER TABLE quota_limits_of_all RENAME TO quota_limits;

-- What counts against quotas: the definition. An address counts for the owner of the VM or of the
-- reservation that has it; on hold, for the owner of the network.
CREATE VIEW lease_usage(user_id, group_id, section, key, metric, amount, network_id, range_id,
                        position, vm_id, holder_id) AS
  SELECT v.user_id, v.group_id, 'NETWORK', CAST(l.network_id AS TEXT), 'LEASES', 1, l.network_id,
         l.range_id, l.position, l.vm_id, NULL
    FROM leases l JOIN vms v ON v.id = l.vm_id WHERE l.kind = 1
  UNION ALL
  SELECT n.user_id, n.group_id, 'NETWORK', CAST(l.network_id AS TEXT), 'LEASES', 1, l.network_id,
         l.range_id, l.position, NULL, l.network_id
    FROM leases l JOIN networks n ON n.id = l.network_id WHERE l.kind = 2
  UNION ALL
  SELECT r.user_id, r.group_id, 'NETWORK', CAST(l.network_id AS TEXT), 'LEASES', 1, l.network_id,
         l.range_id, l.position, NULL, l.reservation_id
    FROM leases l JOIN networks r ON r.id = l.reservation_id WHERE l.kind = 3;

CREATE TRIGGER lease_counted AFTER INSERT ON leases BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM lease_usage
    WHERE network_id = NEW.network_id AND range_id = NEW.range_id AND position = NEW.position;
END;
CREATE TRIGGER lease_uncounted BEFORE DELETE ON leases BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM lease_usage
    WHERE network_id = OLD.network_id AND range_id = OLD.range_id AND position = OLD.position;
END;
CREATE TRIGGER leases_of_vm_uncounted BEFORE UPDATE ON vms
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM lease_usage
    WHERE vm_id = OLD.id;
END;
CREATE TRIGGER leases_of_vm_recounted AFTER UPDATE ON vms
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM lease_usage
    WHERE vm_id = NEW.id;
END;
CREATE TRIGGER leases_of_network_uncounted BEFORE UPDATE ON networks
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, -amount FROM lease_usage
    WHERE holder_id = OLD.id;
END;
CREATE TRIGGER leases_of_network_recounted AFTER UPDATE ON networks
  WHEN OLD.user_id <> NEW.user_id OR OLD.group_id <> NEW.group_id
BEGIN
  INSERT INTO usage_changes
    SELECT user_id, group_id, section, key, metric, amount FROM lease_usage
    WHERE holder_id = NEW.id;
END;
