#include "compute/placement.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/vm_rows.h"
#include "datastore/image.h"
#include "scheduler/placement.h"
#include "site/vm_group.h"

namespace neph::compute {
namespace {

constexpr std::int64_t kUnknownSpace = INT64_MAX / 2;

scheduler::HostCandidate candidate_of(db::Txn& txn, const Host& host, double overcommit) {
  const HostUse use = host_use(txn, host.id);
  scheduler::HostCandidate candidate;
  candidate.id = host.id;
  candidate.name = host.name;
  candidate.cluster = host.cluster;
  candidate.cluster_name = host.cluster_name;
  candidate.is_enabled = host.admin == HostAdmin::kEnabled;
  candidate.is_reachable = host.is_reachable;
  candidate.state_name = name_of(state_of(host));
  const auto cluster = find_cluster(txn, host.cluster);
  const Capacity most = capacity_of(host, cluster ? cluster->attributes : text::Template{});
  candidate.cpu_max =
      static_cast<std::int64_t>(static_cast<double>(most.cpu_percent) * overcommit);
  candidate.memory_max_kb = most.memory_kb;
  candidate.cpu_free = candidate.cpu_max - use.cpu_percent;
  candidate.memory_free_kb = candidate.memory_max_kb - use.memory_kb;
  candidate.running_vms = static_cast<int>(use.vms.size());
  candidate.attributes = host.facts;
  candidate.attributes.merge(host.attributes);
  return candidate;
}

std::vector<scheduler::HostCandidate> host_candidates(db::Txn& txn, double overcommit) {
  std::vector<scheduler::HostCandidate> candidates;
  for (const HostId id : list_hosts(txn)) {
    if (const auto host = find_host(txn, id)) {
      candidates.push_back(candidate_of(txn, *host, overcommit));
    }
  }
  return candidates;
}

std::vector<scheduler::DatastoreCandidate> datastore_candidates(db::Txn& txn) {
  std::vector<scheduler::DatastoreCandidate> candidates;
  for (const DatastoreId id : datastore::list_datastores(txn)) {
    const auto store = datastore::find_datastore(txn, id);
    if (!store || store->type != datastore::DatastoreType::kSystem) continue;
    // One that has not been measured yet is not refused on a guess.
    const bool is_measured = store->total_mb > 0;
    candidates.push_back({store->id, store->name, store->clusters, store->is_enabled,
                          is_measured ? store->free_mb : kUnknownSpace, store->total_mb,
                          store->attributes});
  }
  return candidates;
}

/// Both must hold.
std::string both(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return fmt::format("({}) & ({})", a, b);
}

scheduler::PendingVm pending_of(db::Txn& txn, const Vm& vm) {
  scheduler::PendingVm pending;
  pending.id = vm.id;
  pending.cpu_percent = static_cast<std::int64_t>(vm.cpu * 100);
  pending.memory_kb = vm.memory_mb * 1024;
  pending.disk_mb = vm.disk_mb;
  pending.requirements = vm.user_attributes.get("SCHED_REQUIREMENTS");
  pending.automatic_requirements =
      both(vm.attributes.get("AUTOMATIC_REQUIREMENTS"), site::host_requirement(txn, vm.id));
  pending.rank = vm.user_attributes.get("SCHED_RANK");
  pending.datastore_requirements = vm.user_attributes.get("SCHED_DS_REQUIREMENTS");
  pending.datastore_rank = vm.user_attributes.get("SCHED_DS_RANK");
  return pending;
}

void say_why(db::Txn& txn, VmId id, const std::string& reason) {
  auto vm = find_vm(txn, id);
  if (!vm || vm->pending_reason == reason) return;
  vm->pending_reason = reason;
  save_vm(txn, *vm);
}

/// Takes those out of `ids` that can be placed at once. Of a VM group only one can: where the next
/// one may go follows from where that one went.
std::vector<VmId> take_round(db::Txn& txn, std::vector<VmId>& ids) {
  std::set<VmGroupId> groups;
  std::vector<VmId> round, rest;
  for (const VmId id : ids) {
    const auto role = site::role_of(txn, id);
    const bool is_first = !role || groups.insert(role->group).second;
    (is_first ? round : rest).push_back(id);
  }
  ids = std::move(rest);
  return round;
}

/// Where VMs may go, as it was when nothing had been placed yet.
struct Candidates {
  std::vector<scheduler::HostCandidate> hosts;
  std::vector<scheduler::DatastoreCandidate> datastores;
};

/// \returns whether it placed one
bool place(db::Txn& txn, VmService& vms, const std::vector<VmId>& ids,
           const Candidates& candidates) {
  std::vector<scheduler::PendingVm> pending;
  for (const VmId id : ids) {
    if (const auto vm = find_vm(txn, id)) pending.push_back(pending_of(txn, *vm));
  }
  if (pending.empty()) return false;
  const auto plan = scheduler::plan(pending, candidates.hosts, candidates.datastores);
  for (const auto& placement : plan.placements) {
    VmService::DeployAsk ask;
    ask.vm = placement.vm;
    ask.host = placement.host;
    ask.system_datastore = placement.datastore;
    if (const auto deployed = vms.deploy(txn, UserId{}, ask); !deployed) {
      say_why(txn, placement.vm, deployed.error().text());
      log::warn("vm.placement_failed", {{"vm", placement.vm},
                                        {"error", deployed.error().text()}});
    }
  }
  for (const auto& refusal : plan.refusals) say_why(txn, refusal.vm, refusal.reason);
  return !plan.placements.empty();
}

/// On from CLONING, when all its images are there or one of them never will be.
void promote(db::Txn& txn, VmId id) {
  auto vm = find_vm(txn, id);
  if (!vm) return;
  bool is_ready = true;
  bool has_failed = false;
  for (const VmDisk& disk : list_disks(txn, id)) {
    if (!disk.image.is_set()) continue;
    const auto found = datastore::find_image(txn, disk.image);
    has_failed = has_failed || !found || found->state == datastore::ImageState::kError;
    is_ready = is_ready && found && found->state == datastore::ImageState::kReady;
  }
  if (!is_ready && !has_failed) return;
  if (has_failed) put_error(*vm, txn.at(), "an image that it waited for could not be copied");
  const bool is_held = vm->attributes.is_yes("SUBMIT_ON_HOLD");
  const VmState ready = is_held ? VmState::kHold : VmState::kPending;
  set_stand(*vm, {is_ready ? ready : VmState::kCloningFailure, LcmState::kInit});
  save_vm(txn, *vm);
}

}  // namespace

void place_pending(db::Txn& txn, VmService& vms) {
  auto ids = list_pending_vms(txn);
  std::optional<Candidates> candidates;
  while (!ids.empty()) {
    if (!candidates) {
      candidates = Candidates{host_candidates(txn, vms.settings().cpu_overcommit),
                              datastore_candidates(txn)};
    }
    if (place(txn, vms, take_round(txn, ids), *candidates)) candidates.reset();
  }
}

void promote_waiting_for(db::Txn& txn, ImageId image) {
  for (const VmId id : list_cloning_vms(txn, image)) promote(txn, id);
}

void promote_waiting(db::Txn& txn) {
  for (const VmId id : list_cloning_vms(txn)) promote(txn, id);
}

}  // namespace neph::compute
