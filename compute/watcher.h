#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/lanes.h"
#include "compute/host.h"
#include "compute/vm_service.h"
#include "db/store.h"
#include "monitoring/board.h"

namespace neph::compute {

/// Watches hosts: connects, measures, compares what runs there with what should, at each connect
/// and at an interval, since events get lost; turns driver events into facts about guests; places
/// pending VMs whenever something has changed. Lives on the store lane; one per daemon.
class Watcher {
 public:
  /// \param board  what hosts and guests use is written there; nullptr: nobody asks
  Watcher(db::Store& store, Lanes& lanes, VmService& vms, monitoring::Board* board = nullptr);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Listens to the drivers and visits every host; before anything else runs.
  void start();
  /// Begins no more visits.
  void stop();

 private:
  struct Before;
  struct Visit;
  struct Found;
  struct Concluded;

  void observe(db::Txn& txn, const db::ChangeSet& changes);
  void observe_host(db::Txn& txn, HostId host);
  void promote(std::function<void(db::Txn&)> work);
  void on_event(const hypervisor_driver::GuestEvent& event);
  void on_host_lost(const hypervisor_driver::GuestEvent& event);
  void visit_all();
  void visit(HostId host);
  void inspect(const Host& host);
  void conclude(const Host& host, const Found& found);
  /// Writes down what a host and its guests use.
  void record(db::Txn& txn, HostId host, const Visit& visit, const Found& found);
  /// Power off for domains that run beside the VM they belong to.
  void cut_off(const Host& host, const std::vector<hypervisor_driver::DomainRef>& superseded);
  void visit_after(HostId host, Duration delay);
  void ask_placement();

  db::Store& store_;
  Lanes& lanes_;
  VmService& vms_;
  monitoring::Board* const board_;
  std::map<HostId, std::shared_ptr<Visit>> visits_;  ///< store lane only
  bool is_placement_asked_ = false;
  std::atomic<bool> is_stopping_{false};
};

}  // namespace neph::compute
