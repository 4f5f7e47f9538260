#include "cli/objects.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "cli/columns.h"

namespace neph::cli {
namespace {

// Ranges of states.md section 9.
constexpr std::int64_t kNoRange = -1;
constexpr std::int64_t kVmStatesButDone = -1;
constexpr std::int64_t kEveryVm = -1;

const auto kObjects = std::to_array<ObjectRow>({
    {Kind::kVm, "vm", "onevm", "VM", "VM", "one.vm.info", "one.vmpool.info",
     PoolArguments::kVmPool, "virtual machines", columns::vm_list(), columns::vm_show()},
    {Kind::kImage, "image", "oneimage", "image", "IMAGE", "one.image.info", "one.imagepool.info",
     PoolArguments::kFilterAndRange, "disk images", columns::image_list(), columns::image_show()},
    {Kind::kTemplate, "template", "onetemplate", "template", "VMTEMPLATE", "one.template.info",
     "one.templatepool.info", PoolArguments::kFilterAndRange, "templates of virtual machines",
     columns::template_list(), columns::template_show()},
    {Kind::kHost, "host", "onehost", "host", "HOST", "one.host.info", "one.hostpool.info",
     PoolArguments::kNone, "hosts that run virtual machines", columns::host_list(),
     columns::host_show()},
    {Kind::kDatastore, "datastore", "onedatastore", "datastore", "DATASTORE",
     "one.datastore.info", "one.datastorepool.info", PoolArguments::kNone,
     "places where images and disks are kept", columns::datastore_list(),
     columns::datastore_show()},
    {Kind::kNetwork, "net", "onevnet", "network", "VNET", "one.vn.info", "one.vnpool.info",
     PoolArguments::kFilterAndRange, "virtual networks", columns::network_list(),
     columns::network_show()},
    {Kind::kUser, "user", "oneuser", "user", "USER", "one.user.info", "one.userpool.info",
     PoolArguments::kNone, "users", columns::user_list(), columns::user_show()},
    {Kind::kGroup, "group", "onegroup", "group", "GROUP", "one.group.info", "one.grouppool.info",
     PoolArguments::kNone, "groups of users", columns::group_list(), columns::group_show()},
    {Kind::kCluster, "cluster", "onecluster", "cluster", "CLUSTER", "one.cluster.info",
     "one.clusterpool.info", PoolArguments::kNone, "clusters of hosts and datastores",
     columns::cluster_list(), columns::cluster_show()},
    {Kind::kSnapshot, "snapshot", "onesnapshot", "snapshot", "SNAPSHOT", "neph.snapshot.info",
     "neph.snapshot.list", PoolArguments::kSnapshotPool,
     "disks of virtual machines that become images", columns::snapshot_list(),
     columns::snapshot_show()},
    {Kind::kJob, "job", "onejob", "job", "JOB", "neph.job.info", "neph.job.list",
     PoolArguments::kOwnList, "what works in the background", columns::job_list(),
     columns::job_show()},
    {Kind::kDisk, "disk", "onedisk", "disk", "DISK", "", "neph.disk.list",
     PoolArguments::kOwnList, "disks of ended virtual machines, kept for snapshots",
     columns::disk_list(), {}},
    {Kind::kBackupJob, "backup-job", "onebackupjob", "backup job", "BACKUPJOB",
     "one.backupjob.info", "one.backupjobpool.info", PoolArguments::kFilterAndRange,
     "plans that back up several virtual machines", columns::backup_job_list(),
     columns::backup_job_show()},
});

}  // namespace

std::span<const ObjectRow> all_objects() { return kObjects; }

const ObjectRow& object_row(Kind kind) {
  const auto row = std::find_if(kObjects.begin(), kObjects.end(),
                                [&](const ObjectRow& one) { return one.kind == kind; });
  NEPH_ASSERT(row != kObjects.end());
  return *row;
}

const ObjectRow* find_by_program_name(std::string_view name) {
  const auto row = std::find_if(kObjects.begin(), kObjects.end(),
                                [&](const ObjectRow& one) { return one.program_name == name; });
  return row == kObjects.end() ? nullptr : &*row;
}

Values visible_pool_arguments(const ObjectRow& row) {
  switch (row.pool_arguments) {
    case PoolArguments::kNone: return {};
    case PoolArguments::kFilterAndRange: return {kVisible, kNoRange, kNoRange};
    case PoolArguments::kVmPool: return {kVisible, kNoRange, kNoRange, kVmStatesButDone};
    case PoolArguments::kSnapshotPool: return {kVisible, kEveryVm};
    case PoolArguments::kOwnList: return {kVisible};
  }
  return {};
}

}  // namespace neph::cli
