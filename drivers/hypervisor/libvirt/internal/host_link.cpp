#include "drivers/hypervisor/libvirt/internal/host_link.h"

#include <libvirt/virterror.h>

#include <vector>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/embed_root.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/host_traits.h"

namespace neph::hypervisor_driver::virt {

HostLink::HostLink(HostRef host, LibvirtDriver::Config config, Clock& clock,
                   std::shared_ptr<ListenerBox> listener)
    : host_(std::move(host)),
      config_(std::move(config)),
      clock_(clock),
      events_(std::make_shared<HostEvents>(host_.id, host_.name, clock, std::move(listener))) {
  const auto uri = parse_uri(host_.uri, config_.embed_root);
  is_in_process_ = uri && uri->kind == HostUri::Kind::kEmbedded;
  is_remote_ = uri && uri->kind == HostUri::Kind::kRemote;
}

HostLink::~HostLink() {
  if (control_.connection) events_->detach(control_.connection.get());
}

Result<Connect> HostLink::connect(Use use) {
  // Both would be the process's one connection, and whoever comes first has to settle it.
  if (is_in_process_) use = Use::kControl;
  const std::lock_guard lock(mutex_);
  drop_if_dead(control_);
  auto& slot = use == Use::kControl ? control_ : bulk_;
  if (use == Use::kBulk) drop_if_dead(bulk_);
  if (slot.connection) return share(slot.connection);
  // Everybody who waited for the lock during a failed attempt would make one of his own.
  if (last_failure_ && clock_.monotonic() - failed_at_ < config_.retry_pause)
    return tl::unexpected(*last_failure_);
  auto opened = open(slot);
  if (!opened) {
    opened.error().message =
        fmt::format("Host {} cannot be reached. {}", host_.name, opened.error().message);
    last_failure_ = opened.error();
    failed_at_ = clock_.monotonic();
    return opened;
  }
  last_failure_.reset();
  slot.connection = std::move(*opened);
  if (use == Use::kControl) {
    events_->attach(slot.connection.get(), is_remote_ ? HostEvents::Watch::kDomainsAndClose
                                                      : HostEvents::Watch::kDomains);
    traits_.reset();
    if (is_in_process_) settle_reconnects(slot.connection.get());
    events_->note_connected();
  }
  return share(slot.connection);
}

Result<HostTraits> HostLink::traits() {
  const auto connection = TRY(connect(Use::kControl));
  {
    const std::lock_guard lock(mutex_);
    if (traits_) return *traits_;
  }
  // Outside the lock: the first question for capabilities makes libvirt probe every QEMU binary.
  auto found = inspect_traits(connection.get(), is_in_process_, config_.acceleration);
  if (!found) return found;
  const std::lock_guard lock(mutex_);
  traits_ = *found;
  return found;
}

Result<Connect> HostLink::open(Slot& slot) {
  const auto uri = TRY(parse_uri(host_.uri, config_.embed_root));
  if (uri.kind == HostUri::Kind::kRemote) return open_remote(slot, uri);
  if (uri.kind == HostUri::Kind::kEmbedded) return open_embedded(uri.text, uri.embed_root);
  return open_here(uri.text);
}

Result<Connect> HostLink::open_remote(Slot& slot, const HostUri& uri) {
  if (!uri.tcp_host.empty())
    CHECK_OK(probe_tcp(uri.tcp_host, uri.tcp_port, config_.connect_timeout));
  if (!slot.attempt) slot.attempt = OpenAttempt::begin(uri.text);
  auto opened = slot.attempt->wait_for(config_.connect_timeout);
  if (slot.attempt->is_over()) slot.attempt.reset();
  if (!opened) return opened;
  const auto seconds = std::max<std::int64_t>(config_.keepalive_interval.count() / 1000, 1);
  // Without it a cut host is never noticed and every call on it hangs. Drivers that cannot are
  // those that need none.
  if (virConnectSetKeepAlive(opened->get(), static_cast<int>(seconds),
                             static_cast<unsigned>(config_.keepalive_count)) < 0)
    virResetLastError();
  return opened;
}

void HostLink::drop_if_dead(Slot& slot) {
  if (!slot.connection || virConnectIsAlive(slot.connection.get()) == 1) return;
  if (&slot == &control_) {
    events_->note_lost("connection is dead");
    events_->detach(slot.connection.get());
  }
  slot.connection.reset();
  virResetLastError();
}

// The embedded driver takes up running guests in threads that go on after the open, and a verb
// sent meanwhile races with them. Each holds its domain's job lock, so a harmless call that needs
// that lock waits until it is done. libvirt waits 30 s, for a guest whose QEMU does not answer.
void HostLink::settle_reconnects(virConnectPtr connection) {
  virDomainPtr* list = nullptr;
  const int count =
      virConnectListAllDomains(connection, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  bool may_wait = true;
  for (int i = 0; i < count; ++i) {
    const Domain domain(list[i]);
    if (!may_wait) continue;  // the others have had that time, too
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    const int told = virDomainMemoryStats(domain.get(), stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
    may_wait = told >= 0 || last_code() != VIR_ERR_OPERATION_TIMEOUT;
  }
  std::free(list);
  virResetLastError();
  if (count > 0) log::info("hypervisor.guests_found", {{"host", host_.name}, {"guests", count}});
}

}  // namespace neph::hypervisor_driver::virt
