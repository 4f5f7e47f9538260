#include <algorithm>

#include "access/quota.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "compute/internal/plan.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Job vm.diskresize: a disk becomes larger. Job vm.context: the context disk is written anew.
namespace neph::compute::internal {
namespace {

using jobs::Job;
using jobs::Next;
using jobs::Work;

Next settle_resize(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!outcome) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
  }
  if (disk) {
    if (!outcome) set_size(txn, *vm, *disk, std::stoll(job.args.get("SIZE_PREV")));
    disk->attributes.erase("RESIZE");
    disk->attributes.erase("SIZE_PREV");
    save_disk(txn, *disk);
  }
  if (!outcome) return fail_change(txn, *vm, outcome.error());
  end_change(txn, *vm);
  return jobs::done();
}

datastore_driver::Layer top_layer(const VmDisk& disk) {
  const bool has_overlay = !disk.overlay_path.empty();
  return {live_path(disk), has_overlay ? datastore_driver::Format::kQcow2 : disk.format};
}

/// Its layers are left alone until it is over.
Result<std::optional<Next>> wait_for_top_layer(db::Txn& txn, const Job& job, Vm& vm,
                                               const VmDisk& disk) {
  const std::string resource = disk_resource(vm.id, disk.id);
  if (jobs::find_claimant(txn, resource) != job.id) {
    auto wait = TRY(wait_for_disk(txn, job, vm, disk, LayerBelow::kMayBeRead));
    if (wait) return wait;
  }
  CHECK_OK(jobs::claim(txn, job, resource));
  return std::nullopt;
}

Result<Work> plan_resize(db::Txn& txn, const Job& job, const Tools& tools) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) return jobs::at_once(settle_resize(txn, job, tl::unexpected(disk.error())));
  if (job.is_cancel_asked) {
    return jobs::at_once(
        settle_resize(txn, job, tl::unexpected(ended_by_recover())));
  }
  auto wait = wait_for_top_layer(txn, job, *vm, *disk);
  if (!wait) return jobs::at_once(settle_resize(txn, job, tl::unexpected(wait.error())));
  if (*wait) return jobs::at_once(std::move(**wait));
  auto bench = workbench(txn, tools, *vm);
  if (!bench) return jobs::at_once(settle_resize(txn, job, tl::unexpected(bench.error())));
  return Work{[bench = *bench, disk = *disk](Progress&) {
                const Bytes size = Bytes::megabytes(disk.size_mb);
                if (!bench.host) return bench.storage->ensure_resized(top_layer(disk), size);
                const auto& host = *bench.host;
                return host.driver->ensure_disk_resized(host.domain, disk.target, size);
              },
              settle_resize};
}

Next settle_context(db::Txn& txn, const Job& job, Result<void> outcome) {
  if (outcome) return jobs::done();
  if (may_pass(outcome.error()) && !job.is_cancel_asked) {
    return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
  }
  if (auto vm = find_vm(txn, job.vm)) {
    put_error(*vm, txn.at(), outcome.error().text());
    save_vm(txn, *vm);
  }
  return jobs::failed(outcome.error());
}

Result<Work> plan_context(db::Txn& txn, const Job& job, const Tools& tools) {
  const VmPlan plan = TRY(plan_of(txn, job.vm));
  auto* storage = TRY(tools.drivers.datastore(plan.system_tm_mad));
  const auto disk = std::ranges::find(plan.disks, DiskKind::kContext, &VmDisk::kind);
  if (disk == plan.disks.end() || !disk->is_present) return jobs::at_once(jobs::done());
  return Work{[storage, path = disk->path, files = context_files(plan)](Progress&) {
                return storage->ensure_iso(path, "CONTEXT", files);
              },
              settle_context};
}

}  // namespace

void set_size(db::Txn& txn, Vm& vm, VmDisk& disk, std::int64_t size_mb) {
  vm.disk_mb -= system_mb_of(disk);
  disk.size_mb = size_mb;
  disk.attributes.set("SIZE", fmt::format("{}", size_mb));
  vm.disk_mb += system_mb_of(disk);
  auto image = datastore::find_image(txn, disk.image);
  if (!disk.is_persistent || !image) return;
  image->size_mb = size_mb;
  datastore::save_image(txn, *image);
  txn.touch(ObjectKind::kUser, image->owner);
  txn.touch(ObjectKind::kGroup, image->group);
}

JobId enqueue_context(db::Txn& txn, const Vm& vm, UserId by) {
  jobs::NewJob job;
  job.kind = "vm.context";
  job.step = "write";
  job.vm = vm.id;
  job.host = vm.host;
  job.datastore = vm.system_datastore;
  job.owner = by;
  return jobs::enqueue(txn, job);
}

Result<void> charge_size(db::Txn& txn, Vm& vm, VmDisk& disk, std::int64_t size_mb) {
  const auto more = static_cast<double>(size_mb - disk.size_mb);
  const auto image = datastore::find_image(txn, disk.image);
  if (disk.is_persistent && image) {
    CHECK_OK(access::check_quota(
        txn, image->owner, image->group,
        {{"DATASTORE", fmt::format("{}", image->datastore), "SIZE", more}}));
  } else {
    CHECK_OK(
        access::check_quota(txn, vm.owner, vm.group, {{"VM", "", "SYSTEM_DISK_SIZE", more}}));
  }
  disk.attributes.set("SIZE_PREV", fmt::format("{}", disk.size_mb));
  set_size(txn, vm, disk, size_mb);
  return {};
}

std::vector<jobs::KindSpec> disk_change_kinds(Tools tools) {
  jobs::KindSpec context{"vm.context", {}};
  context.steps.push_back({"write", jobs::Slot::kNone, Duration{120'000},
                           [tools](db::Txn& txn, const Job& job) {
                             return plan_context(txn, job, tools);
                           }});
  return {{"vm.diskresize", {change_step("change", tools, plan_resize)}}, std::move(context)};
}

}  // namespace neph::compute::internal
