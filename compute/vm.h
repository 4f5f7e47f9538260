#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "compute/states.h"
#include "datastore/holds.h"
#include "db/database.h"
#include "drivers/datastore/driver.h"
#include "drivers/hypervisor/driver.h"
#include "text/template.h"

/// VMs, their disks, NICs and history as rows.
namespace neph::compute {

enum class DiskKind { kImage = 1, kVolatile = 2, kCdrom = 3, kContext = 4 };

struct VmDisk {
  VmId vm;
  DiskId id;
  DiskKind kind = DiskKind::kImage;
  ImageId image;
  DatastoreId image_datastore;
  std::string path;          ///< the layer the VM owns, or the persistent image's own file
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
  std::string overlay_path;  ///< layer on top of it while a snapshot keeps `path` still
  bool is_present = false;   ///< made by prolog, not yet removed by epilog
  bool is_retained = false;  ///< kept for a snapshot although the VM has ended
  bool is_persistent = false;
  std::int64_t size_mb = 0;
  std::string target;        ///< "vda"
  text::Vector attributes;   ///< the DISK vector as clients see it
};

struct VmNic {
  VmId vm;
  NicId id;
  text::Vector attributes;
};
/// A further address (NIC_ALIAS) of another NIC, its parent: it has a number, a lease and a row as
/// NICs have, but the guest sees no device.
[[nodiscard]] bool is_alias(const VmNic& nic);
/// Whether that NIC is the parent of that alias.
[[nodiscard]] bool is_parent(const VmNic& parent, const VmNic& alias);

struct HistoryRecord {
  int seq = 0;
  HostId host;
  std::string host_name;
  ClusterId cluster;
  DatastoreId datastore;
  std::string vm_mad;
  std::string tm_mad;
  HistoryAction action = HistoryAction::kNone;
  UserId by_user;
  Instant started, ended;
  Instant prolog_started, prolog_ended;
  Instant running_started, running_ended;
  Instant epilog_started, epilog_ended;
};

struct Vm {
  VmId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  VmState state = VmState::kPending;
  LcmState lcm = LcmState::kInit;
  bool is_rescheduled = false;
  std::string uuid;
  double cpu = 1;
  int vcpus = 1;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;         ///< of the system datastore
  HostId host;                      ///< of the last history record; unset before the first
  DatastoreId system_datastore;
  Instant created;
  Instant ended;
  Instant polled;
  std::string deploy_id;            ///< "one-<id>" once it has been deployed
  JobId job;                        ///< the life-cycle job under way
  std::string pending_reason;       ///< why no host was found
  std::string wait_reason;          ///< why the step under way waits
  std::string memory_path;
  /// How whole its disks are while it is off: kShutdown after an orderly stop, kCrash after a cut
  /// or with memory saved, kUnknown after a stop nobody saw; kNone while it runs.
  datastore::Grade rest_grade = datastore::Grade::kNone;
  text::Template monitoring;
  TemplateId made_from;
  text::Template attributes;        ///< TEMPLATE without DISK and NIC
  text::Template user_attributes;   ///< USER_TEMPLATE
};

[[nodiscard]] Result<Vm> find_vm(db::Txn& txn, VmId id);
/// All that are not DONE, or all.
enum class Which { kLiving, kAll };
[[nodiscard]] std::vector<VmId> list_vms(db::Txn& txn, Which which);
[[nodiscard]] std::vector<VmId> list_vms_on(db::Txn& txn, HostId host);
[[nodiscard]] std::vector<VmId> list_pending_vms(db::Txn& txn);
VmId insert_vm(db::Txn& txn, Vm vm);
/// Touches the VM, its host and its owner; wakes state_key(vm) when the state has changed.
void save_vm(db::Txn& txn, const Vm& vm);

[[nodiscard]] std::vector<VmDisk> list_disks(db::Txn& txn, VmId vm);
[[nodiscard]] Result<VmDisk> find_disk(db::Txn& txn, VmId vm, DiskId disk);
/// Retained disks of VMs that have ended.
[[nodiscard]] std::vector<VmDisk> list_retained_disks(db::Txn& txn);
/// Inserts or replaces; touches VM and image.
void save_disk(db::Txn& txn, const VmDisk& disk);
/// Aliases among them. ALIAS_IDS of their parents follows from the rows and is not kept.
[[nodiscard]] std::vector<VmNic> list_nics(db::Txn& txn, VmId vm);
void save_nic(db::Txn& txn, const VmNic& nic);

[[nodiscard]] std::vector<HistoryRecord> list_history(db::Txn& txn, VmId vm);
/// Inserts or replaces the record of that number.
void save_history(db::Txn& txn, VmId vm, const HistoryRecord& record);

/// Woken (jobs::wake) at each change of STATE or LCM_STATE.
[[nodiscard]] std::string state_key(VmId vm);
/// Resource that a job claims while it folds layers of a disk; a boot waits for it.
[[nodiscard]] std::string disk_resource(VmId vm, DiskId disk);  ///< "disk/<vm>/<disk>"

[[nodiscard]] access::Subject subject_of(const Vm& vm);
[[nodiscard]] std::string domain_name(VmId vm);  ///< "one-<id>"
/// The VM whose domain has that name.
[[nodiscard]] std::optional<VmId> vm_of_domain(std::string_view name);
/// A volatile disk whose content is worth nothing once its guest is off.
[[nodiscard]] bool is_swap(const VmDisk& disk);
/// The file that a guest writes to now.
[[nodiscard]] const std::string& live_path(const VmDisk& disk);
/// "<base path of the system datastore>/<vm id>".
[[nodiscard]] std::string vm_directory(const std::string& system_base_path, VmId vm);

}  // namespace neph::compute
