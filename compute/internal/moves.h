#pragma once

#include <string_view>

#include "compute/internal/vm_jobs.h"
#include "compute/lifecycle.h"

/// VMs that go on on another host. Files do not move: both hosts see the same. Store lane.
namespace neph::compute::internal {

/// The argument of a job that says where to.
inline constexpr std::string_view kTargetHost = "HOST";
[[nodiscard]] HostId target_host(const jobs::Job& job);

/// \returns kWrongState when the host is offline or does not answer
[[nodiscard]] Result<void> check_ready(const Host& host);

struct Move {
  HostId to;
  HistoryAction action = HistoryAction::kMigrate;
  UserId by;
};
/// From now on the VM is on that host: its record is closed, another one begins, and what its old
/// host has defined goes. The VM is saved by the caller.
[[nodiscard]] Result<void> change_host(db::Txn& txn, Vm& vm, const Move& move);

/// The guest was powered off, or saved, in order to go on elsewhere: there it starts. Where that is
/// impossible by now the VM stays as it is, off, and tells why. \param row  how it starts
jobs::Next start_there(db::Txn& txn, Vm& vm, const DeployRow& row, const Move& move);

/// Steps "move" (live) and "save".
[[nodiscard]] jobs::KindSpec migrate_kind(Tools tools);

}  // namespace neph::compute::internal
