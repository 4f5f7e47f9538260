#include "tests/support/invariants.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "compute/disk_tree.h"
#include "compute/host.h"
#include "compute/lifecycle.h"
#include "compute/system_snapshot.h"
#include "compute/vm.h"
#include "datastore/backups.h"
#include "datastore/holds.h"
#include "datastore/image.h"
#include "drivers/datastore/sim/digest.h"
#include "jobs/queue.h"
#include "snapshots/backup_jobs.h"
#include "snapshots/snapshot.h"

namespace neph::invariants {
namespace {

using compute::Vm;
using compute::VmDisk;
using compute::VmState;
using datastore::Image;
using datastore::ImageState;
using snapshots::Phase;
using snapshots::PinKind;
using snapshots::Snapshot;

template <class... Args>
void complain(Complaints& complaints, fmt::format_string<Args...> words, Args&&... args) {
  complaints.push_back(fmt::format(words, std::forward<Args>(args)...));
}

void add(Complaints& complaints, Complaints more) {
  complaints.insert(complaints.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
}

std::vector<Vm> vms_of(db::Txn& txn) {
  std::vector<Vm> vms;
  for (const VmId id : compute::list_vms(txn, compute::Which::kAll))
    vms.push_back(compute::find_vm(txn, id).value());
  return vms;
}
std::vector<Image> images_of(db::Txn& txn) {
  std::vector<Image> images;
  for (const ImageId id : datastore::list_images(txn))
    images.push_back(datastore::find_image(txn, id).value());
  return images;
}
std::vector<Snapshot> snapshots_of(db::Txn& txn) {
  std::vector<Snapshot> found;
  for (const SnapshotId id : snapshots::list_snapshots(txn))
    found.push_back(snapshots::find_snapshot(txn, id).value());
  return found;
}

std::string words_of(const Vm& vm) {
  return fmt::format("VM {}, {},", vm.id, compute::shown_name(vm.state, vm.lcm));
}
std::string words_of(const Snapshot& snapshot) {
  return fmt::format("snapshot {}, {},", snapshot.id, snapshots::name_of(snapshot.phase));
}

bool is_busy(const Vm& vm) {
  if (vm.state != VmState::kActive) return false;
  const auto* row = compute::find_recover_row(vm.lcm);
  return row != nullptr && !row->is_failure;
}
/// Its files are being removed, or have been and nobody has written it down yet.
bool is_being_removed(const Vm& vm) {
  return vm.state == VmState::kActive && (vm.lcm == compute::LcmState::kEpilog ||
                                          vm.lcm == compute::LcmState::kCleanupDelete ||
                                          vm.lcm == compute::LcmState::kEpilogFailure);
}
/// It is to become an image, or has been refused and may be tried again.
bool needs_disk(const Snapshot& snapshot) {
  return !snapshots::is_over(snapshot.phase) && snapshot.phase != Phase::kCancelling;
}

/// Jobs that are not over, by their ids.
using Open = std::map<JobId, jobs::Job>;
Open open_jobs(db::Txn& txn) {
  Open open;
  for (auto& job : jobs::list_open(txn)) open.emplace(job.id, std::move(job));
  return open;
}
bool works_for(const Open& open, const Snapshot& snapshot) {
  return std::ranges::any_of(open, [&](const auto& entry) {
    return entry.first == snapshot.job || entry.second.snapshot == snapshot.id;
  });
}

void check_busy_vms(db::Txn& txn, const Open& open, Complaints& complaints) {
  for (const Vm& vm : vms_of(txn)) {
    if (vm.job.is_set() && !open.contains(vm.job))
      complain(complaints, "{} names job {}, which is over", words_of(vm), vm.job);
    if (is_busy(vm) && !vm.job.is_set()) complain(complaints, "{} has no job", words_of(vm));
  }
}

void check_busy_images(db::Txn& txn, const Open& open, Complaints& complaints) {
  for (const Image& image : images_of(txn)) {
    const bool is_busy = image.state == ImageState::kLocked || image.state == ImageState::kDelete;
    const auto snapshots = snapshots::list_by_image(txn, image.id);
    const bool has_worker =
        open.contains(image.job) ||
        std::ranges::any_of(snapshots, [&](const Snapshot& one) { return works_for(open, one); });
    if (is_busy && !has_worker)
      complain(complaints, "image {}, {}, has no job", image.id,
               datastore::name_of(image.state));
    if (image.cloning.is_set() && !is_busy)
      complain(complaints, "image {} is {} and still a clone in the making of image {}", image.id,
               datastore::name_of(image.state), image.cloning);
  }
}

/// Of a backup job: whose turn comes has a run, and whose backup is being made has that backup.
void check_backup_jobs(db::Txn& txn, const Open& open, Complaints& complaints) {
  using snapshots::MemberState;
  for (const BackupJobId id : snapshots::list_backup_jobs(txn)) {
    const auto plan = snapshots::find_backup_job(txn, id).value();
    for (const auto& [vm, position, state, image_id, error] : plan.members) {
      const auto image = datastore::find_image(txn, image_id);
      const bool is_made = image && open.contains(image->job);
      if (state == MemberState::kBackingUp && !is_made)
        complain(complaints, "nobody makes the backup of VM {} in backup job {}", vm, id);
      if (state == MemberState::kOutdated && !open.contains(plan.run))
        complain(complaints, "VM {} waits for ever in backup job {}", vm, id);
    }
  }
}

void check_busy_snapshots(db::Txn& txn, const Open& open, Complaints& complaints) {
  for (const Snapshot& snapshot : snapshots_of(txn)) {
    const bool has_layer = snapshot.phase == Phase::kReady && snapshot.pin != PinKind::kNone;
    const bool is_busy = !snapshots::is_over(snapshot.phase) && snapshot.phase != Phase::kFailed;
    if ((is_busy || has_layer) && !works_for(open, snapshot))
      complain(complaints, "{} has no job", words_of(snapshot));
    const auto image = datastore::find_image(txn, snapshot.image);
    if (needs_disk(snapshot) && !image)
      complain(complaints, "{} has lost its image {}", words_of(snapshot), snapshot.image);
  }
}

/// Snapshots whose layer an overlay is, and those that are about to put one there.
bool is_layer_of_one(const std::vector<Snapshot>& all, const VmDisk& disk) {
  return std::ranges::any_of(all, [&](const Snapshot& snapshot) {
    return snapshot.vm == disk.vm && snapshot.disk == disk.id &&
           snapshot.pin_path == disk.overlay_path;
  });
}

void check_disks(db::Txn& txn, const std::vector<Snapshot>& all, Complaints& complaints) {
  const auto open = jobs::list_open(txn);
  for (const Vm& vm : vms_of(txn)) {
    for (const VmDisk& disk : compute::list_disks(txn, vm.id)) {
      const bool is_restore_point = disk.attributes.is_yes("DISK_SNAPSHOT_ACTIVE");
      // The layer of a retained disk goes with it.
      const bool has_layer = !disk.overlay_path.empty() && !is_restore_point && !disk.is_retained;
      if (has_layer && !is_layer_of_one(all, disk))
        complain(complaints, "disk {} of {} has layer {}, which is no snapshot's", disk.id,
                 words_of(vm), disk.overlay_path);
      if (!disk.is_retained) continue;
      if (vm.state != VmState::kDone)
        complain(complaints, "disk {} of {} is retained", disk.id, words_of(vm));
      const bool has_sweeper = std::ranges::any_of(open, [&](const jobs::Job& job) {
        return job.kind == "vm.sweep" && job.vm == vm.id &&
               job.args.get("DISK") == fmt::format("{}", disk.id);
      });
      if (!has_sweeper)
        complain(complaints, "retained disk {} of {} has no job", disk.id, words_of(vm));
    }
  }
}

using Sums = std::map<std::string, double>;
Sums sums_of(db::Cursor rows) {
  Sums found;
  while (rows.next()) {
    found[fmt::format("{} {} {}/{}/{}", rows.integer(0) == 1 ? "user" : "group", rows.integer(1),
                      rows.text(2), rows.text(3), rows.text(4))] = rows.real(5);
  }
  return found;
}

void check_backup_bytes(db::Txn& txn, const Image& image, const sim::SimWorld& world,
                        Complaints& complaints) {
  const auto backup = datastore::find_backup(txn, image.id);
  if (!backup) return complain(complaints, "image {} backs up no VM", image.id);
  for (const auto& disk : backup->disks) {
    const auto file = world.find_file(disk.path);
    if (!file || file->is_unfinished || !file->backing_path.empty())
      complain(complaints, "backup {} has no whole disk {}", image.id, disk.id);
    else if (!disk.sha256.empty() && datastore_driver::sha256_of(*file) != disk.sha256)
      complain(complaints, "backup {} has not the bytes of disk {} that it was made with",
               image.id, disk.id);
  }
}

void check_image_bytes(db::Txn& txn, const Image& image, const sim::SimWorld& world,
                       Complaints& complaints) {
  const bool is_usable = image.state == ImageState::kReady || image.state == ImageState::kDisabled;
  if (!is_usable) return;
  if (image.type == datastore::ImageType::kBackup)
    return check_backup_bytes(txn, image, world, complaints);
  const auto file = world.find_file(image.source);
  if (!file) {
    complain(complaints, "image {} is {} and its file {} is missing", image.id,
             datastore::name_of(image.state), image.source);
    return;
  }
  if (file->is_unfinished) complain(complaints, "image {} is READY and not whole", image.id);
  const auto points = datastore::list_disk_snapshots(txn, {image.id, {}, {}});
  if (!file->backing_path.empty() && points.empty())
    complain(complaints, "image {} lies on {}", image.id, file->backing_path);
  const bool is_sealed = !image.sha256.empty() && !image.modified_by.is_set();
  if (is_sealed && datastore_driver::sha256_of(*file) != image.sha256)
    complain(complaints, "image {} has not the bytes that it was made READY with", image.id);
}

void check_disk_bytes(db::Txn& txn, const Vm& vm, const sim::SimWorld& world,
                      Complaints& complaints) {
  if (is_being_removed(vm)) return;
  for (const VmDisk& disk : compute::list_disks(txn, vm.id)) {
    const bool is_held = !datastore::list_holds(txn, vm.id, disk.id).empty();
    const bool must_be_there = vm.state == VmState::kDone ? disk.is_retained && is_held
                                                          : disk.is_present;
    if (must_be_there && !disk.path.empty() && !world.find_file(disk.path))
      complain(complaints, "disk {} of {} is missing: {}", disk.id, words_of(vm), disk.path);
  }
  const bool is_saved = vm.state == VmState::kSuspended || vm.state == VmState::kStopped;
  if (!is_saved || vm.memory_path.empty()) return;
  const auto memory = world.find_file(vm.memory_path);
  if (!memory || memory->is_unfinished)
    complain(complaints, "{} has no whole memory in {}", words_of(vm), vm.memory_path);
}

/// Every path that a row accounts for.
class Owners {
 public:
  explicit Owners(db::Txn& txn) {
    const Open open = open_jobs(txn);
    for (const Image& image : images_of(txn)) {
      own(image.source);
      own_layers(txn, {image.id, {}, {}});
      if (open.contains(image.job)) own(fmt::format("{}.part-{}", image.source, image.job));
      if (const auto backup = datastore::find_backup(txn, image.id))
        for (const auto& disk : backup->disks) own(disk.path);
    }
    for (const auto& [id, job] : open) own_restored_files(txn, job);
    for (const Snapshot& snapshot : snapshots_of(txn)) own_files_of(txn, open, snapshot);
    for (const Vm& vm : vms_of(txn)) own_files_of(txn, vm);
  }
  [[nodiscard]] bool contain(const std::string& path) const { return paths_.contains(path); }

 private:
  void own(const std::string& path) {
    if (!path.empty()) paths_.insert(path);
  }
  void own_layers(db::Txn& txn, const datastore::DiskTree& tree) {
    for (const auto& point : datastore::list_disk_snapshots(txn, tree)) own(point.path);
  }
  void own_files_of(db::Txn& txn, const Open& open, const Snapshot& snapshot) {
    const bool is_done = snapshots::is_over(snapshot.phase) && !works_for(open, snapshot);
    if (is_done) return;
    own(snapshot.pin_path);
    if (const auto image = datastore::find_image(txn, snapshot.image)) {
      own(image->source + ".part");
      own(datastore::backup_path_of(*image, snapshot.disk) + ".part");
    }
    const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
    if (!disk) return;
    own(fmt::format("{}.snap-{}", disk->path, snapshot.set));
    own(fmt::format("{}.pin-{}", disk->path, snapshot.set));
  }
  /// What a restore under way has copied, and what one that is over still has to remove.
  void own_restored_files(db::Txn& txn, const jobs::Job& job) {
    if (job.kind != "vm.restore") return;
    for (const auto& attribute : job.args.attributes()) {
      const auto& value = std::get<std::string>(attribute.value);
      if (attribute.name == "FILE") own(value);
      if (attribute.name != "DISK") continue;
      const auto disk = compute::find_disk(txn, job.vm, DiskId{std::stoll(value)});
      if (!disk) continue;
      const std::string base = disk->path.substr(0, disk->path.find(".restored-"));
      own(fmt::format("{}.restored-{}", base, job.id));
      own(fmt::format("{}.restored-{}.part-{}", base, job.id, job.id));
    }
  }
  void own_files_of(db::Txn& txn, const Vm& vm) {
    const bool is_done = vm.state == VmState::kDone;
    for (const VmDisk& disk : compute::list_disks(txn, vm.id)) {
      if (is_done && !disk.is_retained) continue;
      own(disk.path);
      own(disk.overlay_path);
      own_layers(txn, compute::tree_of(disk));
    }
    if (is_done) return;
    own(vm.memory_path);
    // What is left of a save that failed goes with the VM.
    if (const auto datastore = datastore::find_datastore(txn, vm.system_datastore))
      own(compute::vm_directory(datastore->base_path, vm.id) + "/memory.save");
    own(vm.attributes.get("SERIAL_LOG"));
  }

  std::set<std::string> paths_;
};

bool is_running(const Vm& vm) {
  return vm.state == VmState::kActive && vm.lcm == compute::LcmState::kRunning;
}
bool is_paused_in_place(const Vm& vm) {
  return vm.state == VmState::kSuspended && vm.memory_path.empty();
}
/// Nobody says where its guest is: it may be anywhere or nowhere.
bool is_uncertain(const Vm& vm) {
  return is_busy(vm) || (vm.state == VmState::kActive && !is_running(vm));
}

/// The snapshot of a guest that is paused waits, or its undoing does, and the layer may be no more
/// than intended.
bool is_intended(db::Txn& txn, const Vm& vm, const VmDisk& disk) {
  if (!is_paused_in_place(vm)) return false;
  const auto open = snapshots::list_open_of_disk(txn, vm.id, disk.id);
  return std::ranges::any_of(open, [](const Snapshot& snapshot) {
    return snapshot.phase == snapshots::Phase::kPinning ||
           snapshot.phase == snapshots::Phase::kCancelling;
  });
}

void check_layers(db::Txn& txn, const Vm& vm, const sim::Domain& domain, Complaints& complaints) {
  for (const VmDisk& disk : compute::list_disks(txn, vm.id)) {
    const sim::Disk* seen = domain.find_disk(disk.target);
    if (seen == nullptr || seen->path == compute::live_path(disk)) continue;
    if (seen->path == disk.path && is_intended(txn, vm, disk)) continue;
    complain(complaints, "the guest of {} writes to {}, its row says {}", words_of(vm), seen->path,
             compute::live_path(disk));
  }
}

/// Restore points that nobody could delete any more.
void check_restore_points(db::Txn& txn, const Vm& vm, const sim::Domain& domain,
                          Complaints& complaints) {
  const auto rows = compute::list_system_snapshots(txn, vm.id);
  for (const auto& [name, point] : domain.restore_points) {
    const bool has_row = std::ranges::any_of(
        rows, [&, name = name](const auto& row) { return compute::hypervisor_name(row) == name; });
    if (!has_row)
      complain(complaints, "the host keeps restore point {} of {}", name, words_of(vm));
  }
}

void check_domain(db::Txn& txn, const sim::DomainKey& key, const sim::Domain& domain,
                  Complaints& complaints) {
  if (domain.is_frozen) complain(complaints, "guest {}/{} is frozen", key.host, key.name);
  const auto id = compute::vm_of_domain(key.name);
  if (!id) return;
  const auto vm = compute::find_vm(txn, *id);
  if (!vm || vm->state == VmState::kDone) {
    complain(complaints, "host {} keeps domain {} of a VM that has ended", key.host, key.name);
    return;
  }
  const auto host = compute::find_host(txn, vm->host);
  if (!domain.is_active() || is_uncertain(*vm)) return;
  if (!host || host->name != key.host)
    complain(complaints, "the guest of {} runs on {}", words_of(*vm), key.host);
  if (!is_running(*vm) && !is_paused_in_place(*vm))
    complain(complaints, "the guest of {} runs", words_of(*vm));
  check_layers(txn, *vm, domain, complaints);
  check_restore_points(txn, *vm, domain, complaints);
}

}  // namespace

Complaints check_store(db::Txn& txn) {
  Complaints complaints;
  auto rows = txn.query("PRAGMA quick_check");
  while (rows.next())
    if (rows.text(0) != "ok") complain(complaints, "the state store: {}", rows.text(0));
  auto broken = txn.query("PRAGMA foreign_key_check");
  while (broken.next())
    complain(complaints, "row {} of {} refers to a row of {} that is not there",
             broken.integer(1), broken.text(0), broken.text(2));
  return complaints;
}

Complaints check_jobs(db::Txn& txn) {
  Complaints complaints;
  const Open open = open_jobs(txn);
  check_backup_jobs(txn, open, complaints);
  check_busy_vms(txn, open, complaints);
  check_busy_images(txn, open, complaints);
  check_busy_snapshots(txn, open, complaints);
  auto claims = txn.query("SELECT resource, job_id FROM job_claims");
  while (claims.next()) {
    if (!open.contains(JobId{claims.integer(1)}))
      complain(complaints, "job {} is over and still claims {}", claims.integer(1),
               claims.text(0));
  }
  return complaints;
}

Complaints check_holds(db::Txn& txn) {
  Complaints complaints;
  const auto all = snapshots_of(txn);
  for (const Snapshot& snapshot : all) {
    const bool is_held = datastore::find_hold(txn, snapshot.id).has_value();
    if (needs_disk(snapshot) && !is_held)
      complain(complaints, "{} holds no disk", words_of(snapshot));
    const bool has_ended = snapshots::is_over(snapshot.phase) && snapshot.phase != Phase::kReady;
    if (has_ended && is_held) complain(complaints, "{} still holds a disk", words_of(snapshot));
    const auto vm = compute::find_vm(txn, snapshot.vm);
    const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
    const bool is_ended = vm && vm->state == VmState::kDone;
    if (needs_disk(snapshot) && is_ended && disk && !disk->is_retained)
      complain(complaints, "{} has lost its disk {} of VM {}", words_of(snapshot), snapshot.disk,
               snapshot.vm);
  }
  auto orphans = txn.query(
      "SELECT snapshot_id FROM disk_holds WHERE snapshot_id NOT IN (SELECT id FROM snapshots)");
  while (orphans.next()) complain(complaints, "hold {} is no snapshot's", orphans.integer(0));
  check_disks(txn, all, complaints);
  return complaints;
}

Complaints check_quotas(db::Txn& txn) {
  constexpr double kTolerance = 1e-5;
  constexpr const char* kCounted =
      "SELECT kind, owner, section, key, metric, TOTAL(amount) FROM ("
      "SELECT 1 AS kind, user_id AS owner, section, key, metric, amount FROM vm_usage UNION ALL "
      "SELECT 2, group_id, section, key, metric, amount FROM vm_usage UNION ALL "
      "SELECT 1, user_id, section, key, metric, amount FROM image_usage UNION ALL "
      "SELECT 2, group_id, section, key, metric, amount FROM image_usage UNION ALL "
      "SELECT 1, user_id, section, key, metric, amount FROM lease_usage UNION ALL "
      "SELECT 2, group_id, section, key, metric, amount FROM lease_usage) "
      "GROUP BY kind, owner, section, key, metric";
  Complaints complaints;
  Sums counted = sums_of(txn.query(kCounted));
  for (const auto& [what, amount] : sums_of(txn.query(
           "SELECT owner_kind, owner_id, section, key, metric, used FROM quota_usage"))) {
    if (std::abs(counted[what] - amount) > kTolerance)
      complain(complaints, "quota of {}: {} is charged and {} is used", what, amount,
               counted[what]);
    counted.erase(what);
  }
  for (const auto& [what, amount] : counted)
    if (std::abs(amount) > kTolerance)
      complain(complaints, "quota of {}: nothing is charged and {} is used", what, amount);
  return complaints;
}

Complaints check_leases(db::Txn& txn) {
  Complaints complaints;
  auto lost = txn.query(
      "SELECT l.network_id, l.position, l.vm_id, l.nic_id FROM leases l"
      " JOIN vms v ON v.id = l.vm_id WHERE l.kind = 1 AND (v.state = 6 OR NOT EXISTS"
      " (SELECT 1 FROM vm_nics n WHERE n.vm_id = l.vm_id AND n.nic_id = l.nic_id))");
  while (lost.next())
    complain(complaints, "position {} of network {} is leased to NIC {} of VM {}, which is gone",
             lost.integer(1), lost.integer(0), lost.integer(3), lost.integer(2));
  auto wrong = txn.query(
      "SELECT r.network_id, r.range_id, r.next_free FROM address_ranges r WHERE r.next_free <>"
      " (SELECT COUNT(*) FROM leases l WHERE l.network_id = r.network_id"
      " AND l.range_id = r.range_id AND l.position < r.next_free) OR EXISTS"
      " (SELECT 1 FROM leases l WHERE l.network_id = r.network_id AND l.range_id = r.range_id"
      " AND l.position = r.next_free)");
  while (wrong.next())
    complain(complaints, "{} is not the lowest free position of range {} of network {}",
             wrong.integer(2), wrong.integer(1), wrong.integer(0));
  return complaints;
}

Complaints check_bytes(db::Txn& txn, const sim::SimWorld& world) {
  Complaints complaints;
  for (const Image& image : images_of(txn)) check_image_bytes(txn, image, world, complaints);
  for (const Vm& vm : vms_of(txn)) check_disk_bytes(txn, vm, world, complaints);
  return complaints;
}

Complaints check_always(db::Txn& txn, const sim::SimWorld& world) {
  Complaints complaints = check_store(txn);
  add(complaints, check_jobs(txn));
  add(complaints, check_holds(txn));
  add(complaints, check_quotas(txn));
  add(complaints, check_leases(txn));
  add(complaints, check_bytes(txn, world));
  add(complaints, world.violations());
  return complaints;
}

Complaints check_idle(db::Txn& txn) {
  Complaints complaints;
  for (const auto& job : jobs::list_open(txn)) {
    if (job.state == jobs::JobState::kWaiting && job.not_before > txn.at()) continue;
    complain(complaints, "job {} ({}, step {}) is {}: {}", job.id, job.kind, job.step,
             jobs::name_of(job.state), job.reason);
  }
  for (const Vm& vm : vms_of(txn)) {
    if (vm.state != VmState::kCloning) continue;
    const auto disks = compute::list_disks(txn, vm.id);
    const bool is_waiting = std::ranges::any_of(disks, [&](const compute::VmDisk& disk) {
      const auto image = datastore::find_image(txn, disk.image);
      return image && image->state == ImageState::kLocked;
    });
    if (!is_waiting) complain(complaints, "{} waits for no image", words_of(vm));
  }
  return complaints;
}

Complaints check_leftovers(db::Txn& txn, const sim::SimWorld& world) {
  Complaints complaints;
  const Owners owners(txn);
  std::vector<std::string> directories;
  for (const DatastoreId id : datastore::list_datastores(txn))
    directories.push_back(datastore::find_datastore(txn, id).value().base_path);
  for (const std::string& path : world.list_files()) {
    const bool is_ours = std::ranges::any_of(directories, [&](const std::string& directory) {
      return sim::is_below(path, directory);
    });
    if (is_ours && !owners.contain(path)) complain(complaints, "{} is nobody's", path);
  }
  return complaints;
}

Complaints check_guests(db::Txn& txn, const sim::SimWorld& world) {
  Complaints complaints;
  const auto domains = world.list_domains();
  for (const auto& [key, domain] : domains)
    if (world.reach_of(key.host) == sim::Reach::kUp) check_domain(txn, key, domain, complaints);
  for (const Vm& vm : vms_of(txn)) {
    if (!is_running(vm)) continue;
    const auto host = compute::find_host(txn, vm.host);
    const std::string name = host ? host->name : std::string{};
    if (world.reach_of(name) != sim::Reach::kUp) continue;
    const auto at = domains.find({name, compute::domain_name(vm.id)});
    if (at == domains.end() || !at->second.is_active())
      complain(complaints, "{} has no guest on {}", words_of(vm), name);
  }
  return complaints;
}

Complaints check_at_rest(db::Txn& txn, const sim::SimWorld& world) {
  Complaints complaints = check_always(txn, world);
  add(complaints, check_idle(txn));
  add(complaints, check_leftovers(txn, world));
  add(complaints, check_guests(txn, world));
  return complaints;
}

}  // namespace neph::invariants
