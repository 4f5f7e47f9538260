#include <algorithm>

#include "api/internal/disk_xml.h"
#include "api/internal/methods.h"
#include "compute/host.h"
#include "compute/vm.h"

/// neph.disk.*: disks of ended VMs that snapshots keep.
namespace neph::api {
namespace {

constexpr std::int64_t kMine = -3;
constexpr std::int64_t kVisible = -2;

struct ListDisks {
  std::int64_t filter = kVisible;
  HostId host;
};

RetainedDisk read(db::Txn& txn, compute::VmDisk disk, compute::Vm vm) {
  RetainedDisk kept;
  kept.owner_name = access::user_name(txn, vm.owner);
  if (const auto host = compute::find_host(txn, vm.host)) kept.host_name = host->name;
  kept.snapshots = snapshots::list_open_of_disk(txn, vm.id, disk.id);
  kept.disk = std::move(disk);
  kept.vm = std::move(vm);
  return kept;
}

/// Its VM's owner, who pays for it; the owners of the snapshots; who may MANAGE the VM.
bool may_see(Call& call, const RetainedDisk& kept) {
  const UserId user = call.actor().user;
  if (call.actor().is_admin() || kept.vm.owner == user) return true;
  if (std::ranges::count(kept.snapshots, user, &snapshots::Snapshot::owner) > 0) return true;
  return need(call, access::Op::kManage, ObjectKind::kVm, kept.vm.id).has_value();
}

bool is_asked_for(Call& call, const RetainedDisk& kept, const ListDisks& ask) {
  if (ask.host.is_set() && kept.vm.host != ask.host) return false;
  if (ask.filter == kVisible) return true;
  return kept.vm.owner == (ask.filter == kMine ? call.actor().user : UserId{ask.filter});
}

Result<EscapedText> list_disks(Call& call, const ListDisks& ask) {
  if (ask.filter < 0 && ask.filter != kMine && ask.filter != kVisible)
    return fail(Errc::kInvalid, "Incorrect filter_flag");
  std::vector<RetainedDisk> shown;
  for (auto& disk : compute::list_retained_disks(call.txn())) {
    auto vm = compute::find_vm(call.txn(), disk.vm);
    if (!vm) continue;
    RetainedDisk kept = read(call.txn(), std::move(disk), std::move(*vm));
    if (is_asked_for(call, kept, ask) && may_see(call, kept)) shown.push_back(std::move(kept));
  }
  return as_document(retained_disks_xml(shown));
}

}  // namespace

void add_disk_methods(Registry<Call>& registry) {
  // Few and seldom asked for: they are read from the rows, on the lane that writes.
  registry.add({method("neph.disk.list", &list_disks)
                    .writes()
                    .args("filter", "host")
                    .required(0)
                    .for_anyone()
                    .doc("Lists disks of VMs that have ended, kept until the image of a snapshot "
                         "is READY or given up: those of one's own VMs and snapshots, for "
                         "administrators all. Filter: a user id, -3 the caller's VMs, -2 all. On "
                         "one host, unless -1.")
                    .answers("DISK_POOL document")});
}

}  // namespace neph::api
