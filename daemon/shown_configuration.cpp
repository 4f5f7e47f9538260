#include <initializer_list>

#include "daemon/config.h"

namespace neph::daemon {
namespace {

using text::Template;
using text::Vector;

/// Names of authentication that access knows. Values of OpenNebula 7.4.
void add_authentication(Template& shown) {
  static const std::initializer_list<std::pair<const char*, const char*>> kNames = {
      {"core", "YES"}, {"public", "NO"}, {"ssh", "YES"}, {"server_cipher", "NO"}};
  for (const auto& [name, may_change_password] : kNames) {
    shown.add("AUTH_MAD_CONF", Vector{{"NAME", name},
                                      {"PASSWORD_CHANGE", may_change_password},
                                      {"DRIVER_MANAGED_GROUPS", "NO"},
                                      {"DRIVER_MANAGED_GROUP_ADMIN", "NO"},
                                      {"MAX_TOKEN_TIME", "-1"}});
  }
}

/// Where disks of images go: NONE stays, SYSTEM is made in the system datastore.
void add_transfer(Template& shown) {
  struct Row {
    const char* name;
    const char* link;
    const char* shared;
    const char* orphans;
  };
  static const std::initializer_list<Row> kRows = {{"dummy", "NONE", "YES", "NO"},
                                                   {"shared", "NONE", "YES", "FORMAT"},
                                                   {"qcow2", "NONE", "YES", "FORMAT"},
                                                   {"ssh", "SYSTEM", "NO", "YES"},
                                                   {"local", "SYSTEM", "NO", "FORMAT"}};
  for (const Row& row : kRows) {
    shown.add("TM_MAD_CONF", Vector{{"NAME", row.name},
                                    {"LN_TARGET", row.link},
                                    {"CLONE_TARGET", "SYSTEM"},
                                    {"SHARED", row.shared},
                                    {"DS_MIGRATE", "YES"},
                                    {"DS_LIVE_MIGRATE", "YES"},
                                    {"DS_MIGRATE_SNAP", "YES"},
                                    {"ALLOW_ORPHANS", row.orphans}});
  }
  for (const char* name : {"dummy", "fs"}) {
    shown.add("DS_MAD_CONF",
              Vector{{"NAME", name}, {"REQUIRED_ATTRS", ""}, {"PERSISTENT_ONLY", "NO"}});
  }
}

void add_hypervisors(Template& shown) {
  static const std::initializer_list<std::pair<const char*, const char*>> kNames = {
      {"kvm", "KVM"}, {"qemu", "QEMU"}, {"dummy", "Testing"}};
  for (const auto& [name, title] : kNames) {
    shown.add("VM_MAD", Vector{{"NAME", name},
                               {"SUNSTONE_NAME", title},
                               {"TYPE", std::string_view(name) == "dummy" ? "xml" : name},
                               {"KEEP_SNAPSHOTS", "yes"},
                               {"LIVE_RESIZE", "no"},
                               {"SUPPORT_SHAREABLE", "no"}});
  }
}

/// Clients offer these drivers for a new network; see docs/networks.md for what hosts do of them.
void add_networks(Template& shown) {
  static const std::initializer_list<std::pair<const char*, const char*>> kDrivers = {
      {"dummy", "linux"},     {"802.1Q", "linux"},        {"fw", "linux"},
      {"vxlan", "linux"},     {"ovswitch", "openvswitch,openvswitch_dpdk"},
      {"bridge", "linux"},    {"ovswitch_vxlan", "openvswitch"},
      {"elastic", "linux"},   {"nodeport", "linux"}};
  for (const auto& [name, bridge_type] : kDrivers)
    shown.add("VN_MAD_CONF", Vector{{"NAME", name}, {"BRIDGE_TYPE", bridge_type}});
}

/// What OpenNebula would let be configured and is as it is here.
void add_fixed(Template& shown) {
  shown.add("VM_ADMIN_OPERATIONS",
            "migrate, delete, recover, retry, deploy, resched, backup, restore");
  shown.add("VM_MANAGE_OPERATIONS",
            "undeploy, hold, release, stop, suspend, resume, reboot, poweroff, disk-attach,"
            " nic-attach, disk-snapshot, terminate, disk-resize, snapshot, updateconf, rename,"
            " resize, update, disk-saveas, sched-action, sg-attach, pci-attach, exec, vmgroup");
  shown.add("VM_USE_OPERATIONS", "");
  static const std::initializer_list<std::pair<const char*, const char*>> kValues = {
      {"API_LIST_ORDER", "DESC"},
      {"DATASTORE_CAPACITY_CHECK", "yes"},
      {"DEFAULT_AUTH", "default"},
      {"DEFAULT_IMAGE_PERSISTENT_NEW", ""},
      {"ENABLE_OTHER_PERMISSIONS", "YES"},
      {"VM_SNAPSHOT_FACTOR", "0"},
      {"VM_SUBMIT_ON_HOLD", "NO"}};
  for (const auto& [name, value] : kValues) shown.add(name, value);
  shown.add("DB", Vector{{"BACKEND", "sqlite"}});
  shown.add("FEDERATION", Vector{{"MODE", "STANDALONE"},
                                 {"ZONE_ID", "0"},
                                 {"SERVER_ID", "-1"},
                                 {"MASTER_ONED", ""}});
}

}  // namespace

Template shown_configuration(const Config& config) {
  Template shown;
  for (const ConfigKey& key : config_keys()) add_shown(shown, key, config);
  add_fixed(shown);
  add_authentication(shown);
  add_transfer(shown);
  add_hypervisors(shown);
  add_networks(shown);
  return shown;
}

}  // namespace neph::daemon
