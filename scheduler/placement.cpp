#include "scheduler/placement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "scheduler/internal/cached_expression.h"
#include "scheduler/internal/explanation.h"

namespace neph::scheduler {
namespace {

using internal::CachedRank;
using internal::CachedRequirement;
using internal::DatastoreState;
using internal::HostState;
using internal::Misfit;
using internal::Misfits;

bool has_room(std::int64_t needed, std::int64_t free) { return needed <= 0 || needed <= free; }

/// The expressions of one VM, shared with every other VM that has the same.
struct Expressions {
  CachedRequirement& automatic;
  CachedRequirement& requirements;
  CachedRank& rank;
  CachedRequirement& datastore_requirements;
  CachedRank& datastore_rank;
};

/// Datastore for a VM on a host of some cluster; `datastore` is nullopt when none fits.
struct DatastoreChoice {
  std::optional<std::size_t> datastore;
  Misfits misfits;
};

class Planner {
 public:
  Planner(const std::vector<HostCandidate>& hosts,
          const std::vector<DatastoreCandidate>& datastores) {
    for (const auto& host : hosts)
      hosts_.push_back({&host, host.cpu_free, host.memory_free_kb, host.running_vms});
    for (const auto& datastore : datastores) datastores_.push_back({&datastore, datastore.free_mb});
  }

  void place(const PendingVm& vm, Plan& plan) {
    host_expressions_.trim();
    datastore_expressions_.trim();
    Expressions expressions{host_expressions_.requirement(vm.automatic_requirements),
                            host_expressions_.requirement(vm.requirements),
                            host_expressions_.rank(vm.rank),
                            datastore_expressions_.requirement(vm.datastore_requirements),
                            datastore_expressions_.rank(vm.datastore_rank)};
    if (auto reason = find_expression_error(expressions)) {
      plan.refusals.push_back({vm.id, std::move(*reason)});
      return;
    }
    choices_.clear();
    Misfits misfits;
    const auto host = choose_host(vm, expressions, misfits);
    if (!host) {
      plan.refusals.push_back({vm.id, explain(vm, misfits)});
      return;
    }
    const auto datastore = *choice_for(vm, expressions, cluster_of(*host)).datastore;
    consume(vm, hosts_[*host], datastores_[datastore]);
    plan.placements.push_back(
        {vm.id, hosts_[*host].host->id, datastores_[datastore].datastore->id});
  }

 private:
  ClusterId cluster_of(std::size_t host) const { return hosts_[host].host->cluster; }

  static std::optional<std::string> find_expression_error(const Expressions& expressions) {
    const std::pair<const char*, const Error*> checks[] = {
        {"AUTOMATIC_REQUIREMENTS", expressions.automatic.error()},
        {"SCHED_REQUIREMENTS", expressions.requirements.error()},
        {"SCHED_RANK", expressions.rank.error()},
        {"SCHED_DS_REQUIREMENTS", expressions.datastore_requirements.error()},
        {"SCHED_DS_RANK", expressions.datastore_rank.error()}};
    for (const auto& [name, error] : checks)
      if (error != nullptr)
        return internal::shortened(fmt::format("{}: {}", name, error->message),
                                   internal::kReasonBytesMax);
    return std::nullopt;
  }

  std::optional<std::size_t> choose_host(const PendingVm& vm, const Expressions& expressions,
                                         Misfits& misfits) {
    std::optional<std::size_t> best;
    double best_rank = 0;
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (vm.only_host && hosts_[i].host->id != *vm.only_host) continue;
      if (const auto misfit = find_misfit(vm, expressions, i)) {
        misfits.add(*misfit, i);
        continue;
      }
      const double rank = expressions.rank(i, hosts_[i]);
      if (!best || rank > best_rank || (rank == best_rank && is_preferred(i, *best))) {
        best = i;
        best_rank = rank;
      }
    }
    return best;
  }

  /// Between hosts of equal rank: fewest running VMs, most free memory, lowest id.
  bool is_preferred(std::size_t one, std::size_t other) const {
    const auto key = [&](std::size_t i) {
      return std::tuple(hosts_[i].running_vms, -hosts_[i].memory_free_kb, hosts_[i].host->id);
    };
    return key(one) < key(other);
  }

  /// Cheap questions first: with 1,250 hosts and 20,000 VMs each is asked 25 million times.
  std::optional<Misfit> find_misfit(const PendingVm& vm, const Expressions& expressions,
                                    std::size_t index) {
    const HostState& state = hosts_[index];
    if (!state.host->is_enabled) return Misfit::kDisabled;
    if (!state.host->is_reachable) return Misfit::kUnreachable;
    if (!expressions.automatic(index, state)) return Misfit::kAutomaticRequirements;
    if (!expressions.requirements(index, state)) return Misfit::kRequirements;
    if (!has_room(vm.memory_kb, state.memory_free_kb)) return Misfit::kMemory;
    if (!has_room(vm.cpu_percent, state.cpu_free)) return Misfit::kCpu;
    if (!choice_for(vm, expressions, state.host->cluster).datastore) return Misfit::kNoDatastore;
    return std::nullopt;
  }

  /// Worked out once per VM and cluster, because it is the same for all hosts of the cluster.
  const DatastoreChoice& choice_for(const PendingVm& vm, const Expressions& expressions,
                                    ClusterId cluster) {
    const auto [known, is_new] = choices_.try_emplace(cluster);
    if (is_new) known->second = choose_datastore(vm, expressions, cluster);
    return known->second;
  }

  DatastoreChoice choose_datastore(const PendingVm& vm, const Expressions& expressions,
                                   ClusterId cluster) {
    DatastoreChoice choice;
    std::tuple<double, std::int64_t, DatastoreId> best_key;
    for (std::size_t i = 0; i < datastores_.size(); ++i) {
      const DatastoreState& state = datastores_[i];
      if (const auto misfit = find_datastore_misfit(vm, expressions, cluster, i)) {
        choice.misfits.add(*misfit, i);
        continue;
      }
      const auto key = std::tuple(-expressions.datastore_rank(i, state), -state.free_mb,
                                  state.datastore->id);
      if (choice.datastore && best_key <= key) continue;
      choice.datastore = i;
      best_key = key;
    }
    return choice;
  }

  std::optional<Misfit> find_datastore_misfit(const PendingVm& vm, const Expressions& expressions,
                                              ClusterId cluster, std::size_t index) const {
    const DatastoreState& state = datastores_[index];
    const auto& clusters = state.datastore->clusters;
    if (!state.datastore->is_enabled) return Misfit::kDisabled;
    if (!clusters.empty() && std::ranges::find(clusters, cluster) == clusters.end())
      return Misfit::kOtherCluster;
    if (!expressions.datastore_requirements(index, state)) return Misfit::kRequirements;
    if (!has_room(vm.disk_mb, state.free_mb)) return Misfit::kSpace;
    return std::nullopt;
  }

  static void consume(const PendingVm& vm, HostState& host, DatastoreState& datastore) {
    host.cpu_free -= std::max<std::int64_t>(vm.cpu_percent, 0);
    host.memory_free_kb -= std::max<std::int64_t>(vm.memory_kb, 0);
    ++host.running_vms;
    ++host.version;
    if (vm.disk_mb <= 0) return;
    datastore.free_mb -= vm.disk_mb;
    ++datastore.version;
  }

  std::string explain(const PendingVm& vm, const Misfits& misfits) const {
    const bool is_known = std::ranges::any_of(
        hosts_, [&](const HostState& state) { return state.host->id == vm.only_host; });
    if (vm.only_host && !is_known)
      return fmt::format("no host fits: the VM is bound to host {}, which does not exist",
                         *vm.only_host);
    std::string datastores;
    const auto& group = misfits.of(Misfit::kNoDatastore);
    if (group.count > 0)
      datastores = internal::explain_datastores(
          vm, datastores_, choices_.at(cluster_of(group.first)).misfits);
    return internal::explain_hosts(vm, hosts_, misfits, datastores);
  }

  std::vector<HostState> hosts_;
  std::vector<DatastoreState> datastores_;
  internal::ExpressionCache host_expressions_;
  internal::ExpressionCache datastore_expressions_;
  std::map<ClusterId, DatastoreChoice> choices_;  ///< of the VM that is being placed
};

}  // namespace

Plan plan(const std::vector<PendingVm>& pending, const std::vector<HostCandidate>& hosts,
          const std::vector<DatastoreCandidate>& system_datastores) {
  std::vector<const PendingVm*> order;
  for (const auto& vm : pending) order.push_back(&vm);
  std::ranges::stable_sort(order, {}, [](const PendingVm* vm) {
    // A priority that is no number would make the order undefined.
    return std::pair(std::isnan(vm->priority) ? 0 : -vm->priority, vm->id);
  });
  Plan result;
  Planner planner(hosts, system_datastores);
  for (const auto* vm : order) planner.place(*vm, result);
  return result;
}

}  // namespace neph::scheduler
