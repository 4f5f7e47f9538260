#include <algorithm>
#include <ctime>

#include "access/directory.h"
#include "base/log.h"
#include "compute/backups.h"
#include "datastore/backups.h"
#include "datastore/image_service.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/records.h"
#include "snapshots/snapshot_service.h"

/// How a backup is asked for: one image, a snapshot of each disk, one instant.
namespace neph::snapshots {
namespace {

using datastore::Datastore;
using datastore::DatastoreType;
using datastore::Image;

struct BackupPlan {
  compute::Vm vm;
  text::Vector written;   ///< BACKUP_CONFIG, of which `config` is read
  compute::BackupConfig config;
  Datastore datastore;
  std::vector<compute::VmDisk> disks;
  std::int64_t size_mb = 0;
};

Result<Datastore> find_backup_target(db::Txn& txn, const access::Actor& actor, DatastoreId asked,
                                     const BackupPlan& plan) {
  const DatastoreId id = asked.is_set() ? asked : plan.config.last_datastore;
  if (!id.is_set())
    return fail(Errc::kWrongState,
                "virtual machine [{}] has not been backed up yet: say into which datastore",
                plan.vm.id);
  auto found = TRY(datastore::find_datastore(txn, id));
  CHECK_OK(access::authorize(txn, actor, access::Op::kUse, datastore::subject_of(found)));
  if (found.type != DatastoreType::kBackup)
    return fail(Errc::kWrongState, "datastore {} holds no backups: its TYPE must be BACKUP_DS",
                found.name);
  return found;
}

/// Who reads the disks also writes the backup.
Result<void> check_driver(db::Txn& txn, const DriverCatalogue& drivers, const BackupPlan& plan) {
  const auto system = TRY(datastore::find_datastore(txn, plan.vm.system_datastore));
  if (TRY(drivers.datastore(system.tm_mad)) == TRY(drivers.datastore(plan.datastore.tm_mad)))
    return {};
  return fail(Errc::kWrongState,
              "datastores {} and {} have different drivers, {} and {}: the disks cannot be copied",
              system.name, plan.datastore.name, system.tm_mad, plan.datastore.tm_mad);
}

Result<void> check_disk_unread(db::Txn& txn, const compute::VmDisk& disk) {
  for (const Snapshot& other : list_open_of_disk(txn, disk.vm, disk.id)) {
    if (!is_capturing(other)) continue;
    return fail(Errc::kWrongState, "disk {} of VM {} is being saved already: snapshot {} is {}",
                disk.id, disk.vm, other.id, name_of(other.phase));
  }
  return {};
}

/// "3 21-Nov 17.30.05", as OpenNebula names them, in UTC; a number more where that is taken.
std::string backup_name(db::Txn& txn, const compute::Vm& vm) {
  const std::time_t seconds = txn.at().seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> when{};
  std::strftime(when.data(), when.size(), "%d-%b %H.%M.%S", &parts);
  const std::string name = fmt::format("{} {}", vm.id, when.data());
  std::string free = name;
  for (int more = 2; datastore::find_image_by_name(txn, vm.owner, free); ++more)
    free = fmt::format("{} {}", name, more);
  return free;
}

Result<Image> insert_backup_image(db::Txn& txn, const BackupPlan& plan) {
  Image image;
  image.name = backup_name(txn, plan.vm);
  image.owner = plan.vm.owner;
  image.group = plan.vm.group;
  image.permissions = access::Permissions{0600};
  image.type = datastore::ImageType::kBackup;
  image.state = datastore::ImageState::kLocked;
  image.datastore = plan.datastore.id;
  image.size_mb = plan.size_mb;
  image.source = datastore::new_image_path(plan.datastore);
  image.format = datastore_driver::Format::kQcow2;
  image.registered = txn.at();
  CHECK_OK(datastore::check_image_room(txn, plan.datastore, image));
  image.id = datastore::insert_image(txn, image);
  datastore::Backup backup{image.id, plan.vm.id, datastore::Grade::kNone, {}};
  for (const auto& disk : plan.disks)
    backup.disks.push_back(
        {disk.id, datastore::backup_path_of(image, disk.id), disk.size_mb, {}});
  datastore::save_backup(txn, backup);
  return image;
}

Snapshot insert_backup_part(db::Txn& txn, const BackupPlan& plan, const Image& image,
                            const compute::VmDisk& disk, SnapshotId set) {
  Snapshot part;
  part.set = set;
  part.owner = plan.vm.owner;
  part.group = plan.vm.group;
  part.vm = plan.vm.id;
  part.disk = disk.id;
  part.image = image.id;
  part.image_name = image.name;
  part.datastore = image.datastore;
  part.quiesce = plan.config.quiesce;
  part.phase = Phase::kPinning;
  part.requested = txn.at();
  part.host = plan.vm.host;
  part.description = "a backup";
  part.id = insert_snapshot(txn, part);
  if (!set.is_set()) part.set = part.id;
  datastore::Hold hold;
  hold.snapshot = part.id;
  hold.vm = part.vm;
  hold.disk = part.disk;
  hold.fires = datastore::Fires::kByItself;
  hold.state = datastore::HoldState::kArmed;
  datastore::place_hold(txn, hold);
  return part;
}

Result<BackupPlan> plan_backup(db::Txn& txn, const access::Actor& actor,
                               const DriverCatalogue& drivers, const BackupAsk& ask) {
  BackupPlan plan;
  plan.vm = TRY(compute::find_vm(txn, ask.vm));
  CHECK_OK(compute::check_backup_state(plan.vm));
  plan.written = compute::overridden_backup_config(plan.vm, ask.config);
  plan.config = TRY(compute::read_backup_config(plan.written));
  plan.datastore = TRY(find_backup_target(txn, actor, ask.datastore, plan));
  CHECK_OK(check_driver(txn, drivers, plan));
  plan.disks = TRY(compute::disks_to_back_up(txn, ask.vm, plan.config));
  for (const auto& disk : plan.disks) {
    CHECK_OK(check_disk_unread(txn, disk));
    plan.size_mb += disk.size_mb;
  }
  return plan;
}

}  // namespace

Result<ImageId> SnapshotService::back_up(db::Txn& txn, const access::Actor& actor,
                                         const BackupAsk& ask) const {
  const BackupPlan plan = TRY(plan_backup(txn, actor, vms_.drivers(), ask));
  const Image image = TRY(insert_backup_image(txn, plan));
  std::vector<Snapshot> parts;
  for (const auto& disk : plan.disks)
    parts.push_back(insert_backup_part(txn, plan, image, disk,
                                       parts.empty() ? SnapshotId{} : parts.front().id));
  CHECK_OK(begin_watching(txn, image, ask.vm, actor.user));
  if (!ask.config.items().empty()) compute::save_backup_config(txn, ask.vm, plan.written);
  if (!parts.empty()) enqueue_pin(txn, parts);
  log::info("backup.requested", {{"vm", ask.vm}, {"image", image.id}});
  return image.id;
}

Result<void> SnapshotService::cancel_backup(db::Txn& txn, VmId id) {
  const auto vm = TRY(compute::find_vm(txn, id));
  const bool is_backed_up = vm.state == compute::VmState::kActive &&
                            (vm.lcm == compute::LcmState::kBackup ||
                             vm.lcm == compute::LcmState::kBackupPoweroff);
  if (is_backed_up) return jobs::ask_cancel(txn, vm.job);
  return fail(Errc::kWrongState, "virtual machine [{}] has no backup in progress", id);
}

}  // namespace neph::snapshots
