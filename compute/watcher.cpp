#include "compute/watcher.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/internal/vm_jobs.h"
#include "compute/placement.h"
#include "monitoring/records.h"

namespace neph::compute {
namespace {

using hypervisor_driver::DomainFact;
using hypervisor_driver::GuestEvent;
using hypervisor_driver::HostFact;
using hypervisor_driver::Power;

/// A host that does not answer is asked again so soon.
constexpr Duration kRetry{5'000};
/// A guest that is paused for a moment, as while a snapshot is taken, is not worth a word.
constexpr Duration kPausePatience{700};

void save_facts(Host& host, const HostFact& fact, Instant at) {
  host.is_reachable = true;
  host.error.clear();
  host.unreachable_since = {};
  host.monitored = at;
  host.cpu_total = fact.cpu_percent_total;
  host.memory_total_kb = fact.memory_total.value / 1024;
  host.memory_free_kb = fact.memory_free.value / 1024;
  host.facts = {};
  host.facts.set("ARCH", fact.architecture);
  host.facts.set("CPUSPEED", fmt::format("{}", fact.cpu_mhz));
  host.facts.set("HOSTNAME", host.name);
  host.facts.set("HYPERVISOR", fact.hypervisor);
  host.facts.set("MODELNAME", fact.cpu_model);
  host.facts.set("VERSION", fact.version);
}

void mark_lost(db::Txn& txn, Host& host, const std::string& reason) {
  const std::string why =
      host.lost.is_set() ? fmt::format("declared lost on {}: {}", to_text(host.lost), reason)
                         : reason;
  if (host.is_reachable || host.error != why) {
    host.is_reachable = false;
    host.error = why;
    if (!host.unreachable_since.is_set()) host.unreachable_since = txn.at();
    save_host(txn, host);
    log::warn("host.lost", {{"host", host.name}, {"error", why}});
  }
  for (const VmId vm : list_vms_on(txn, host.id)) apply_lost(txn, vm, why);
}

}  // namespace

namespace {

/// A domain of ours whose VM lives elsewhere by now, or nowhere: same name and same UUID.
bool is_superseded(db::Txn& txn, const Host& host, const DomainFact& domain) {
  const auto vm = find_vm(txn, vm_of_domain(domain.name).value_or(VmId{}));
  if (!vm || vm->uuid != domain.uuid) return false;
  return vm->state == VmState::kDone || vm->host != host.id;
}

/// Guests of ours on a host that was declared lost and answers again. Their VMs were taken to be
/// off since; so none is adopted before an administrator has said so. What is superseded is cut
/// off at once, for it writes to disks that others use.
struct Returned {
  std::vector<std::string> guests;
  std::vector<hypervisor_driver::DomainRef> superseded;
};
Returned find_returned(db::Txn& txn, const Host& host, const std::vector<DomainFact>& domains) {
  Returned returned;
  for (const DomainFact& domain : domains) {
    const bool is_on = domain.power == Power::kRunning || domain.power == Power::kPaused;
    if (!is_on || !vm_of_domain(domain.name)) continue;
    returned.guests.push_back(domain.name);
    if (is_superseded(txn, host, domain))
      returned.superseded.push_back({ref_of(host), domain.name, domain.uuid});
  }
  return returned;
}

void refuse_return(db::Txn& txn, Host& host, const Returned& returned) {
  const std::string why = fmt::format(
      "declared lost, but it answers and guests run there: {}. Stop them there, or enable the host "
      "to take them as they are",
      fmt::join(returned.guests, ", "));
  if (host.error == why) return;
  host.error = why;
  save_host(txn, host);
  log::error("host.returned_with_guests", {{"host", host.name}, {"error", why}});
}

}  // namespace

struct Watcher::Before {
  Stand stand;
  JobId job;
  friend bool operator==(const Before&, const Before&) = default;
};

struct Watcher::Visit {
  std::string uri;
  bool is_under_way = false;
  bool is_wanted_again = false;
  std::uint64_t timer = 0;  ///< the last one set; earlier ones are let go
  /// VMs that changed while the host was being asked: what it said of them is old.
  std::set<std::int64_t> touched;
  /// As they were before it was asked; a change in the commit that concludes shows only here.
  std::map<VmId, Before> before;
};

struct Watcher::Found {
  Result<HostFact> fact;
  std::vector<DomainFact> domains;
  Instant at;
};

struct Watcher::Concluded {
  bool is_fine = false;
  std::vector<hypervisor_driver::DomainRef> superseded;
};

Watcher::Watcher(db::Store& store, Lanes& lanes, VmService& vms, monitoring::Board* board)
    : store_(store), lanes_(lanes), vms_(vms), board_(board) {
  store_.observe([this](db::Txn& txn, const db::ChangeSet& changes) { observe(txn, changes); });
}

Watcher::~Watcher() = default;

void Watcher::start() {
  std::set<hypervisor_driver::Driver*> drivers;
  for (const auto& [name, driver] : vms_.drivers().hypervisors) drivers.insert(driver);
  for (auto* driver : drivers) {
    driver->listen([this](const GuestEvent& event) {
      lanes_.store().post([this, event] { on_event(event); });
    });
  }
  visit_all();
}

void Watcher::visit_all() {
  if (is_stopping_) return;
  store_.run<std::vector<HostId>>(
      [](db::Txn& txn) -> Result<std::vector<HostId>> {
        // The power may have gone between an image's end and what follows from it.
        promote_waiting(txn);
        return list_hosts(txn);
      },
      [this](const Result<std::vector<HostId>>& hosts) {
        if (!hosts) {
          lanes_.timers().after(kRetry, lanes_.store(), [this] { visit_all(); });
          return;
        }
        for (const HostId host : *hosts) visit(host);
        ask_placement();
      });
}

void Watcher::stop() { is_stopping_ = true; }

/// VMs that waited for an image go on, at the latest when the store can be written again.
void Watcher::promote(std::function<void(db::Txn&)> work) {
  if (is_stopping_) return;
  store_.run<bool>(
      [work = std::move(work)](db::Txn& txn) -> Result<bool> {
        work(txn);
        return true;
      },
      [this](const Result<bool>& done) {
        if (done) return;
        lanes_.timers().after(kRetry, lanes_.store(), [this] { promote(&promote_waiting); });
      });
}

void Watcher::observe(db::Txn& txn, const db::ChangeSet& changes) {
  bool matters = false;
  for (const auto& [kind, id] : changes.all()) {
    switch (kind) {
      case ObjectKind::kVm:
        matters = true;
        for (const auto& [host, visit] : visits_) {
          if (visit->is_under_way) visit->touched.insert(id);
        }
        break;
      case ObjectKind::kHost:
        matters = true;
        observe_host(txn, HostId{id});
        break;
      case ObjectKind::kImage:
        promote([image = ImageId{id}](db::Txn& later) { promote_waiting_for(later, image); });
        break;
      case ObjectKind::kDatastore:
      case ObjectKind::kCluster: matters = true; break;
      default: break;
    }
  }
  if (matters) ask_placement();
}

/// A new host is visited at once; one that is gone, or reached by another way now, is forgotten.
void Watcher::observe_host(db::Txn& txn, HostId id) {
  const auto host = find_host(txn, id);
  const auto known = visits_.find(id);
  const bool is_gone = !host || host->admin == HostAdmin::kOffline;
  const bool has_moved = known != visits_.end() && host && known->second->uri != host->uri;
  if (known != visits_.end() && (is_gone || has_moved)) {
    visits_.erase(known);
    lanes_.drivers().post([this, id] {
      for (const auto& [name, driver] : vms_.drivers().hypervisors) driver->forget(id);
    });
  }
  if (!is_gone && !visits_.contains(id)) visit(id);
}

void Watcher::on_event(const GuestEvent& event) {
  if (event.kind == GuestEvent::Kind::kHostLost) return on_host_lost(event);
  if (event.kind == GuestEvent::Kind::kHostBack) return visit(event.host);
  const auto vm = vm_of_domain(event.domain_name);
  if (!vm || is_stopping_) return;
  const auto work = [event, id = *vm](db::Txn& txn) -> Result<void> {
    const Vm vm = TRY(find_vm(txn, id));
    if (vm.host != event.host) return {};
    // What runs on a host that was declared lost is not ours until somebody has said so.
    if (TRY(find_host(txn, event.host)).lost.is_set()) return {};
    switch (event.kind) {
      case GuestEvent::Kind::kStopped:
        // An event from before the last boot says nothing about the guest of today.
        if (event.at.seconds() < vm.polled.seconds()) return {};
        apply_off(txn, id, event.reason, event.at);
        break;
      case GuestEvent::Kind::kStarted:
      case GuestEvent::Kind::kResumed: apply_alive(txn, id); break;
      case GuestEvent::Kind::kDiskError: apply_paused(txn, id, event.detail); break;
      case GuestEvent::Kind::kPaused:
        if (stand_of(vm) == active(LcmState::kRunning)) internal::enqueue_look(txn, vm);
        break;
      default: break;
    }
    return {};
  };
  if (event.kind != GuestEvent::Kind::kPaused) return store_.run(work);
  lanes_.timers().after(kPausePatience, lanes_.store(), [this, work] { store_.run(work); });
}

void Watcher::on_host_lost(const GuestEvent& event) {
  store_.run([event](db::Txn& txn) -> Result<void> {
    Host host = TRY(find_host(txn, event.host));
    mark_lost(txn, host,
              event.detail.empty() ? "the connection to the host broke" : event.detail);
    return {};
  });
  visit_after(event.host, Duration{500});
}

void Watcher::visit(HostId id) {
  if (is_stopping_) return;
  auto& state = visits_[id];
  if (!state) state = std::make_shared<Visit>();
  if (state->is_under_way) {
    state->is_wanted_again = true;
    return;
  }
  state->is_under_way = true;
  state->is_wanted_again = false;
  state->touched.clear();
  store_.run<Host>(
      [id, state](db::Txn& txn) -> Result<Host> {
        state->before.clear();
        for (const VmId vm_id : list_vms_on(txn, id)) {
          const Vm vm = TRY(find_vm(txn, vm_id));
          state->before[vm_id] = {stand_of(vm), vm.job};
        }
        return find_host(txn, id);
      },
      [this, id](const Result<Host>& host) {
        const auto known = visits_.find(id);
        if (known == visits_.end()) return;
        const bool is_wanted = host && host->admin != HostAdmin::kOffline;
        if (is_wanted) return inspect(*host);
        if (host || host.error().code == Errc::kNotFound) {
          visits_.erase(known);
          return;
        }
        // The store could not answer; the host is not forgotten for that.
        known->second->is_under_way = false;
        visit_after(id, kRetry);
      });
}

void Watcher::inspect(const Host& host) {
  visits_.at(host.id)->uri = host.uri;
  const auto driver = vms_.drivers().hypervisor(host.vm_mad);
  if (!driver) return conclude(host, {tl::unexpected(driver.error()), {}, {}});
  lanes_.drivers().post([this, host, driver = *driver] {
    const auto ref = ref_of(host);
    Found found{driver->inspect_host(ref), {}, {}};
    if (found.fact) {
      auto domains = driver->list_domains(ref);
      if (domains) found.domains = std::move(*domains);
      else found.fact = tl::unexpected(domains.error());
    }
    found.at = lanes_.clock().now();
    lanes_.store().post([this, host, found = std::move(found)] { conclude(host, found); });
  });
}

namespace {

/// Its VM has ended, or is at home elsewhere, while this host could not be asked to forget it.
bool is_left_over(const Vm& vm, const Host& host, const DomainFact& domain) {
  const bool is_elsewhere = vm.state == VmState::kDone || vm.host != host.id;
  return is_elsewhere && domain.power == Power::kOff && domain.uuid == vm.uuid;
}

/// Compares what a host shows with what should be there. A VM that it does not show has stopped
/// while nobody watched.
void reconcile(db::Txn& txn, const Host& host, const std::vector<DomainFact>& domains,
               const std::function<bool(const Vm&)>& is_comparable) {
  std::set<std::int64_t> seen;
  for (const DomainFact& domain : domains) {
    const auto id = vm_of_domain(domain.name);
    if (!id) continue;
    seen.insert(id->value);
    const auto vm = find_vm(txn, *id);
    if (vm && is_left_over(*vm, host, domain)) internal::enqueue_undefine(txn, *vm, host.id);
    if (!vm || vm->host != host.id || !is_comparable(*vm)) continue;
    switch (domain.power) {
      case Power::kRunning: apply_alive(txn, *id); break;
      case Power::kPaused: apply_paused(txn, *id, ""); break;
      default: apply_off(txn, *id, domain.reason, txn.at());
    }
  }
  for (const VmId id : list_vms_on(txn, host.id)) {
    const auto vm = find_vm(txn, id);
    if (seen.contains(id.value) || !vm || !is_comparable(*vm)) continue;
    apply_off(txn, id, hypervisor_driver::StopReason::kUnknown, txn.at());
  }
}

monitoring::VmReading reading_of(VmId vm, const DomainFact& domain) {
  monitoring::VmReading reading{vm, domain.cpu_time_ns, domain.memory.value / 1024, std::nullopt};
  if (const auto& t = domain.traffic) {
    reading.traffic = {t->disk_read_bytes,    t->disk_reads,     t->disk_written_bytes,
                       t->disk_writes,        t->received_bytes, t->sent_bytes};
  }
  return reading;
}

/// What a visit says about use. Samples touch no object: documents take them from the board.
void record_use(db::Txn& txn, monitoring::Board& board, monitoring::Reading reading,
                const HostFact& fact) {
  reading.cpu_time_ns = fact.cpu_time_ns;
  reading.cpu_percent_total = fact.cpu_percent_total;
  reading.used_memory_kb = (fact.memory_total.value - fact.memory_free.value) / 1024;
  reading.free_memory_kb = fact.memory_free.value / 1024;
  if (const auto record = board.add(reading)) {
    monitoring::save_record(txn, *record, board.retention());
  }
}

}  // namespace

void Watcher::conclude(const Host& asked, const Found& found) {
  const auto state = visits_.find(asked.id);
  if (state == visits_.end()) return;
  store_.run<Concluded>(
      [this, asked, found, visit = state->second](db::Txn& txn) -> Result<Concluded> {
        Host host = TRY(find_host(txn, asked.id));
        if (!found.fact) {
          mark_lost(txn, host, found.fact.error().text());
          return Concluded{};
        }
        if (host.lost.is_set()) {
          auto returned = find_returned(txn, host, found.domains);
          if (!returned.guests.empty()) {
            refuse_return(txn, host, returned);
            return Concluded{false, std::move(returned.superseded)};
          }
          host.lost = {};
        }
        if (!host.is_reachable) log::info("host.back", {{"host", host.name}});
        save_facts(host, *found.fact, txn.at());
        save_host(txn, host);
        reconcile(txn, host, found.domains, [&](const Vm& vm) {
          const auto before = visit->before.find(vm.id);
          const bool is_as_before = before != visit->before.end() &&
                                    before->second == Before{stand_of(vm), vm.job};
          return is_as_before && !visit->touched.contains(vm.id.value);
        });
        record(txn, asked.id, *visit, found);
        return Concluded{true, {}};
      },
      [this, asked, id = asked.id](const Result<Concluded>& concluded) {
        const auto known = visits_.find(id);
        if (known == visits_.end()) return;
        known->second->is_under_way = false;
        if (concluded) cut_off(asked, concluded->superseded);
        if (known->second->is_wanted_again) return visit(id);
        const Duration interval = vms_.settings().monitor_interval;
        const bool is_fine = concluded && concluded->is_fine;
        visit_after(id, is_fine ? interval : std::min(kRetry, interval));
      });
}

void Watcher::record(db::Txn& txn, HostId host, const Visit& visit, const Found& found) {
  if (board_ == nullptr) return;
  monitoring::Reading reading{.host = host, .at = found.at};
  for (const DomainFact& domain : found.domains) {
    const auto vm = vm_of_domain(domain.name);
    if (domain.power != Power::kRunning || !vm || !visit.before.contains(*vm)) continue;
    reading.vms.push_back(reading_of(*vm, domain));
  }
  record_use(txn, *board_, std::move(reading), *found.fact);
}

void Watcher::cut_off(const Host& host,
                      const std::vector<hypervisor_driver::DomainRef>& superseded) {
  const auto driver = vms_.drivers().hypervisor(host.vm_mad);
  if (!driver) return;
  for (const auto& domain : superseded) {
    lanes_.drivers().post([driver = *driver, domain] {
      const auto cut = driver->ensure_destroyed(domain);
      log::error("guest.superseded", {{"host", domain.host.name},
                                      {"domain", domain.name},
                                      {"outcome", cut ? "cut off" : cut.error().text()}});
    });
  }
}

void Watcher::visit_after(HostId id, Duration delay) {
  const auto known = visits_.find(id);
  if (known == visits_.end()) return;
  const std::uint64_t timer = ++known->second->timer;
  lanes_.timers().after(delay, lanes_.store(), [this, id, timer] {
    const auto current = visits_.find(id);
    if (current != visits_.end() && current->second->timer == timer) visit(id);
  });
}

void Watcher::ask_placement() {
  if (is_placement_asked_ || is_stopping_) return;
  is_placement_asked_ = true;
  const auto place = [this] {
    is_placement_asked_ = false;
    store_.run([this](db::Txn& txn) -> Result<void> {
      place_pending(txn, vms_);
      return {};
    });
  };
  const Duration window = vms_.settings().placement_window;
  if (window.count() == 0) return lanes_.store().post(place);
  lanes_.timers().after(window, lanes_.store(), place);
}

}  // namespace neph::compute
