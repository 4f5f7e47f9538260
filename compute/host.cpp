#include "compute/host.h"

#include <charconv>

namespace neph::compute {
namespace {

/// Hosts and clusters belong to user 0 and show no permission bits: only ACL rules decide.
constexpr access::Permissions kNobody{0};

/// What is no number reserves nothing.
std::int64_t amount_of(std::string_view value, std::int64_t total) {
  double amount = 0;
  const auto* end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, amount);
  if (error != std::errc{}) return 0;
  if (std::string_view(rest, end) == "%") amount = amount * static_cast<double>(total) / 100;
  return static_cast<std::int64_t>(amount);
}

}  // namespace

Capacity capacity_of(const Host& host, const text::Template& cluster_attributes) {
  const auto left = [&](std::string_view name, std::int64_t total) {
    const std::string own = host.attributes.get(name);
    return total - amount_of(own.empty() ? cluster_attributes.get(name) : own, total);
  };
  return {left("RESERVED_CPU", host.cpu_total), left("RESERVED_MEM", host.memory_total_kb)};
}

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
