#include "compute/host.h"

namespace neph::compute {
namespace {

/// Hosts and clusters belong to user 0 and show no permission bits: only ACL rules decide.
constexpr access::Permissions kNobody{0};

}  // namespace

std::string_view name_of(HostState state) {
  switch (state) {
    case HostState::kInit: return "INIT";
    case HostState::kMonitored: return "MONITORED";
    case HostState::kError: return "ERROR";
    case HostState::kDisabled: return "DISABLED";
    case HostState::kOffline: return "OFFLINE";
  }
  return {};
}

HostState state_of(const Host& host) {
  if (host.admin == HostAdmin::kOffline) return HostState::kOffline;
  if (host.admin == HostAdmin::kDisabled) return HostState::kDisabled;
  if (host.is_reachable) return HostState::kMonitored;
  return host.error.empty() ? HostState::kInit : HostState::kError;
}

hypervisor_driver::HostRef ref_of(const Host& host) { return {host.id, host.name, host.uri}; }

access::Subject subject_of(const Host& host) {
  return {access::Resource::kHost, host.id.value, host.name, UserId{0}, GroupId{0}, kNobody,
          {host.cluster}};
}

access::Subject subject_of(const Cluster& cluster) {
  return {access::Resource::kCluster, cluster.id.value, cluster.name, UserId{0}, GroupId{0},
          kNobody, {cluster.id}};
}

}  // namespace neph::compute
