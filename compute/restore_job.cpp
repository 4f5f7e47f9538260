#include <algorithm>

#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "compute/internal/plan.h"
#include "datastore/backups.h"
#include "jobs/queue.h"

/// Disks of a VM become again what a backup shows. Job vm.restore: all of them are copied before
/// the first one is exchanged.
namespace neph::compute {
namespace internal {
namespace {

using datastore::Backup;
using datastore::BackupDisk;
using datastore_driver::Format;
using datastore_driver::Layer;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr Duration kRestoreStall{60'000};
constexpr std::string_view kDisk = "DISK";
constexpr std::string_view kWhy = "WHY";

/// One disk on its way back.
struct Return {
  DiskId disk;
  std::string from;
  Layer to;
  Layer part;  ///< `to` until it is whole
  std::int64_t size_mb = 0;
};

/// Beside the file that it replaces, whose name says nothing of earlier restores.
std::string restored_path(const VmDisk& disk, JobId job) {
  constexpr std::string_view kMark = ".restored-";
  return fmt::format("{}{}{}", disk.path.substr(0, disk.path.find(kMark)), kMark, job);
}

Result<std::vector<Return>> list_returns(db::Txn& txn, const Job& job) {
  const Backup backup = TRY(datastore::find_backup(txn, job.image));
  std::vector<Return> returns;
  for (const std::string& number : list_args(job, kDisk)) {
    const VmDisk disk = TRY(find_disk(txn, job.vm, DiskId{std::stoll(number)}));
    const auto saved = std::ranges::find(backup.disks, disk.id, &BackupDisk::id);
    if (saved == backup.disks.end())
      return fail(Errc::kWrongState, "image {} has no disk {}", job.image, disk.id);
    const std::string path = restored_path(disk, job.id);
    returns.push_back({disk.id,
                       saved->path,
                       {path, Format::kQcow2},
                       {fmt::format("{}.part-{}", path, job.id), Format::kQcow2},
                       saved->size_mb});
  }
  return returns;
}

Next give_up_restore(db::Txn& txn, const Job& job, const std::vector<Return>& returns,
                     const Error& why) {
  if (auto vm = find_own_vm(txn, job)) (void)fail_change(txn, *vm, why);
  std::vector<std::string> files;
  for (const Return& each : returns) {
    files.push_back(each.part.path);
    files.push_back(each.to.path);
  }
  Job told = job;
  told.args.set(kWhy, why.text());
  return remove_later(txn, told, files, "undo");
}

void take_over(db::Txn& txn, Vm& vm, const Return& each) {
  auto disk = find_disk(txn, vm.id, each.disk);
  NEPH_ASSERT(disk.has_value());
  go_on_with(txn, *disk, each.to);
  set_size(txn, vm, *disk, each.size_mb);
  save_disk(txn, *disk);
}

Next settle_restore(db::Txn& txn, const Job& job, const std::vector<Return>& returns,
                    Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return give_up_restore(txn, job, returns, vm.error());
  if (job.is_cancel_asked) return give_up_restore(txn, job, returns, ended_by_recover());
  if (!outcome) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    return give_up_restore(txn, job, returns, outcome.error());
  }
  std::vector<std::string> replaced;
  for (const Return& each : returns) {
    replaced.push_back(find_disk(txn, vm->id, each.disk).value().path);
    take_over(txn, *vm, each);
  }
  const auto backup = datastore::find_backup(txn, job.image);
  const auto grade = backup ? backup->grade : datastore::Grade::kUnknown;
  const bool is_whole = grade == datastore::Grade::kShutdown || grade == datastore::Grade::kFrozen;
  if (!is_whole) vm->rest_grade = datastore::Grade::kCrash;
  end_change(txn, *vm);
  return remove_later(txn, job, replaced);
}

Result<Work> plan_restore(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto returns = TRY(list_returns(txn, job));
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(give_up_restore(txn, job, returns, vm.error()));
  if (job.is_cancel_asked)
    return jobs::at_once(give_up_restore(txn, job, returns, ended_by_recover()));
  const VmPlan plan = TRY(plan_of(txn, vm->id));
  auto* storage = TRY(tools.drivers.datastore(plan.system_tm_mad));
  return Work{[storage, returns](Progress& progress) -> Result<void> {
                for (const Return& each : returns) {
                  CHECK_OK(storage->ensure_copied({each.from, Format::kQcow2}, each.part,
                                                  std::nullopt, progress));
                }
                for (const Return& each : returns)
                  CHECK_OK(storage->ensure_published(each.part.path, each.to.path));
                return {};
              },
              [returns](db::Txn& settle_txn, const Job& settled, Result<void> outcome) {
                return settle_restore(settle_txn, settled, returns, std::move(outcome));
              }};
}

Next say_why(const Job& job) { return jobs::failed({Errc::kWrongState, job.args.get(kWhy), {}}); }

}  // namespace

jobs::KindSpec restore_kind(Tools tools) {
  jobs::StepSpec copy = change_step("change", tools, plan_restore);
  copy.slot = jobs::Slot::kCopy;
  copy.stall = kRestoreStall;
  return {"vm.restore", {std::move(copy), remove_step(tools), remove_step(tools, "undo", say_why)}};
}

}  // namespace internal

namespace {

/// The whole disk is exchanged: nothing may stand on its layers, and nobody may read them.
Result<void> check_restorable(db::Txn& txn, const VmDisk& disk) {
  CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed, "be restored"));
  if (datastore::list_disk_snapshots(txn, tree_of(disk)).empty()) return {};
  return fail(Errc::kWrongState,
              "disk {} of virtual machine [{}] has disk snapshots, which a restore would orphan: "
              "delete them first",
              disk.id, disk.vm);
}

Result<std::vector<DiskId>> choose_disks(const datastore::Backup& backup, DiskId disk) {
  std::vector<DiskId> chosen;
  for (const auto& saved : backup.disks)
    if (!disk.is_set() || saved.id == disk) chosen.push_back(saved.id);
  if (!chosen.empty() || !disk.is_set()) return chosen;
  return fail(Errc::kWrongState, "image {} has no disk {}", backup.image, disk);
}

Result<void> check_backup_of(const Vm& vm, const datastore::Backup& backup,
                             const datastore::Image& image) {
  if (image.state != datastore::ImageState::kReady)
    return fail(Errc::kWrongState, "image {} is {}; only a READY backup is restored", image.id,
                name_of(image.state));
  if (backup.vm == vm.id) return {};
  return fail(Errc::kWrongState, "image {} is a backup of virtual machine [{}], not of [{}]",
              image.id, backup.vm, vm.id);
}

}  // namespace

Result<std::vector<DiskId>> VmService::restore(db::Txn& txn, UserId by, VmId id, ImageId image_id,
                                               DiskId disk) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kRestore));
  const auto image = TRY(datastore::find_image(txn, image_id));
  const auto backup = TRY(datastore::find_backup(txn, image_id));
  CHECK_OK(check_backup_of(vm, backup, image));
  internal::NewChange change{"vm.restore", {}, by, image_id};
  const auto chosen = TRY(choose_disks(backup, disk));
  if (chosen.empty()) return chosen;  // the VM had no disks: it is as it was
  for (const DiskId each : chosen) {
    CHECK_OK(check_restorable(txn, TRY(internal::find_changeable_disk(txn, id, each))));
    change.args.add("DISK", fmt::format("{}", each));
  }
  internal::begin_change(txn, vm, *row, change);
  CHECK_OK(jobs::claim(txn, TRY(jobs::find(txn, vm.job)), datastore::backup_resource(image_id)));
  return chosen;
}

}  // namespace neph::compute
