
#include "api/internal/methods.h"
#include "base/numbers.h"

/// one.vm.*: changes of disks, NICs, capacity and configuration of a VM that exists.
namespace neph::api {
namespace {

using access::Op;

struct ChangeVm {
  VmId vm;
  std::string content;
};
struct OnDisk {
  VmId vm;
  DiskId disk;
};
struct ResizeDisk {
  VmId vm;
  DiskId disk;
  std::string size;
};
struct OnNic {
  VmId vm;
  NicId nic;
};
struct OnGroupOfNic {
  VmId vm;
  NicId nic;
  SecurityGroupId group;
};
struct UpdateNic {
  VmId vm;
  NicId nic;
  std::string content;
  std::int64_t update_type = 0;
};
struct ResizeVm {
  VmId vm;
  std::string content;
  bool enforce = true;
};
struct UpdateConf {
  VmId vm;
  std::string content;
  std::int64_t update_type = 0;
};
struct MigrateVm {
  VmId vm;
  HostId host;
  bool live = false;
  bool enforce = false;
  DatastoreId datastore;
  std::int64_t form = 0;
};

struct CreateDiskSnapshot {
  VmId vm;
  DiskId disk;
  std::string name;
};
struct OnDiskSnapshot {
  VmId vm;
  DiskId disk;
  std::int64_t snapshot = -1;
};
struct RenameDiskSnapshot {
  VmId vm;
  DiskId disk;
  std::int64_t snapshot = -1;
  std::string name;
};

struct CreateSystemSnapshot {
  VmId vm;
  std::string name;
};
struct OnSystemSnapshot {
  VmId vm;
  std::int64_t snapshot = -1;
};

/// A persistent disk is its image.
constexpr auto on_image_of_disk = [](Call& call, const auto& ask) -> Result<void> {
  const auto disk = compute::find_disk(call.txn(), ask.vm, ask.disk);
  if (!disk || !disk->is_persistent) return {};
  return need(call, Op::kManage, ObjectKind::kImage, disk->image);
};

// Disks.

Result<VmId> attach_disk(Call& call, const ChangeVm& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().vms.attach_disk(call.txn(), call.actor(), ask.vm, content));
  return ask.vm;
}

Result<VmId> detach_disk(Call& call, const OnDisk& ask) {
  CHECK_OK(call.services().vms.detach_disk(call.txn(), call.actor().user, ask.vm, ask.disk));
  return ask.vm;
}

Result<VmId> resize_disk(Call& call, const ResizeDisk& ask) {
  const auto size = integer_from(ask.size);
  if (!size || *size <= 0)
    return fail(Errc::kWrongState, "size \"{}\" is not a positive number of MB", ask.size);
  CHECK_OK(call.services().vms.resize_disk(call.txn(), call.actor().user, ask.vm, ask.disk, *size));
  return ask.vm;
}

// Restore points of a disk.

Result<std::int64_t> create_disk_snapshot(Call& call, const CreateDiskSnapshot& ask) {
  return call.services().vms.create_disk_snapshot(call.txn(), call.actor().user, ask.vm, ask.disk,
                                                  ask.name);
}

Result<VmId> revert_disk_snapshot(Call& call, const OnDiskSnapshot& ask) {
  CHECK_OK(call.services().vms.revert_disk_snapshot(call.txn(), call.actor().user, ask.vm,
                                                    ask.disk, ask.snapshot));
  call.services().snapshots.note_revert(call.txn(), ask.vm, ask.disk,
                                        fmt::format("to its disk snapshot {}", ask.snapshot));
  return ask.vm;
}

Result<VmId> delete_disk_snapshot(Call& call, const OnDiskSnapshot& ask) {
  CHECK_OK(call.services().vms.delete_disk_snapshot(call.txn(), call.actor().user, ask.vm,
                                                    ask.disk, ask.snapshot));
  return ask.vm;
}

Result<VmId> rename_disk_snapshot(Call& call, const RenameDiskSnapshot& ask) {
  CHECK_OK(call.services().vms.rename_disk_snapshot(call.txn(), ask.vm, ask.disk, ask.snapshot,
                                                    ask.name));
  return ask.vm;
}

// Restore points of a VM.

Result<std::int64_t> create_system_snapshot(Call& call, const CreateSystemSnapshot& ask) {
  return call.services().vms.create_system_snapshot(call.txn(), call.actor().user, ask.vm,
                                                    ask.name);
}

Result<VmId> revert_system_snapshot(Call& call, const OnSystemSnapshot& ask) {
  CHECK_OK(call.services().vms.revert_system_snapshot(call.txn(), call.actor().user, ask.vm,
                                                      ask.snapshot));
  call.services().snapshots.note_system_revert(call.txn(), ask.vm, ask.snapshot);
  return ask.vm;
}

Result<VmId> delete_system_snapshot(Call& call, const OnSystemSnapshot& ask) {
  CHECK_OK(call.services().vms.delete_system_snapshot(call.txn(), call.actor().user, ask.vm,
                                                      ask.snapshot));
  return ask.vm;
}

// NICs.

Result<VmId> attach_nic(Call& call, const ChangeVm& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().vms.attach_nic(call.txn(), call.actor(), ask.vm, content));
  return ask.vm;
}

Result<VmId> detach_nic(Call& call, const OnNic& ask) {
  CHECK_OK(call.services().vms.detach_nic(call.txn(), call.actor().user, ask.vm, ask.nic));
  return ask.vm;
}

Result<VmId> update_nic(Call& call, const UpdateNic& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(
      call.services().vms.update_nic(call.txn(), call.actor(), ask.vm, ask.nic, content, appends));
  return ask.vm;
}

Result<void> may_use_group(Call& call, const OnGroupOfNic& ask) {
  return need(call, Op::kUse, ObjectKind::kSecurityGroup, ask.group);
}

Result<VmId> attach_group(Call& call, const OnGroupOfNic& ask) {
  CHECK_OK(call.services().vms.attach_security_group(call.txn(), ask.vm, ask.nic, ask.group));
  return ask.vm;
}

Result<VmId> detach_group(Call& call, const OnGroupOfNic& ask) {
  CHECK_OK(call.services().vms.detach_security_group(call.txn(), ask.vm, ask.nic, ask.group));
  return ask.vm;
}

// Capacity and configuration.

Result<VmId> resize_vm(Call& call, const ResizeVm& ask) {
  using Room = compute::VmService::HostRoom;
  const auto content = TRY(text::Template::parse(ask.content));
  const bool enforces = ask.enforce || !call.actor().is_admin();
  CHECK_OK(call.services().vms.resize(call.txn(), call.actor(), ask.vm, content,
                                      enforces ? Room::kEnforced : Room::kIgnored));
  return ask.vm;
}

Result<VmId> update_conf(Call& call, const UpdateConf& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().vms.update_conf(call.txn(), call.actor(), ask.vm, content, appends));
  return ask.vm;
}

Result<void> may_use_target(Call& call, const MigrateVm& ask) {
  CHECK_OK(need(call, Op::kManage, ObjectKind::kHost, ask.host));
  if (!ask.datastore.is_set()) return {};
  return need(call, Op::kUse, ObjectKind::kDatastore, ask.datastore);
}

Result<VmId> migrate_vm(Call& call, const MigrateVm& ask) {
  using Vms = compute::VmService;
  if (ask.form < 0 || ask.form > static_cast<std::int64_t>(Vms::MigrateForm::kPoweroffHard)) {
    return fail(Errc::kWrongState,
                "migration type {} is unknown: 0 saves, 1 powers off, 2 powers off hard", ask.form);
  }
  Vms::MigrateAsk move;
  move.vm = ask.vm;
  move.host = ask.host;
  move.form = ask.live ? Vms::MigrateForm::kLive : static_cast<Vms::MigrateForm>(ask.form);
  move.room = ask.enforce ? Vms::HostRoom::kEnforced : Vms::HostRoom::kIgnored;
  move.system_datastore = ask.datastore;
  CHECK_OK(call.services().vms.migrate(call.txn(), call.actor().user, move));
  return ask.vm;
}

void add_devices(Registry<Call>& registry) {
  registry.add({
      method("one.vm.attach", &attach_disk)
          .writes()
          .args("vm", "template")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Attaches a disk, DISK = [...], to a VM that runs or is powered off; also needs USE "
               "of its image. When it fails later, USER_TEMPLATE/ERROR tells why.")
          .answers("id of the VM"),
      method("one.vm.detach", &detach_disk)
          .writes()
          .args("vm", "disk")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Detaches a disk, unless a snapshot needs it. A disk that is not persistent is "
               "deleted.")
          .answers("id of the VM"),
      method("one.vm.diskresize", &resize_disk)
          .writes()
          .args("vm", "disk", "size")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .needs("MANAGE IMAGE of a persistent disk", on_image_of_disk)
          .doc("Makes a disk larger, in MB, unless a snapshot needs it.")
          .answers("id of the VM"),
      method("one.vm.attachnic", &attach_nic)
          .writes()
          .args("vm", "template")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Attaches a NIC, NIC = [...], to a VM that runs or is powered off.")
          .answers("id of the VM"),
      method("one.vm.detachnic", &detach_nic)
          .writes()
          .args("vm", "nic")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Detaches a NIC.")
          .answers("id of the VM"),
      method("one.vm.updatenic", &update_nic)
          .writes()
          .args("vm", "nic", "template", "update_type")
          .required(3)
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Changes a NIC; update type 0 replaces its attributes, 1 merges. Its network, "
               "addresses and name stay.")
          .answers("id of the VM"),
  });
}

void add_groups_of_nics(Registry<Call>& registry) {
  registry.add({
      method("one.vm.attachsg", &attach_group)
          .writes()
          .args("vm", "nic", "group")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .needs("USE SECGROUP", &may_use_group)
          .doc("Puts a NIC into a security group more. Hosts do not filter packets.")
          .answers("id of the VM"),
      method("one.vm.detachsg", &detach_group)
          .writes()
          .args("vm", "nic", "group")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Takes a NIC out of a security group.")
          .answers("id of the VM"),
  });
}

void add_disk_snapshots(Registry<Call>& registry) {
  registry.add({
      method("one.vm.disksnapshotcreate", &create_disk_snapshot)
          .writes()
          .args("vm", "disk", "name")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .needs("MANAGE IMAGE of a persistent disk", on_image_of_disk)
          .doc("Makes a restore point of a disk, while the VM runs, is suspended or powered off.")
          .answers("number of the disk snapshot"),
      method("one.vm.disksnapshotrevert", &revert_disk_snapshot)
          .writes()
          .args("vm", "disk", "snapshot")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Takes a disk of a VM that is powered off back to a restore point.")
          .answers("id of the VM"),
      method("one.vm.disksnapshotdelete", &delete_disk_snapshot)
          .writes()
          .args("vm", "disk", "snapshot")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .needs("MANAGE IMAGE of a persistent disk", on_image_of_disk)
          .doc("Deletes a restore point of a disk, unless more than one thing stands on it.")
          .answers("id of the VM"),
      method("one.vm.disksnapshotrename", &rename_disk_snapshot)
          .writes()
          .args("vm", "disk", "snapshot", "name")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Renames a restore point of a disk.")
          .answers("id of the VM"),
  });
}

void add_system_snapshots(Registry<Call>& registry) {
  registry.add({
      method("one.vm.snapshotcreate", &create_system_snapshot)
          .writes()
          .args("vm", "name")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Makes a restore point of a running VM, memory and disks. It goes when the guest "
               "stops or moves to another host.")
          .answers("number of the system snapshot"),
      method("one.vm.snapshotrevert", &revert_system_snapshot)
          .writes()
          .args("vm", "snapshot")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Takes a running VM back to a system snapshot.")
          .answers("id of the VM"),
      method("one.vm.snapshotdelete", &delete_system_snapshot)
          .writes()
          .args("vm", "snapshot")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Deletes a system snapshot of a running VM.")
          .answers("id of the VM"),
  });
}

void add_machine(Registry<Call>& registry) {
  registry.add({
      method("one.vm.resize", &resize_vm)
          .writes()
          .args("vm", "template", "enforce")
          .required(2)
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Changes CPU, VCPU and MEMORY of a VM that does not run. Without enforce, and only "
               "for administrators, also beyond what its host has.")
          .answers("id of the VM"),
      method("one.vm.updateconf", &update_conf)
          .writes()
          .args("vm", "template", "update_type")
          .required(2)
          .needs("MANAGE VM; restricted attributes only for administrators", on_vm<Op::kManage>)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Changes what the guest finds at its next start: OS, FEATURES, INPUT, GRAPHICS, "
               "VIDEO, RAW, CPU_MODEL, CONTEXT; update type 0 replaces, 1 merges.")
          .answers("id of the VM"),
  });
}

void add_moves(Registry<Call>& registry) {
  registry.add({method("one.vm.migrate", &migrate_vm)
                    .writes()
                    .args("vm", "host", "live", "enforce", "datastore", "type")
                    .required(3)
                    .needs("ADMIN VM", on_vm<Op::kAdmin>)
                    .needs("MANAGE HOST, USE of another DATASTORE", &may_use_target)
                    .doc("Moves a VM that runs, is powered off or suspended to another host: live, "
                         "or by type 0 through its memory, 1 powered off, 2 powered off hard. With "
                         "enforce, only if the host has the capacity. Files stay where they are.")
                    .answers("id of the VM")});
}

}  // namespace

void add_vm_change_methods(Registry<Call>& registry) {
  add_devices(registry);
  add_groups_of_nics(registry);
  add_disk_snapshots(registry);
  add_system_snapshots(registry);
  add_machine(registry);
  add_moves(registry);
}

}  // namespace neph::api
