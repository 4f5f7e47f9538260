#include "compute/host_service.h"

#include <fmt/ranges.h>

#include "access/directory.h"
#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/cluster.h"
#include "compute/internal/host_rows.h"
#include "jobs/queue.h"

namespace neph::compute {
namespace {

constexpr std::string_view kUriAttribute = "LIBVIRT_URI";
constexpr std::string_view kNamePlace = "NAME";
constexpr std::string_view kSimulated = "dummy";

std::string resolve_uri(const Settings& settings, const Host& host) {
  if (host.vm_mad == kSimulated) return {};
  const std::string written = host.attributes.get(kUriAttribute);
  if (!written.empty()) return written;
  std::string uri = settings.uri_pattern;
  for (auto at = uri.find(kNamePlace); at != std::string::npos;
       at = uri.find(kNamePlace, at + host.name.size())) {
    uri.replace(at, kNamePlace.size(), host.name);
  }
  return uri;
}

Result<void> check_host_name_free(db::Txn& txn, HostId id, std::string_view name) {
  const auto other = find_host_by_name(txn, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by HOST {}.", *other);
}

/// What was measured belongs to the machine that the URI led to before.
void forget_measurements(Host& host) {
  host.is_reachable = false;
  host.monitored = {};
  host.unreachable_since = {};
  host.error.clear();
}

}  // namespace

Result<HostId> HostService::allocate(db::Txn& txn, const std::string& name,
                                     const std::string& im_mad, const std::string& vm_mad,
                                     ClusterId cluster) {
  CHECK_OK(access::check_name("host", name));
  if (vm_mad.empty()) return fail(Errc::kInvalid, "VM_MAD of host {} is empty", name);
  if (im_mad.empty()) return fail(Errc::kInvalid, "IM_MAD of host {} is empty", name);
  (void)TRY(drivers_.hypervisor(vm_mad));
  CHECK_OK(check_host_name_free(txn, {}, name));
  Host host;
  host.cluster = cluster.is_set() ? cluster : kDefaultCluster;
  (void)TRY(find_cluster(txn, host.cluster));
  host.name = name;
  host.im_mad = im_mad;
  host.vm_mad = vm_mad;
  host.uri = resolve_uri(settings_, host);
  return insert_host(txn, std::move(host));
}

Result<void> HostService::remove(db::Txn& txn, HostId id) {
  const Host host = TRY(find_host(txn, id));
  const auto leftovers = list_leftovers_on(txn, id);
  if (!leftovers.empty()) {
    return fail(Errc::kWrongState, "Cannot remove host {}, there is still: {}", host.name,
                fmt::join(leftovers, ", "));
  }
  forget_host_of_ended_vms(txn, id);
  delete_host_row(txn, id);
  return {};
}

Result<void> HostService::set_admin(db::Txn& txn, HostId id, HostAdmin admin) {
  Host host = TRY(find_host(txn, id));
  if (admin < HostAdmin::kEnabled || admin > HostAdmin::kOffline) {
    return fail(Errc::kInvalid, "Status of host {} is {}; it must be 0 (enabled), 1 (disabled) or"
                " 2 (offline)", id, static_cast<int>(admin));
  }
  host.admin = admin;
  if (admin == HostAdmin::kEnabled) host.lost = {};
  // Nobody watches an offline host: what was seen last is no news when it is enabled again.
  if (admin == HostAdmin::kOffline) forget_measurements(host);
  save_host(txn, host);
  return {};
}

Result<void> HostService::declare_lost(db::Txn& txn, HostId id, const std::string& name) {
  Host host = TRY(find_host(txn, id));
  if (name != host.name) {
    return fail(Errc::kInvalid, "Host {} is called {}, not \"{}\": is it the right one?", id,
                host.name, name);
  }
  if (host.is_reachable) {
    return fail(Errc::kWrongState, "Host {} answers: what runs there can be stopped", host.name);
  }
  if (state_of(host) == HostState::kOffline || host.error.empty()) {
    return fail(Errc::kWrongState, "Nobody has asked host {} whether it answers: enable it first",
                host.name);
  }
  host.lost = txn.at();
  save_host(txn, host);
  log::warn("host.declared_lost", {{"host", host.name}});
  const auto vms = list_vms_on(txn, id);
  for (const VmId vm : vms) apply_host_lost(txn, vm, host.name);
  jobs::hurry_on_host(txn, id, vms);
  return {};
}

Result<void> HostService::update(db::Txn& txn, HostId id, const text::Template& change,
                                 bool is_append) {
  Host host = TRY(find_host(txn, id));
  const std::string written_before = host.attributes.get(kUriAttribute);
  if (is_append) host.attributes.merge(change);
  else host.attributes = change;
  CHECK_OK(host.attributes.check_limits());
  // Only when it was written here: a host that was renamed is still reached as before.
  if (host.attributes.get(kUriAttribute) != written_before) {
    host.uri = resolve_uri(settings_, host);
    forget_measurements(host);
  }
  save_host(txn, host);
  return {};
}

Result<void> HostService::rename(db::Txn& txn, HostId id, const std::string& name) {
  Host host = TRY(find_host(txn, id));
  CHECK_OK(access::check_name("host", name));
  CHECK_OK(check_host_name_free(txn, id, name));
  host.name = name;
  save_host(txn, host);
  return {};
}

}  // namespace neph::compute
