#include "snapshots/thaw.h"

#include "base/log.h"
#include "compute/host.h"
#include "snapshots/internal/pins.h"

namespace neph::snapshots {
namespace {

constexpr Duration kPatience{5'000};

/// A guest that may be frozen.
struct Suspect {
  VmId vm;
  hypervisor_driver::DomainRef domain;
  hypervisor_driver::Driver* driver = nullptr;
};
using Suspects = std::vector<Suspect>;

Suspects list_suspects(db::Txn& txn, const DriverCatalogue& drivers) {
  Suspects suspects;
  for (const VmId vm : list_vms_being_pinned(txn)) {
    const auto domain = compute::find_domain(txn, vm);
    if (!domain) continue;
    const auto driver = drivers.hypervisor(domain->vm_mad);
    if (driver) suspects.push_back({vm, domain->ref, *driver});
  }
  return suspects;
}

/// Calls `then` once, after the last answer or when patience ends. Store lane.
class Countdown {
 public:
  Countdown(std::size_t answers, std::function<void()> then)
      : left_(answers), then_(std::move(then)) {}
  void count() {
    if (--left_ == 0) end();
  }
  void end() {
    if (auto once = std::exchange(then_, nullptr)) once();
  }

 private:
  std::size_t left_;
  std::function<void()> then_;
};

void thaw(const Suspect& suspect) {
  const auto thawed = suspect.driver->ensure_thawed(suspect.domain);
  if (thawed) {
    log::info("snapshot.thawed", {{"vm", suspect.vm}, {"host", suspect.domain.host.name}});
  } else {
    log::warn("snapshot.not_thawed", {{"vm", suspect.vm}, {"error", thawed.error().text()}});
  }
}

void thaw_all(Lanes& lanes, const Suspects& suspects, std::function<void()> then) {
  if (suspects.empty()) return then();
  const auto countdown = std::make_shared<Countdown>(suspects.size(), std::move(then));
  for (const Suspect& suspect : suspects) {
    lanes.drivers().post([&lanes, suspect, countdown] {
      thaw(suspect);
      lanes.store().post([countdown] { countdown->count(); });
    });
  }
  lanes.timers().after(kPatience, lanes.store(), [countdown] { countdown->end(); });
}

}  // namespace

void thaw_interrupted(db::Store& store, Lanes& lanes, const DriverCatalogue& drivers,
                      std::function<void()> then) {
  store.run<Suspects>(
      [&drivers](db::Txn& txn) -> Result<Suspects> { return list_suspects(txn, drivers); },
      [&lanes, then = std::move(then)](const Result<Suspects>& suspects) {
        if (suspects) return thaw_all(lanes, *suspects, then);
        log::error("snapshot.not_thawed", {{"error", suspects.error().text()}});
        then();
      });
}

}  // namespace neph::snapshots
