#include "drivers/hypervisor/libvirt/internal/unpinning.h"

#include <libvirt/virterror.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"
#include "drivers/hypervisor/libvirt/internal/qemu_chain.h"

namespace neph::hypervisor_driver::virt {

namespace {

namespace fs = std::filesystem;

constexpr Duration kPollMin{10};
constexpr Duration kPollMax{250};

Result<LiveDisk> live_disk(virDomainPtr domain, const std::string& target) {
  const auto live = TRY(read_live(domain));
  const auto* disk = live.find(target);
  if (disk == nullptr)
    return fail(Errc::kInvalid, "Domain {} has no disk {}.", name_of(domain), target);
  return *disk;
}

/// "vda[2]": by number, because a path may be spelt differently where libvirt follows the chain.
std::string name_of_layer(const LiveDisk& disk, int position) {
  const auto& layer = disk.layers[static_cast<std::size_t>(position)];
  return layer.index.empty() ? layer.path : fmt::format("{}[{}]", disk.target, layer.index);
}

enum class Job { kNone, kFold, kOther };

struct JobFact {
  Job job = Job::kNone;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

Result<JobFact> inspect_job(virDomainPtr domain, const std::string& target) {
  virDomainBlockJobInfo info{};
  const int found = virDomainGetBlockJobInfo(domain, target.c_str(), &info, 0);
  if (found < 0)
    return Refusal().of("The fold of {} of {} cannot be watched.", target, name_of(domain));
  if (found == 0) return JobFact{};
  const bool is_fold = info.type == VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT ||
                       info.type == VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT;
  return JobFact{is_fold ? Job::kFold : Job::kOther, info.cur, info.end};
}

Result<void> begin_fold(virDomainPtr domain, const LiveDisk& disk, int position) {
  const auto base = name_of_layer(disk, position + 1);
  const bool is_top = position == 0;
  const auto top = is_top ? std::string() : name_of_layer(disk, position);
  if (virDomainBlockCommit(domain, disk.target.c_str(), base.c_str(),
                           is_top ? nullptr : top.c_str(), 0,
                           is_top ? VIR_DOMAIN_BLOCK_COMMIT_ACTIVE : 0) < 0)
    return Refusal().of("Disk {} of {} cannot be folded.", disk.target, name_of(domain));
  return {};
}

/// Watches one fold until it has ended. The top layer is written to all the while, so it needs a
/// last step, the pivot; a layer below ends by itself.
class Fold {
 public:
  Fold(HostLink& link, virDomainPtr domain, const PinDisk& disk, Progress& progress)
      : link_(link), domain_(domain), disk_(disk), progress_(progress) {}

  Result<void> watch() {
    moved_at_ = link_.clock().monotonic();
    for (Duration pause = kPollMin;; pause = std::min(pause * 2, kPollMax)) {
      const auto fact = TRY(inspect_job(domain_, disk_.target));
      if (fact.job == Job::kNone) return prove();
      if (progress_.is_cancelled()) return cancel();
      progress_.report(Bytes{static_cast<std::int64_t>(fact.done)},
                       Bytes{static_cast<std::int64_t>(fact.total)});
      if (fact.total > 0 && fact.done == fact.total && try_pivot()) return prove();
      CHECK_OK(check_stall(fact.done));
      link_.clock().sleep_for(pause);
    }
  }

 private:
  bool try_pivot() {
    const unsigned flags = VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT;
    if (virDomainBlockJobAbort(domain_, disk_.target.c_str(), flags) == 0) return true;
    // "Not ready yet", or a fold below the top, which is never pivoted: look again.
    virResetLastError();
    return false;
  }

  Result<void> check_stall(std::uint64_t done) {
    const auto now = link_.clock().monotonic();
    if (done != done_) moved_at_ = now;
    done_ = done;
    if (now - moved_at_ < link_.config().job_stall) return {};
    return fail(Errc::kStalled, "The fold of {} of {} moved nothing for {} s.", disk_.target,
                name_of(domain_), link_.config().job_stall.count() / 1000);
  }

  Result<void> cancel() {
    if (virDomainBlockJobAbort(domain_, disk_.target.c_str(), 0) < 0)
      return Refusal().of("The fold of {} of {} cannot be ended.", disk_.target,
                     name_of(domain_));
    return fail(Errc::kConflict, "The fold of {} of {} was cancelled.", disk_.target,
                name_of(domain_));
  }

  /// The job is over; libvirt writes the new chain down a moment after it tells so.
  Result<void> prove() {
    for (int look = 0; look < 20; ++look) {
      const auto disk = TRY(live_disk(domain_, disk_.target));
      if (disk.find(disk_.overlay_path) < 0) return {};
      link_.clock().sleep_for(kPollMin * 5);
    }
    return fail(Errc::kUnavailable,
                "The fold of {} of {} ended and {} is in use still; the storage may be full.",
                disk_.target, name_of(domain_), disk_.overlay_path);
  }

  HostLink& link_;
  virDomainPtr domain_;
  const PinDisk& disk_;
  Progress& progress_;
  Duration moved_at_{0};
  std::uint64_t done_ = 0;
};

void remove_overlay(HostLink& link, const std::string& path) {
  std::error_code trouble;
  if (fs::remove(path, trouble)) return;
  if (link.is_in_process() && !trouble) return;  // removed by a former call
  log::warn("hypervisor.overlay_left",
            {{"host", link.host().name}, {"path", path},
             {"cause", trouble ? trouble.message() : "not reachable from here"}});
}

/// QEMU may have it open although no disk stands on it.
void remove_unused(HostLink& link, virDomainPtr domain, const std::string& path) {
  let_go_in_qemu(domain, path);
  remove_overlay(link, path);
}

/// The overlay is in no chain. It goes when the layer that it was folded into is in use, which
/// proves that this is the chain it belonged to.
Result<void> remove_orphan(HostLink& link, virDomainPtr domain, const LiveDisk& live,
                           const PinDisk& disk, const std::string& base_path) {
  std::error_code ignored;
  if (live.find(base_path) < 0 || !fs::exists(disk.overlay_path, ignored)) return {};
  auto unused = check_unused_by_qemu(domain, disk.overlay_path);
  // The domain runs, so this is not the kWrongState that callers take for "it has stopped".
  if (!unused && unused.error().code == Errc::kWrongState)
    unused.error().code = Errc::kUnavailable;
  CHECK_OK(unused);
  remove_unused(link, domain, disk.overlay_path);
  return {};
}

/// A libvirt that was killed when QEMU had ended the fold refuses another one, for it believes that
/// the overlay is in use.
bool is_folded_unseen(virDomainPtr domain, const std::string& overlay, const std::string& base) {
  const auto uses_overlay = is_used_by_qemu(domain, overlay);
  const auto uses_base = is_used_by_qemu(domain, base);
  return uses_overlay && uses_base && !*uses_overlay && *uses_base;
}

}  // namespace

Result<void> unpin(HostLink& link, virDomainPtr domain, const PinDisk& disk,
                   const std::string& base_path, Progress& progress) {
  if (!is_alive(TRY(settled_state(link, domain))))
    return fail(Errc::kWrongState, "Domain {} is not running.", name_of(domain));
  const auto live = TRY(live_disk(domain, disk.target));
  const int position = live.find(disk.overlay_path);
  if (position < 0) return remove_orphan(link, domain, live, disk, base_path);
  if (position + 1 >= static_cast<int>(live.layers.size()))
    return fail(Errc::kInvalid, "{} of {} has no layer below it.", disk.overlay_path,
                name_of(domain));
  const auto& below = live.layers[static_cast<std::size_t>(position) + 1].path;
  if (!base_path.empty() && below != base_path)
    log::info("hypervisor.fold_base_changed",
              {{"domain", name_of(domain)}, {"asked", base_path}, {"below", below}});
  const auto running = TRY(inspect_job(domain, disk.target));
  if (running.job == Job::kOther)
    return fail(Errc::kConflict, "Another job runs on {} of {}.", disk.target,
                name_of(domain));
  if (running.job == Job::kNone) {
    auto begun = begin_fold(domain, live, position);
    if (!begun && is_folded_unseen(domain, disk.overlay_path, below)) {
      log::warn("hypervisor.fold_unseen", {{"domain", name_of(domain)}, {"disk", disk.target}});
      remove_unused(link, domain, disk.overlay_path);
      return {};
    }
    CHECK_OK(begun);
  }
  auto folded = Fold(link, domain, disk, progress).watch();
  if (!folded) {
    // Whatever went wrong, a domain that ended is the better explanation.
    const auto state = state_of(domain);
    if (state && !is_alive(*state)) folded.error().code = Errc::kWrongState;
    return folded;
  }
  remove_overlay(link, disk.overlay_path);
  return {};
}

}  // namespace neph::hypervisor_driver::virt
