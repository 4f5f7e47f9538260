#include "drivers/hypervisor/libvirt/internal/changing.h"
#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/libvirt_driver.h"

/// Changes of running domains, as verbs of the driver.
namespace neph::hypervisor_driver {

using virt::HostLink;

namespace {

/// What a change is made on. The connection is held, because the handle alone does not keep it
/// open.
struct Running {
  virt::Connect connection;
  virt::Domain domain;
};

Result<Running> need_running(HostLink& link, const DomainRef& ref) {
  Running running;
  running.connection = TRY(link.connect(HostLink::Use::kBulk));
  running.domain = TRY(virt::need_domain(running.connection.get(), ref));
  if (virt::is_alive(TRY(virt::settled_state(link, running.domain.get())))) return running;
  return fail(Errc::kWrongState, "Domain {} on host {} is not running.", ref.name, ref.host.name);
}

/// kWrongState means that the domain is off. libvirt says the same of one that runs and cannot be
/// changed just now.
Result<void> of_running(const Running& running, Result<void> changed) {
  if (changed || changed.error().code != Errc::kWrongState) return changed;
  const auto state = virt::state_of(running.domain.get());
  const bool is_off = state ? !virt::is_alive(*state) : state.error().code == Errc::kNotFound;
  if (!is_off) changed.error().code = Errc::kConflict;
  return changed;
}

tl::unexpected<Error> not_supported(Operation operation) {
  return fail(Errc::kInvalid, "The libvirt driver does not support {}.", name_of(operation));
}

}  // namespace

bool LibvirtDriver::supports(Operation operation) const {
  return operation != Operation::kSystemSnapshot && operation != Operation::kLiveMigration;
}

Result<void> LibvirtDriver::ensure_disk_attached(const DomainRef& domain, const DiskSpec& disk) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::attach_disk(running.domain.get(), disk));
}

Result<void> LibvirtDriver::ensure_disk_detached(const DomainRef& domain,
                                                 const std::string& target) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::detach_disk(*link, running.domain.get(), target));
}

Result<void> LibvirtDriver::ensure_disk_resized(const DomainRef& domain, const std::string& target,
                                                Bytes size) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::resize_disk(running.domain.get(), target, size));
}

Result<void> LibvirtDriver::ensure_nic_attached(const DomainRef& domain, const NicSpec& nic) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::attach_nic(running.domain.get(), nic));
}

Result<void> LibvirtDriver::ensure_nic_detached(const DomainRef& domain, const std::string& mac) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::detach_nic(*link, running.domain.get(), mac));
}

Result<void> LibvirtDriver::ensure_nic_updated(const DomainRef& domain, const NicSpec& nic) {
  const auto link = link_to(domain.host);
  const auto running = TRY(need_running(*link, domain));
  return of_running(running, virt::update_nic(running.domain.get(), nic));
}

Result<void> LibvirtDriver::ensure_snapshot_taken(const DomainRef&, const std::string&) {
  return not_supported(Operation::kSystemSnapshot);
}

Result<void> LibvirtDriver::ensure_snapshot_reverted(const DomainRef&, const std::string&) {
  return not_supported(Operation::kSystemSnapshot);
}

Result<void> LibvirtDriver::ensure_snapshot_deleted(const DomainRef&, const std::string&) {
  return not_supported(Operation::kSystemSnapshot);
}

Result<void> LibvirtDriver::ensure_migrated(const DomainRef&, const HostRef&, Progress&) {
  return not_supported(Operation::kLiveMigration);
}

}  // namespace neph::hypervisor_driver
