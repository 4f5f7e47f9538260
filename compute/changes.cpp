#include "compute/internal/changes.h"

#include <algorithm>

#include "base/log.h"
#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/factory.h"
#include "compute/internal/plan.h"
#include "compute/internal/vm_rows.h"
#include "datastore/holds.h"
#include "jobs/backoff.h"
#include "network/leases.h"

namespace neph::compute::internal {
namespace {

constexpr int kAttempts = 5;
constexpr Duration kStall{300'000};
constexpr Duration kRemoveStall{120'000};
constexpr Duration kDiskPatience{60'000};
constexpr Duration kDiskLookInterval{5'000};

/// It waits for the guest to stop, whenever that is.
bool is_armed(const datastore::Hold& hold, const VmDisk& disk) {
  return hold.state == datastore::HoldState::kArmed &&
         hold.fires != datastore::Fires::kByItself && disk.overlay_path.empty();
}

/// The key of what keeps the layers of a disk busy.
std::optional<std::string> find_obstacle(db::Txn& txn, const VmDisk& disk, LayerBelow below) {
  const std::string resource = disk_resource(disk.vm, disk.id);
  if (jobs::find_claimant(txn, resource)) return jobs::claim_key(resource);
  const bool is_above = below == LayerBelow::kMayBeRead && !disk.overlay_path.empty();
  for (const auto& hold : datastore::list_holds(txn, disk.vm, disk.id)) {
    if (is_armed(hold, disk)) continue;
    const bool is_pinned = hold.state == datastore::HoldState::kPinned;
    if (!is_pinned) return datastore::pinned_key(disk.vm);
    if (!is_above) return datastore::released_key(disk.vm, disk.id);
  }
  if (disk.overlay_path.empty() || is_above) return std::nullopt;
  return datastore::released_key(disk.vm, disk.id);
}

Result<jobs::Work> plan_remove(db::Txn& txn, const jobs::Job& job, const Tools& tools,
                               EndOfJob end) {
  const VmPlan plan = TRY(plan_of(txn, job.vm));
  auto* storage = TRY(tools.drivers.datastore(plan.system_tm_mad));
  return jobs::Work{[storage, files = list_args(job, kFile)](Progress&) -> Result<void> {
                      for (const auto& file : files) CHECK_OK(storage->ensure_deleted(file));
                      return {};
                    },
                    [end](db::Txn&, const jobs::Job& settled, Result<void> outcome) {
                      if (outcome) return end(settled);
                      return jobs::again(jobs::pause_after(settled.attempt),
                                         outcome.error().text());
                    }};
}

}  // namespace

Result<const ChangeRow*> check_change(const Vm& vm, Change change) {
  if (const ChangeRow* row = find_change_row(change, stand_of(vm))) return row;
  return fail(Errc::kWrongState,
              "Error performing action \"{}\": This action is not available for state {}",
              name_of(change), shown_name(vm.state, vm.lcm));
}

Result<void> check_supported(db::Txn& txn, const DriverCatalogue& drivers, const Vm& vm,
                             hypervisor_driver::Operation operation) {
  const Domain domain = TRY(find_domain(txn, vm.id));
  if (TRY(drivers.hypervisor(domain.vm_mad))->supports(operation)) return {};
  return fail(Errc::kWrongState, "{} is not supported by the hypervisor driver {} of host {}",
              name_of(operation), domain.vm_mad, domain.ref.host.name);
}

Result<void> check_disk_free(db::Txn& txn, const VmDisk& disk, Armed armed,
                             std::string_view what) {
  for (const auto& hold : datastore::list_holds(txn, disk.vm, disk.id)) {
    const bool is_armed = hold.state == datastore::HoldState::kArmed && disk.overlay_path.empty();
    if (is_armed && armed == Armed::kAllowed) continue;
    return fail(Errc::kWrongState,
                "disk {} of virtual machine [{}] cannot {}: snapshot {} needs it; wait until that "
                "is ready, or cancel it",
                disk.id, disk.vm, what, hold.snapshot);
  }
  const auto job = jobs::find_claimant(txn, disk_resource(disk.vm, disk.id));
  if (!job && disk.overlay_path.empty()) return {};
  return fail(Errc::kWrongState,
              "disk {} of virtual machine [{}] cannot {}: its layers are being folded after a "
              "snapshot; try again in a moment",
              disk.id, disk.vm, what);
}

Result<void> check_disk_not_armed(db::Txn& txn, const VmDisk& disk, std::string_view what) {
  const auto holds = datastore::list_holds(txn, disk.vm, disk.id);
  const bool any = std::ranges::any_of(holds, [&](const auto& hold) {
    return is_armed(hold, disk);
  });
  return any ? check_disk_free(txn, disk, Armed::kRefused, what) : Result<void>{};
}

Result<std::optional<jobs::Next>> wait_for_disk(db::Txn& txn, const jobs::Job& job, Vm& vm,
                                                const VmDisk& disk, LayerBelow below) {
  const auto key = find_obstacle(txn, disk, below);
  if (!key) return std::nullopt;
  if (txn.at() - job.created >= kDiskPatience) {
    // Not kWrongState, which says of a guest that it is off.
    const auto free = check_disk_free(txn, disk, Armed::kRefused, "be changed");
    if (!free) return fail(Errc::kConflict, "{}", free.error().message);
  }
  vm.wait_reason = fmt::format("a snapshot of disk {} is being taken first", disk.id);
  save_vm(txn, vm);
  return jobs::wait_for(*key, kDiskLookInterval, vm.wait_reason);
}

Result<VmDisk> find_changeable_disk(db::Txn& txn, VmId vm, DiskId id) {
  auto disk = find_disk(txn, vm, id);
  if (!disk) return fail(Errc::kWrongState, "virtual machine [{}] has no disk {}", vm, id);
  if (disk->kind != DiskKind::kContext) return disk;
  return fail(Errc::kWrongState, "disk {} of virtual machine [{}] holds its context", id, vm);
}

JobId begin_change(db::Txn& txn, Vm& vm, const ChangeRow& row, jobs::NewJob job) {
  set_stand(vm, row.busy);
  vm.user_attributes.erase("ERROR");
  job.vm = vm.id;
  job.host = vm.host;
  vm.job = jobs::enqueue(txn, job);
  save_vm(txn, vm);
  log::info("vm.change", {{"vm", vm.id}, {"change", name_of(row.change)}});
  return vm.job;
}

void begin_change(db::Txn& txn, Vm& vm, const ChangeRow& row, const NewChange& ask) {
  jobs::NewJob job;
  job.kind = ask.kind;
  job.step = "change";
  job.args = ask.args;
  job.image = ask.image;
  job.datastore = vm.system_datastore;
  job.owner = ask.by;
  begin_change(txn, vm, row, std::move(job));
}

void end_change(db::Txn& txn, Vm& vm) {
  if (const auto rest = rest_after_change(stand_of(vm))) set_stand(vm, *rest);
  vm.job = {};
  save_vm(txn, vm);
  if (vm.lcm != LcmState::kRunning) return;
  const auto host = find_host(txn, vm.host);
  if (host && host->lost.is_set()) apply_host_lost(txn, vm.id, host->name);
  else enqueue_look(txn, vm);
}

jobs::Next fail_change(db::Txn& txn, Vm& vm, const Error& error) {
  put_error(vm, txn.at(), error.text());
  end_change(txn, vm);
  log::warn("vm.change_failed", {{"vm", vm.id}, {"error", error.text()}});
  return jobs::failed(error);
}

std::optional<jobs::Next> retry_change(db::Txn& txn, const jobs::Job& job, Vm& vm,
                                       const Error& error) {
  if (job.is_cancel_asked || !may_pass(error) || job.attempt + 1 >= kAttempts) return std::nullopt;
  vm.wait_reason = error.text();
  save_vm(txn, vm);
  return jobs::again(jobs::pause_after(job.attempt), error.text());
}

jobs::Next retry_or_undo(db::Txn& txn, const jobs::Job& job, Vm& vm, const Error& error) {
  if (auto again = retry_change(txn, job, vm, error)) return *again;
  put_error(vm, txn.at(), error.text());
  save_vm(txn, vm);
  return jobs::go("undo");
}

std::int64_t system_mb_of(const VmDisk& disk) {
  const bool is_own = disk.kind == DiskKind::kVolatile || is_overlay(disk);
  return is_own ? disk.size_mb : 0;
}

void remove_disk(db::Txn& txn, Vm& vm, const VmDisk& disk) {
  const std::int64_t charged = system_mb_of(disk) + snapshots_mb(txn, disk);
  vm.disk_mb = std::max<std::int64_t>(vm.disk_mb - charged, 0);
  if (!disk.is_persistent) datastore::delete_all_disk_snapshots(txn, tree_of(disk));
  delete_disk_row(txn, disk);
}

void remove_nic(db::Txn& txn, Vm& vm, const VmNic& nic) {
  for (const auto& each : list_nics(txn, vm.id)) {
    if (each.id != nic.id && !is_parent(nic, each)) continue;
    network::give_back(txn, vm.id, each.id);
    delete_nic_row(txn, each);
    forget_in_context(vm, each);
  }
}

void add_layers(db::Txn& txn, const VmDisk& disk, std::vector<std::string>& files) {
  if (!disk.overlay_path.empty()) files.push_back(disk.overlay_path);
  if (disk.is_persistent || disk.kind == DiskKind::kCdrom) return;
  files.push_back(disk.path);
  for (const auto& each : datastore::list_disk_snapshots(txn, tree_of(disk))) {
    files.push_back(each.path);
  }
}

DiskId disk_of(const jobs::Job& job) { return DiskId{std::stoll(job.args.get("DISK"))}; }

bool changes_running(const Vm& vm) { return may_run(stand_of(vm)); }

Result<Workbench> workbench(db::Txn& txn, const Tools& tools, const Vm& vm) {
  Workbench bench;
  bench.plan = TRY(plan_of(txn, vm.id));
  bench.storage = TRY(tools.drivers.datastore(bench.plan.system_tm_mad));
  if (!changes_running(vm)) return bench;
  // Of a host that was declared lost nothing is asked: the guest is off.
  const Host host = TRY(find_host(txn, vm.host));
  if (!host.lost.is_set()) bench.host = TRY(reach(txn, tools, vm.id));
  return bench;
}

std::vector<std::string> list_args(const jobs::Job& job, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& attribute : job.args.attributes())
    if (attribute.name == name) values.push_back(std::get<std::string>(attribute.value));
  return values;
}

jobs::Next remove_later(db::Txn& txn, const jobs::Job& job, const std::vector<std::string>& files,
                        std::string_view step) {
  text::Template args = job.args;
  for (const auto& file : files) args.add(std::string(kFile), file);
  jobs::save_args(txn, job.id, args);
  return jobs::go(step);
}

jobs::StepSpec remove_step(Tools tools, std::string name, EndOfJob end) {
  return {std::move(name), jobs::Slot::kNone, kRemoveStall,
          [tools, end](db::Txn& txn, const jobs::Job& job) {
            return plan_remove(txn, job, tools, end);
          }};
}

jobs::StepSpec change_step(std::string name, Tools tools, PlanStep plan) {
  return {std::move(name), jobs::Slot::kHost, kStall,
          [tools, plan](db::Txn& txn, const jobs::Job& job) -> Result<jobs::Work> {
            auto work = plan(txn, job, tools);
            if (work) return work;
            auto vm = find_own_vm(txn, job);
            if (!vm) return jobs::at_once(jobs::cancelled());
            return jobs::at_once(fail_change(txn, *vm, work.error()));
          }};
}

}  // namespace neph::compute::internal
