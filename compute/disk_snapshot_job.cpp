#include <algorithm>

#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "compute/internal/plan.h"
#include "compute/thaw.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Jobs vm.disksnapshot, vm.diskrevert, vm.disksnapdel: restore points of a disk are layers that
/// nobody writes to any more.
namespace neph::compute::internal {
namespace {

using datastore::DiskSnapshot;
using datastore::Grade;
using datastore_driver::CloneMode;
using datastore_driver::Format;
using datastore_driver::Layer;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr Duration kDoubtPause{10'000};
std::int64_t snapshot_of(const Job& job) { return std::stoll(job.args.get("SNAPSHOT")); }

void save_settled(db::Txn& txn, VmDisk& disk) {
  disk.attributes.erase("DISK_SNAPSHOT_ACTIVE");
  disk.attributes.erase("DISK_SNAPSHOT_ID");
  disk.attributes.set("DISK_SNAPSHOT_TOTAL_SIZE",
                      fmt::format("{}", snapshots_mb(txn, disk)));
  save_disk(txn, disk);
}

// A new restore point.

Result<Grade> pin(const Reach& host, const VmDisk& disk) {
  hypervisor_driver::PinRequest request;
  request.disks = {{disk.target, disk.overlay_path}};
  const auto proof = host.driver->ensure_pinned(host.domain, request);
  if (proof) return proof->is_frozen ? Grade::kFrozen : Grade::kCrash;
  // A guest must not stay frozen until the next attempt.
  if (proof.error().code == Errc::kStalled) (void)host.driver->ensure_thawed(host.domain);
  return tl::unexpected(proof.error());
}

Result<Grade> take(const Workbench& bench, const VmDisk& disk, Progress& progress) {
  Grade grade = bench.plan.vm.rest_grade;
  if (bench.host) {
    auto pinned = pin(*bench.host, disk);
    // The guest has stopped meanwhile, with or without the layer on its disk.
    if (pinned || pinned.error().code != Errc::kWrongState) return pinned;
    grade = Grade::kCrash;
  }
  CHECK_OK(bench.storage->ensure_cloned({disk.path, disk.format},
                                        {disk.overlay_path, Format::kQcow2}, CloneMode::kOverlay,
                                        std::nullopt, progress));
  return grade == Grade::kNone ? Grade::kUnknown : grade;
}

void add_restore_point(db::Txn& txn, const Job& job, VmDisk& disk, Grade grade) {
  const auto tree = tree_of(disk);
  const auto others = datastore::list_disk_snapshots(txn, tree);
  const auto active = std::ranges::find(others, true, &DiskSnapshot::is_active);
  DiskSnapshot fresh;
  fresh.id = snapshot_of(job);
  fresh.parent = active == others.end() ? -1 : active->id;
  fresh.name = job.args.get("NAME");
  fresh.created = txn.at();
  fresh.size_mb = disk.size_mb;
  fresh.path = disk.path;
  fresh.format = disk.format;
  fresh.grade = grade;
  datastore::save_disk_snapshot(txn, tree, fresh);
  datastore::set_active(txn, tree, fresh.id);
  go_on_with(txn, disk, {disk.overlay_path, Format::kQcow2});
  disk.overlay_path.clear();
}

Next settle_take(db::Txn& txn, const Job& job, Result<Grade> grade) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) return fail_change(txn, *vm, disk.error());
  if (grade) {
    add_restore_point(txn, job, *disk, *grade);
    save_settled(txn, *disk);
    end_change(txn, *vm);
    return jobs::done();
  }
  vm->wait_reason = grade.error().text();
  save_vm(txn, *vm);
  // While nobody knows whether the guest writes to the new layer, nothing is decided.
  if (may_pass(grade.error()) && !job.is_cancel_asked) {
    return jobs::again(jobs::pause_after(job.attempt), grade.error().text());
  }
  return jobs::go("doubt");
}

Result<Work> plan_take(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = TRY(find_disk(txn, vm->id, disk_of(job)));
  auto bench = TRY(workbench(txn, tools, *vm));
  return jobs::work<Grade>(
      [bench, disk](Progress& progress) { return take(bench, disk, progress); }, settle_take);
}

Next settle_doubt(db::Txn& txn, const Job& job, Result<bool> is_there) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!is_there) return jobs::again(kDoubtPause, is_there.error().text());
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (*is_there) {
    if (job.attempt == 0) return jobs::again(kDoubtPause, "its new layer is there");
    return jobs::go("change");
  }
  const std::string why = vm->wait_reason;
  if (disk) {
    if (!disk->is_persistent) vm->disk_mb -= disk->size_mb;
    disk->overlay_path.clear();
    save_settled(txn, *disk);
  }
  return fail_change(txn, *vm, {Errc::kWrongState, "no disk snapshot was made: " + why, {}});
}

Result<Work> plan_doubt(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = TRY(find_disk(txn, vm->id, disk_of(job)));
  const auto bench = TRY(workbench(txn, tools, *vm));
  return jobs::work<bool>(
      [bench, path = disk.overlay_path, attempt = job.attempt](Progress&) -> Result<bool> {
        if (bench.host)
          CHECK_OK(thaw_in_doubt(*bench.host->driver, bench.host->domain, attempt));
        const auto facts = bench.storage->inspect_file({path, Format::kQcow2});
        if (facts) return true;
        if (facts.error().code == Errc::kNotFound) return false;
        return tl::unexpected(facts.error());
      },
      settle_doubt);
}

// Back to a restore point.

Next settle_revert(db::Txn& txn, const Job& job, const Layer& fresh, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  text::Template args = job.args;
  if (!vm) {
    args.add(kFile, fresh.path);
    jobs::save_args(txn, job.id, args);
    return jobs::go("remove");
  }
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) return fail_change(txn, *vm, disk.error());
  if (!outcome) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    save_settled(txn, *disk);
    return fail_change(txn, *vm, outcome.error());
  }
  args.add(kFile, disk->path);
  jobs::save_args(txn, job.id, args);
  go_on_with(txn, *disk, fresh);
  datastore::set_active(txn, tree_of(*disk), snapshot_of(job));
  if (const auto back = datastore::find_disk_snapshot(txn, tree_of(*disk), snapshot_of(job))) {
    set_size(txn, *vm, *disk, back->size_mb);
    const bool is_whole = back->grade == Grade::kShutdown || back->grade == Grade::kFrozen;
    if (!is_whole) vm->rest_grade = Grade::kCrash;
  }
  save_settled(txn, *disk);
  end_change(txn, *vm);
  return jobs::go("remove");
}

Result<Work> plan_revert(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = TRY(find_disk(txn, vm->id, disk_of(job)));
  const Layer fresh{fmt::format("{}.{}", layer_path(disk, snapshot_of(job)), job.id),
                    Format::kQcow2};
  if (job.is_cancel_asked) {
    return jobs::at_once(settle_revert(txn, job, fresh, tl::unexpected(ended_by_recover())));
  }
  const auto back = TRY(datastore::find_disk_snapshot(txn, tree_of(disk), snapshot_of(job)));
  auto bench = TRY(workbench(txn, tools, *vm));
  return Work{[storage = bench.storage, back, fresh](Progress& progress) {
                return storage->ensure_cloned({back.path, back.format}, fresh,
                                              CloneMode::kOverlay, std::nullopt, progress);
              },
              [fresh](db::Txn& settle_txn, const Job& settled, Result<void> outcome) {
                return settle_revert(settle_txn, settled, fresh, std::move(outcome));
              }};
}

// A restore point goes.

/// How its layer goes: what stands on it is folded into it, or takes over what it holds.
struct Removal {
  enum class Kind { kFile, kFoldLive, kFold, kRebase };
  Kind kind = Kind::kFile;
  DiskSnapshot snapshot;
  std::optional<DiskSnapshot> child;  ///< what stands on it; else, but for kFile, the disk itself
  std::optional<Layer> base;          ///< what it stands on
};

std::optional<Layer> base_of(const VmPlan& plan, const VmDisk& disk,
                             const std::vector<DiskSnapshot>& all, const DiskSnapshot& snapshot) {
  const auto parent = std::ranges::find(all, snapshot.parent, &DiskSnapshot::id);
  if (parent != all.end()) return Layer{parent->path, parent->format};
  const auto* image = image_of(plan, disk);
  if (!is_overlay(disk) || image == nullptr) return std::nullopt;
  return Layer{image->source, image->format};
}

Result<Removal> removal_of(db::Txn& txn, const VmPlan& plan, const VmDisk& disk,
                           std::int64_t id, bool is_running) {
  const auto all = datastore::list_disk_snapshots(txn, tree_of(disk));
  Removal removal;
  removal.snapshot = TRY(datastore::find_disk_snapshot(txn, tree_of(disk), id));
  const auto child = std::ranges::find(all, id, &DiskSnapshot::parent);
  if (child != all.end()) removal.child = *child;
  removal.base = base_of(plan, disk, all, removal.snapshot);
  const auto layers = datastore::layers_below(all);
  const auto is_below = [&](const std::string& path) {
    return std::ranges::any_of(layers, [&](const Layer& layer) { return layer.path == path; });
  };
  const bool is_top = removal.snapshot.is_active;
  const bool is_open = is_running && (is_top || (removal.child && is_below(removal.child->path)));
  if (is_open) removal.kind = Removal::Kind::kFoldLive;
  else if (is_top) removal.kind = Removal::Kind::kFold;
  else if (removal.child) removal.kind = Removal::Kind::kRebase;
  return removal;
}

Result<void> remove(const Workbench& bench, const VmDisk& disk, const Removal& removal,
                    Progress& progress) {
  const Layer frozen{removal.snapshot.path, removal.snapshot.format};
  const Layer above = removal.child ? Layer{removal.child->path, removal.child->format}
                                    : Layer{disk.path, disk.format};
  switch (removal.kind) {
    case Removal::Kind::kFoldLive:
      return bench.host->driver->ensure_unpinned(bench.host->domain, {disk.target, above.path},
                                                 frozen.path, progress);
    case Removal::Kind::kFold:
      return bench.storage->ensure_merged_at_rest(above, frozen, progress);
    case Removal::Kind::kRebase:
      CHECK_OK(bench.storage->ensure_rebased(above, removal.base, progress));
      return bench.storage->ensure_deleted(frozen.path);
    case Removal::Kind::kFile: break;
  }
  return bench.storage->ensure_deleted(frozen.path);
}

/// What stood on it stands on its parent then.
void settle_rows(db::Txn& txn, Vm& vm, VmDisk& disk, const Removal& removal) {
  const auto tree = tree_of(disk);
  const DiskSnapshot& gone = removal.snapshot;
  const bool is_folded =
      removal.kind == Removal::Kind::kFoldLive || removal.kind == Removal::Kind::kFold;
  if (removal.child) {
    DiskSnapshot child = *removal.child;
    child.parent = gone.parent;
    if (is_folded) {
      child.path = gone.path;
      child.format = gone.format;
    }
    datastore::save_disk_snapshot(txn, tree, child);
  } else if (is_folded) {
    go_on_with(txn, disk, {gone.path, gone.format});
  }
  if (gone.is_active) datastore::set_active(txn, tree, gone.parent);
  datastore::delete_disk_snapshot_row(txn, tree, gone.id);
  if (!disk.is_persistent) vm.disk_mb = std::max<std::int64_t>(vm.disk_mb - gone.size_mb, 0);
}

Next settle_delete(db::Txn& txn, const Job& job, const Removal& planned,
                   Result<Removal> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) return fail_change(txn, *vm, disk.error());
  if (!outcome) {
    // A fold may have come so far that only its end is safe: it is tried until it answers.
    const bool may_be_open = planned.kind == Removal::Kind::kFoldLive;
    const bool goes_on = may_pass(outcome.error()) || outcome.error().code == Errc::kConflict;
    if (may_be_open && goes_on) {
      vm->wait_reason = outcome.error().text();
      save_vm(txn, *vm);
      return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
    }
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    save_settled(txn, *disk);
    return fail_change(txn, *vm, outcome.error());
  }
  settle_rows(txn, *vm, *disk, *outcome);
  save_settled(txn, *disk);
  end_change(txn, *vm);
  return jobs::done();
}

/// A guest that has stopped meanwhile leaves it to be done at rest. \returns how it was done
Result<Removal> remove_as_it_is(const Workbench& bench, const VmDisk& disk, const Removal& planned,
                                const Removal& at_rest, Progress& progress) {
  const auto removed = remove(bench, disk, planned, progress);
  if (removed) return planned;
  const bool has_stopped = planned.kind == Removal::Kind::kFoldLive &&
                           removed.error().code == Errc::kWrongState;
  if (!has_stopped) return tl::unexpected(removed.error());
  CHECK_OK(remove(bench, disk, at_rest, progress));
  return at_rest;
}

Result<Work> plan_delete(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = TRY(find_disk(txn, vm->id, disk_of(job)));
  auto bench = TRY(workbench(txn, tools, *vm));
  const bool is_running = bench.host.has_value();
  const auto planned = TRY(removal_of(txn, bench.plan, disk, snapshot_of(job), is_running));
  const auto at_rest = TRY(removal_of(txn, bench.plan, disk, snapshot_of(job), false));
  return jobs::work<Removal>(
      [bench, disk, planned, at_rest](Progress& progress) {
        return remove_as_it_is(bench, disk, planned, at_rest, progress);
      },
      [planned](db::Txn& settle_txn, const Job& settled, Result<Removal> outcome) {
        return settle_delete(settle_txn, settled, planned, std::move(outcome));
      });
}

}  // namespace

void go_on_with(db::Txn& txn, VmDisk& disk, const Layer& layer) {
  disk.path = layer.path;
  disk.format = layer.format;
  disk.attributes.set("DRIVER", std::string(name_of(layer.format)));
  auto image = datastore::find_image(txn, disk.image);
  if (!disk.is_persistent || !image) return;
  image->source = layer.path;
  image->format = layer.format;
  disk.attributes.set("SOURCE", layer.path);
  datastore::save_image(txn, *image);
}

std::string layer_path(const VmDisk& disk, std::int64_t snapshot) {
  constexpr std::string_view kMark = ".after-";
  return fmt::format("{}{}{}", disk.path.substr(0, disk.path.find(kMark)), kMark, snapshot);
}

std::vector<jobs::KindSpec> disk_snapshot_kinds(Tools tools) {
  jobs::KindSpec revert{"vm.diskrevert", {change_step("change", tools, plan_revert)}};
  revert.steps.push_back(remove_step(tools));
  return {{"vm.disksnapshot",
           {change_step("change", tools, plan_take), change_step("doubt", tools, plan_doubt)}},
          std::move(revert),
          {"vm.disksnapdel", {change_step("change", tools, plan_delete)}}};
}

}  // namespace neph::compute::internal
