#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compute/host.h"

/// Rows of hosts that only this room asks for.
namespace neph::compute {

[[nodiscard]] std::optional<HostId> find_host_by_name(db::Txn& txn, std::string_view name);
/// What is still there and forbids removing the host, in words.
[[nodiscard]] std::vector<std::string> list_leftovers_on(db::Txn& txn, HostId id);
/// VMs that are DONE keep their history, which names the host, but no reference to its row.
void forget_host_of_ended_vms(db::Txn& txn, HostId id);

}  // namespace neph::compute
