#include "cli/states.h"

#include <fmt/format.h>

#include <array>
#include <span>

namespace neph::cli {
namespace {

struct Name {
  std::string_view full;
  std::string_view brief;
};

constexpr std::int64_t kActive = 3;
constexpr std::int64_t kLcmRunning = 3;

// Indices are the numbers on the wire.
constexpr auto kVmStates = std::to_array<Name>({
    {"INIT", "init"},
    {"PENDING", "pend"},
    {"HOLD", "hold"},
    {"ACTIVE", "actv"},
    {"STOPPED", "stop"},
    {"SUSPENDED", "susp"},
    {"DONE", "done"},
    {"FAILED", "fail"},
    {"POWEROFF", "poff"},
    {"UNDEPLOYED", "unde"},
    {"CLONING", "clon"},
    {"CLONING_FAILURE", "fail"},
});

constexpr auto kLcmStates = std::to_array<Name>({
    {"LCM_INIT", "-"},
    {"PROLOG", "prol"},
    {"BOOT", "boot"},
    {"RUNNING", "runn"},
    {"MIGRATE", "migr"},
    {"SAVE_STOP", "save"},
    {"SAVE_SUSPEND", "save"},
    {"SAVE_MIGRATE", "save"},
    {"PROLOG_MIGRATE", "migr"},
    {"PROLOG_RESUME", "prol"},
    {"EPILOG_STOP", "epil"},
    {"EPILOG", "epil"},
    {"SHUTDOWN", "shut"},
    {"CANCEL", "shut"},
    {"FAILURE", "fail"},
    {"CLEANUP_RESUBMIT", "clea"},
    {"UNKNOWN", "unkn"},
    {"HOTPLUG", "hotp"},
    {"SHUTDOWN_POWEROFF", "shut"},
    {"BOOT_UNKNOWN", "boot"},
    {"BOOT_POWEROFF", "boot"},
    {"BOOT_SUSPENDED", "boot"},
    {"BOOT_STOPPED", "boot"},
    {"CLEANUP_DELETE", "clea"},
    {"HOTPLUG_SNAPSHOT", "snap"},
    {"HOTPLUG_NIC", "hotp"},
    {"HOTPLUG_SAVEAS", "hotp"},
    {"HOTPLUG_SAVEAS_POWEROFF", "hotp"},
    {"HOTPLUG_SAVEAS_SUSPENDED", "hotp"},
    {"SHUTDOWN_UNDEPLOY", "shut"},
    {"EPILOG_UNDEPLOY", "epil"},
    {"PROLOG_UNDEPLOY", "prol"},
    {"BOOT_UNDEPLOY", "boot"},
    {"HOTPLUG_PROLOG_POWEROFF", "hotp"},
    {"HOTPLUG_EPILOG_POWEROFF", "hotp"},
    {"BOOT_MIGRATE", "boot"},
    {"BOOT_FAILURE", "fail"},
    {"BOOT_MIGRATE_FAILURE", "fail"},
    {"PROLOG_MIGRATE_FAILURE", "fail"},
    {"PROLOG_FAILURE", "fail"},
    {"EPILOG_FAILURE", "fail"},
    {"EPILOG_STOP_FAILURE", "fail"},
    {"EPILOG_UNDEPLOY_FAILURE", "fail"},
    {"PROLOG_MIGRATE_POWEROFF", "migr"},
    {"PROLOG_MIGRATE_POWEROFF_FAILURE", "fail"},
    {"PROLOG_MIGRATE_SUSPEND", "migr"},
    {"PROLOG_MIGRATE_SUSPEND_FAILURE", "fail"},
    {"BOOT_UNDEPLOY_FAILURE", "fail"},
    {"BOOT_STOPPED_FAILURE", "fail"},
    {"PROLOG_RESUME_FAILURE", "fail"},
    {"PROLOG_UNDEPLOY_FAILURE", "fail"},
    {"DISK_SNAPSHOT_POWEROFF", "snap"},
    {"DISK_SNAPSHOT_REVERT_POWEROFF", "snap"},
    {"DISK_SNAPSHOT_DELETE_POWEROFF", "snap"},
    {"DISK_SNAPSHOT_SUSPENDED", "snap"},
    {"DISK_SNAPSHOT_REVERT_SUSPENDED", "snap"},
    {"DISK_SNAPSHOT_DELETE_SUSPENDED", "snap"},
    {"DISK_SNAPSHOT", "snap"},
    {"DISK_SNAPSHOT_REVERT", "-"},
    {"DISK_SNAPSHOT_DELETE", "snap"},
    {"PROLOG_MIGRATE_UNKNOWN", "migr"},
    {"PROLOG_MIGRATE_UNKNOWN_FAILURE", "fail"},
    {"DISK_RESIZE", "drsz"},
    {"DISK_RESIZE_POWEROFF", "drsz"},
    {"DISK_RESIZE_UNDEPLOYED", "drsz"},
    {"HOTPLUG_NIC_POWEROFF", "hotp"},
    {"HOTPLUG_RESIZE", "hotp"},
    {"HOTPLUG_SAVEAS_UNDEPLOYED", "hotp"},
    {"HOTPLUG_SAVEAS_STOPPED", "hotp"},
    {"BACKUP", "back"},
    {"BACKUP_POWEROFF", "back"},
    {"RESTORE", "rest"},
});

constexpr auto kImageStates = std::to_array<Name>({
    {"INIT", "init"},
    {"READY", "rdy"},
    {"USED", "used"},
    {"DISABLED", "disa"},
    {"LOCKED", "lock"},
    {"ERROR", "err"},
    {"CLONE", "clon"},
    {"DELETE", "dele"},
    {"USED_PERS", "used"},
    {"LOCKED_USED", "lock"},
    {"LOCKED_USED_PERS", "lock"},
});

constexpr auto kImageTypes = std::to_array<Name>({
    {"OS", "OS"},
    {"CDROM", "CD"},
    {"DATABLOCK", "DB"},
    {"KERNEL", "KL"},
    {"RAMDISK", "RD"},
    {"CONTEXT", "CX"},
    {"BACKUP", "BK"},
    {"FILESYSTEM", "FS"},
});

constexpr auto kHostStates = std::to_array<Name>({
    {"INIT", "init"},
    {"MONITORING_MONITORED", "update"},
    {"MONITORED", "on"},
    {"ERROR", "err"},
    {"DISABLED", "dsbl"},
    {"MONITORING_ERROR", "retry"},
    {"MONITORING_INIT", "init"},
    {"MONITORING_DISABLED", "dsbl"},
    {"OFFLINE", "off"},
});

constexpr auto kDatastoreTypes = std::to_array<Name>({
    {"IMAGE", "img"},
    {"SYSTEM", "sys"},
    {"FILE", "fil"},
    {"BACKUP", "bck"},
});

constexpr auto kDatastoreStates = std::to_array<Name>({{"READY", "on"}, {"DISABLED", "off"}});

bool is_known(std::span<const Name> names, std::int64_t number) {
  return number >= 0 && number < static_cast<std::int64_t>(names.size());
}

std::string full(std::span<const Name> names, std::int64_t number) {
  if (!is_known(names, number)) return fmt::format("?{}", number);
  return std::string(names[static_cast<std::size_t>(number)].full);
}

std::string brief(std::span<const Name> names, std::int64_t number) {
  if (!is_known(names, number)) return fmt::format("?{}", number);
  return std::string(names[static_cast<std::size_t>(number)].brief);
}

}  // namespace

std::string vm_state_name(std::int64_t state, std::int64_t lcm_state) {
  return state == kActive ? full(kLcmStates, lcm_state) : full(kVmStates, state);
}
std::string vm_state_short(std::int64_t state, std::int64_t lcm_state) {
  return state == kActive ? brief(kLcmStates, lcm_state) : brief(kVmStates, state);
}
std::string image_state_name(std::int64_t state) { return full(kImageStates, state); }
std::string image_state_short(std::int64_t state) { return brief(kImageStates, state); }
std::string image_type_name(std::int64_t type) { return full(kImageTypes, type); }
std::string image_type_short(std::int64_t type) { return brief(kImageTypes, type); }
std::string host_state_name(std::int64_t state) { return full(kHostStates, state); }
std::string host_state_short(std::int64_t state) { return brief(kHostStates, state); }
std::string datastore_type_name(std::int64_t type) { return full(kDatastoreTypes, type); }
std::string datastore_type_short(std::int64_t type) { return brief(kDatastoreTypes, type); }
std::string datastore_state_short(std::int64_t state) { return brief(kDatastoreStates, state); }

std::string vm_state_name(const Element& vm) {
  return vm_state_name(vm.number("STATE", -1), vm.number("LCM_STATE", -1));
}

bool is_vm_running(const Element& vm) {
  return vm.number("STATE", -1) == kActive && vm.number("LCM_STATE", -1) == kLcmRunning;
}

bool has_vm_failed(const Element& vm) {
  return vm_state_short(vm.number("STATE", -1), vm.number("LCM_STATE", -1)) == "fail";
}

}  // namespace neph::cli
