#include <algorithm>

#include "compute/disk_tree.h"
#include "compute/internal/plan.h"

namespace neph::compute {
namespace {

void show_system_datastore(const VmPlan& plan, VmDisk& disk) {
  if (disk.kind != DiskKind::kVolatile) return;
  disk.attributes.set("TM_MAD", plan.system_tm_mad);
  disk.attributes.set("DATASTORE_ID", fmt::format("{}", plan.vm.system_datastore));
}

DiskWork work_of(const VmPlan& plan, const VmDisk& disk) {
  DiskWork work;
  work.target = {disk.path, disk.format};
  const auto* image = image_of(plan, disk);
  switch (disk.kind) {
    case DiskKind::kContext: work.kind = DiskWork::Kind::kContext; return work;
    case DiskKind::kCdrom: work.kind = DiskWork::Kind::kUseImage; return work;
    case DiskKind::kVolatile:
      work.kind = DiskWork::Kind::kEmpty;
      work.size = Bytes::megabytes(disk.size_mb);
      return work;
    case DiskKind::kImage: break;
  }
  work.kind = is_overlay(disk) ? DiskWork::Kind::kOverlay : DiskWork::Kind::kUseImage;
  if (image == nullptr || !is_overlay(disk)) return work;
  work.source = {image->source, image->format};
  if (disk.size_mb > image->size_mb) work.size = Bytes::megabytes(disk.size_mb);
  return work;
}

}  // namespace

const datastore::Image* image_of(const VmPlan& plan, const VmDisk& disk) {
  const auto found =
      std::find_if(plan.images.begin(), plan.images.end(),
                   [&](const datastore::Image& image) { return image.id == disk.image; });
  return found == plan.images.end() ? nullptr : &*found;
}

bool is_overlay(const VmDisk& disk) {
  return disk.kind == DiskKind::kImage && !disk.is_persistent;
}

Result<VmPlan> plan_of(db::Txn& txn, VmId id) {
  VmPlan plan;
  plan.vm = TRY(find_vm(txn, id));
  plan.disks = list_disks(txn, id);
  plan.nics = list_nics(txn, id);
  for (const auto& disk : plan.disks) {
    const auto restore_points = datastore::list_disk_snapshots(txn, tree_of(disk));
    if (!restore_points.empty()) plan.frozen[disk.id] = datastore::layers_below(restore_points);
    if (!disk.image.is_set() || image_of(plan, disk) != nullptr) continue;
    // The image of a VM that has ended may be gone, and its leftovers still have to be removed.
    auto image = datastore::find_image(txn, disk.image);
    if (image) plan.images.push_back(std::move(*image));
  }
  if (!plan.vm.system_datastore.is_set()) return plan;
  const auto system = TRY(datastore::find_datastore(txn, plan.vm.system_datastore));
  plan.directory = vm_directory(system.base_path, id);
  plan.system_tm_mad = system.tm_mad;
  return plan;
}

void assign_paths(VmPlan& plan) {
  for (auto& disk : plan.disks) {
    // A file that exists is where it is, whatever has been chosen since.
    if (disk.is_present) continue;
    const auto* image = image_of(plan, disk);
    const bool is_image_itself = disk.is_persistent || disk.kind == DiskKind::kCdrom;
    if (is_image_itself && image != nullptr) {
      disk.path = image->source;
      disk.format = image->format;
    } else {
      disk.path = fmt::format("{}/disk.{}", plan.directory, disk.id);
    }
    // An image that was still being copied when the VM was made has its file by now.
    if (image != nullptr) disk.attributes.set("SOURCE", image->source);
    show_system_datastore(plan, disk);
  }
}

std::vector<DiskWork> disk_works(const VmPlan& plan) {
  std::vector<DiskWork> works;
  for (const auto& disk : plan.disks) works.push_back(work_of(plan, disk));
  return works;
}

std::string serial_log_path(const VmPlan& plan) { return plan.directory + "/serial.log"; }

}  // namespace neph::compute
