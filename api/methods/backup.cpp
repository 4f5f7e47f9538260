#include "api/internal/methods.h"

/// one.vm.backup, one.vm.backupcancel, one.vm.restore: all disks of a VM into one image and back.
namespace neph::api {
namespace {

using access::Op;

struct BackUpVm {
  VmId vm;
  DatastoreId datastore;
  bool reset = false;
};
struct CancelBackup {
  VmId vm;
};
struct RestoreVm {
  VmId vm;
  ImageId image;
  std::int64_t increment = -1;
  DiskId disk;
};

Result<void> may_use_backup(Call& call, const RestoreVm& ask) {
  return need(call, Op::kUse, ObjectKind::kImage, ask.image);
}

Result<VmId> back_up_vm(Call& call, const BackUpVm& ask) {
  CHECK_OK(call.services().snapshots.back_up(call.txn(), call.actor(), {ask.vm, ask.datastore}));
  return ask.vm;
}

Result<VmId> cancel_backup(Call& call, const CancelBackup& ask) {
  CHECK_OK(call.services().snapshots.cancel_backup(call.txn(), ask.vm));
  return ask.vm;
}

Result<VmId> restore_vm(Call& call, const RestoreVm& ask) {
  if (ask.increment > 0)
    return fail(Errc::kWrongState, "image {} has no increment {}: backups are whole copies",
                ask.image, ask.increment);
  auto& services = call.services();
  const auto disks =
      TRY(services.vms.restore(call.txn(), call.actor().user, ask.vm, ask.image, ask.disk));
  for (const DiskId disk : disks)
    services.snapshots.note_revert(call.txn(), ask.vm, disk,
                                   fmt::format("to backup {}", ask.image));
  return ask.vm;
}

}  // namespace

void add_backup_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vm.backup", &back_up_vm)
          .writes()
          .args("vm", "datastore", "reset")
          .required(1)
          .needs("ADMIN VM, USE DATASTORE", on_vm<Op::kAdmin>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Backs up all disks of a VM that runs or is powered off, at one instant, into an "
               "image of type BACKUP in a backup datastore; -1: that of the last backup. "
               "BACKUP_CONFIG of the VM says how. Every backup is whole, so reset changes nothing. "
               "When it fails later, USER_TEMPLATE/ERROR tells why.")
          .answers("id of the VM"),
      method("one.vm.backupcancel", &cancel_backup)
          .writes()
          .args("vm")
          .needs("ADMIN VM", on_vm<Op::kAdmin>)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Gives up the backup of a VM; what has been copied is removed.")
          .answers("id of the VM"),
      method("one.vm.restore", &restore_vm)
          .writes()
          .args("vm", "image", "increment", "disk")
          .needs("ADMIN VM", on_vm<Op::kAdmin>)
          .needs("USE IMAGE", &may_use_backup)
          .doc("Takes disks of a VM that is powered off back to a backup of it: one, or with -1 "
               "all that the backup has. There are no increments: -1 or 0. A disk with disk "
               "snapshots is refused. When it fails later, the disks are as they were.")
          .answers("id of the VM"),
  });
}

}  // namespace neph::api
