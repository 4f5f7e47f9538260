#include "drivers/hypervisor/libvirt/libvirt_driver.h"

#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/guest_agent.h"
#include "drivers/hypervisor/libvirt/internal/host_link.h"
#include "drivers/hypervisor/libvirt/internal/host_traits.h"
#include "drivers/hypervisor/libvirt/internal/pinning.h"
#include "drivers/hypervisor/libvirt/internal/starting.h"
#include "drivers/hypervisor/libvirt/internal/unpinning.h"

namespace neph::hypervisor_driver {

using virt::HostLink;
using Use = virt::HostLink::Use;

namespace {

struct Found {
  virt::Connect connection;
  virt::Domain domain;
};

/// Connection and domain; the connection is held because the handle alone does not keep it open.
Result<Found> need(HostLink& link, const DomainRef& ref, Use use) {
  Found found;
  found.connection = TRY(link.connect(use));
  found.domain = TRY(virt::need_domain(found.connection.get(), ref));
  return found;
}

Result<void> need_alive(HostLink& link, const Found& found, const DomainRef& ref) {
  const auto state = TRY(virt::settled_state(link, found.domain.get()));
  if (virt::is_alive(state)) return {};
  return fail(Errc::kWrongState, "Domain {} on host {} is not running.", ref.name, ref.host.name);
}

}  // namespace

LibvirtDriver::LibvirtDriver(Config config, Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      listener_(std::make_shared<virt::ListenerBox>()) {
  virt::silence_libvirt();
}

LibvirtDriver::~LibvirtDriver() { listener_->close(); }

std::shared_ptr<HostLink> LibvirtDriver::link_to(const HostRef& host) {
  std::shared_ptr<HostLink> replaced;  // closed after the lock is gone
  const std::lock_guard lock(mutex_);
  auto& link = links_[host.id];
  if (!link || link->host().uri != host.uri) {
    replaced = std::move(link);
    link = std::make_shared<HostLink>(host, config_, clock_, listener_);
  }
  return link;
}

Result<void> LibvirtDriver::ensure_connected(const HostRef& host) {
  CHECK_OK(link_to(host)->connect(Use::kControl));
  return {};
}

void LibvirtDriver::forget(HostId host) {
  std::shared_ptr<HostLink> gone;  // closed after the lock is gone
  const std::lock_guard lock(mutex_);
  if (const auto found = links_.find(host); found != links_.end()) {
    gone = std::move(found->second);
    links_.erase(found);
  }
}

void LibvirtDriver::listen(EventListener listener) { listener_->set(std::move(listener)); }

Result<HostFact> LibvirtDriver::inspect_host(const HostRef& host) {
  const auto link = link_to(host);
  const auto traits = TRY(link->traits());
  const auto connection = TRY(link->connect(Use::kControl));
  return virt::inspect_figures(connection.get(), traits);
}

Result<std::vector<DomainFact>> LibvirtDriver::list_domains(const HostRef& host) {
  const auto link = link_to(host);
  const auto connection = TRY(link->connect(Use::kControl));
  return virt::list_facts(*link, connection.get());
}

Result<DomainFact> LibvirtDriver::inspect_domain(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto connection = TRY(link->connect(Use::kControl));
  const auto found = TRY(virt::find_domain(connection.get(), domain));
  if (!found) return DomainFact{.name = domain.name, .uuid = domain.uuid};
  return virt::fact_of(*link, found.get());
}

Result<DomainFact> LibvirtDriver::ensure_started(const HostRef& host, const DomainSpec& spec) {
  return virt::start(*link_to(host), spec);
}

Result<DomainFact> LibvirtDriver::ensure_restored(const HostRef& host, const DomainSpec& spec,
                                                  const std::string& memory_path,
                                                  Progress& progress) {
  return virt::restore(*link_to(host), spec, memory_path, progress);
}

Result<void> LibvirtDriver::ask_shutdown(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kControl));
  CHECK_OK(need_alive(*link, found, domain));
  auto* handle = found.domain.get();
  // Named, because without a mode libvirt prefers the agent, which may be frozen or hostile.
  if (virDomainShutdownFlags(handle, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0) return {};
  if (virt::is_unsupported() && virDomainShutdown(handle) == 0) return {};
  return virt::Refusal().of("Domain {} cannot be asked to shut down.", domain.name);
}

Result<void> LibvirtDriver::ensure_destroyed(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto connection = TRY(link->connect(Use::kControl));
  const auto found = TRY(virt::find_domain(connection.get(), domain));
  if (!found) return {};
  const auto state = TRY(virt::state_of(found.get()));
  if (!virt::is_active(state)) return {};
  return virt::cut_power(*link, found.get());
}

Result<void> LibvirtDriver::ensure_undefined(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto connection = TRY(link->connect(Use::kControl));
  const auto found = TRY(virt::find_domain(connection.get(), domain));
  if (!found) return {};
  const auto state = TRY(virt::settled_state(*link, found.get()));
  if (virt::is_active(state))
    return fail(Errc::kWrongState, "Domain {} is running: its definition stays.", domain.name);
  const unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                         VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                         VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
  if (virDomainUndefineFlags(found.get(), flags | VIR_DOMAIN_UNDEFINE_NVRAM) == 0) return {};
  if (virt::is_unsupported() && virDomainUndefineFlags(found.get(), 0) == 0) return {};
  if (virt::Refusal().code() == Errc::kNotFound) return {};
  return virt::Refusal().of("The definition of domain {} cannot be removed.", domain.name);
}

Result<void> LibvirtDriver::ensure_saved(const DomainRef& domain, const std::string& memory_path,
                                         Progress& progress) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kBulk));
  return virt::save(*link, found.connection.get(), found.domain.get(), memory_path,
                    progress);
}

Result<void> LibvirtDriver::reboot(const DomainRef& domain, Reboot how) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kControl));
  CHECK_OK(need_alive(*link, found, domain));
  auto* handle = found.domain.get();
  const int done = how == Reboot::kHard
                       ? virDomainReset(handle, 0)
                       : virDomainReboot(handle, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);
  if (done == 0) return {};
  if (virt::is_unsupported() && virDomainReboot(handle, 0) == 0) return {};
  return virt::Refusal().of("Domain {} cannot be rebooted.", domain.name);
}

Result<void> LibvirtDriver::ensure_unpaused(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kControl));
  CHECK_OK(need_alive(*link, found, domain));
  const auto state = TRY(virt::state_of(found.domain.get()));
  if (state.state != VIR_DOMAIN_PAUSED) return {};
  if (virDomainResume(found.domain.get()) == 0) return {};
  return virt::Refusal().of("Domain {} cannot be continued.", domain.name);
}

Result<PinProof> LibvirtDriver::ensure_pinned(const DomainRef& domain, const PinRequest& request) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kBulk));
  return virt::pin(*link, found.domain.get(), request);
}

Result<void> LibvirtDriver::ensure_unpinned(const DomainRef& domain, const PinDisk& disk,
                                            const std::string& base_path, Progress& progress) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kBulk));
  return virt::unpin(*link, found.domain.get(), disk, base_path, progress);
}

Result<void> LibvirtDriver::ensure_thawed(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto connection = TRY(link->connect(Use::kControl));
  const auto found = TRY(virt::find_domain(connection.get(), domain));
  if (!found) return {};
  return virt::thaw_if_frozen(*link, found.get());
}

Result<bool> LibvirtDriver::has_agent(const DomainRef& domain) {
  const auto link = link_to(domain.host);
  const auto found = TRY(need(*link, domain, Use::kControl));
  if (!virt::is_alive(TRY(virt::state_of(found.domain.get())))) return false;
  const auto answer = virt::ping_agent(found.domain.get(), config_.agent_timeout);
  if (!answer && answer.error().code == Errc::kUnavailable) return tl::unexpected(answer.error());
  return answer.has_value();
}

}  // namespace neph::hypervisor_driver
