#include "drivers/hypervisor/libvirt/internal/host_events.h"

#include <libvirt/virterror.h>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"

namespace neph::hypervisor_driver::virt {

namespace {

using Shared = std::shared_ptr<HostEvents>;

void drop_opaque(void* opaque) { delete static_cast<Shared*>(opaque); }

int lifecycle_callback(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
  (*static_cast<Shared*>(opaque))->on_lifecycle(domain, event, detail);
  return 0;
}

void disk_error_callback(virConnectPtr, virDomainPtr domain, const char* path, const char* device,
                         int action, const char* reason, void* opaque) {
  (*static_cast<Shared*>(opaque))->on_disk_error(domain, path, device, action, reason);
}

void close_callback(virConnectPtr, int reason, void* opaque) {
  static constexpr const char* kWords[] = {"error", "end of stream", "keepalive timeout", "client"};
  const bool is_known = reason >= 0 && reason < 4;
  (*static_cast<Shared*>(opaque))->note_lost(is_known ? kWords[reason] : "unknown");
}

StopReason reason_of_detail(int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      return StopReason::kShutdown;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      return StopReason::kDestroyed;
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
      return StopReason::kCrashed;
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
      return StopReason::kMigrated;
    case VIR_DOMAIN_EVENT_STOPPED_SAVED:
      return StopReason::kSaved;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      return StopReason::kFailed;
    default:
      return StopReason::kUnknown;
  }
}

StopReason reason_of_state(int reason) {
  switch (reason) {
    case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
      return StopReason::kShutdown;
    case VIR_DOMAIN_SHUTOFF_DESTROYED:
      return StopReason::kDestroyed;
    case VIR_DOMAIN_SHUTOFF_MIGRATED:
      return StopReason::kMigrated;
    case VIR_DOMAIN_SHUTOFF_SAVED:
      return StopReason::kSaved;
    // libvirt writes "crashed" both for a guest panic and for a QEMU that died; the second is
    // what happens without a panic having been seen. "Failed" is one that never came up, of which
    // it says nothing.
    case VIR_DOMAIN_SHUTOFF_CRASHED:
      return StopReason::kFailed;
    default:
      return StopReason::kUnknown;
  }
}

}  // namespace

void ListenerBox::set(EventListener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void ListenerBox::close() { set({}); }

void ListenerBox::deliver(const GuestEvent& event) {
  const std::lock_guard lock(mutex_);
  if (listener_) listener_(event);
}

HostEvents::HostEvents(HostId host, std::string host_name, Clock& clock,
                       std::shared_ptr<ListenerBox> listener)
    : host_(host),
      host_name_(std::move(host_name)),
      clock_(clock),
      listener_(std::move(listener)) {}

void HostEvents::attach(virConnectPtr connection, Watch watch) {
  const auto add = [&](int event, virConnectDomainEventGenericCallback callback) {
    auto* opaque = new Shared(shared_from_this());
    const int id = virConnectDomainEventRegisterAny(connection, nullptr, event, callback, opaque,
                                                    &drop_opaque);
    if (id < 0) {
      delete opaque;
      return;
    }
    const std::lock_guard lock(mutex_);
    callbacks_.push_back(id);
  };
  add(VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(&lifecycle_callback));
  add(VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(&disk_error_callback));
  if (watch == Watch::kDomains) return;
  auto* opaque = new Shared(shared_from_this());
  if (virConnectRegisterCloseCallback(connection, &close_callback, opaque, &drop_opaque) < 0)
    delete opaque;
}

void HostEvents::detach(virConnectPtr connection) {
  std::vector<int> callbacks;
  {
    const std::lock_guard lock(mutex_);
    callbacks.swap(callbacks_);
  }
  for (const int id : callbacks) virConnectDomainEventDeregisterAny(connection, id);
  virConnectUnregisterCloseCallback(connection, &close_callback);
  virResetLastError();
}

void HostEvents::note_lost(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (is_lost_) return;
    is_lost_ = true;
  }
  log::warn("hypervisor.host_lost", {{"host", host_name_}, {"reason", why}});
  emit({.kind = GuestEvent::Kind::kHostLost, .detail = why});
}

void HostEvents::note_connected() {
  bool was_lost = false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(was_lost, is_lost_);
    memories_.clear();
  }
  if (!was_lost) return;
  log::info("hypervisor.host_back", {{"host", host_name_}});
  emit({.kind = GuestEvent::Kind::kHostBack});
}

void HostEvents::on_lifecycle(virDomainPtr domain, int event, int detail) {
  using Kind = GuestEvent::Kind;
  GuestEvent told{.domain_name = name_of(domain), .domain_uuid = uuid_of(domain)};
  switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
      note_starting(told.domain_uuid);
      note_alive(told.domain_uuid);
      told.kind = Kind::kStarted;
      break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
      told.kind = Kind::kPaused;
      break;
    case VIR_DOMAIN_EVENT_RESUMED:
      // An ACPI reboot by libvirt looks like a shutdown until it resumes.
      note_starting(told.domain_uuid);
      note_alive(told.domain_uuid);
      told.kind = Kind::kResumed;
      break;
    case VIR_DOMAIN_EVENT_STOPPED:
      told.kind = Kind::kStopped;
      told.reason = reason_of_stop(told.domain_uuid, detail);
      break;
    case VIR_DOMAIN_EVENT_CRASHED: {
      const std::lock_guard lock(mutex_);
      memories_[told.domain_uuid].has_panicked = true;
      told.kind = Kind::kCrashed;
      break;
    }
    case VIR_DOMAIN_EVENT_SHUTDOWN: {
      const std::lock_guard lock(mutex_);
      auto& memory = memories_[told.domain_uuid];
      memory.shutdown_at = clock_.now();
      memory.is_end_missed = false;
      memory.is_ended_by_guest = detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST;
      return;
    }
    case VIR_DOMAIN_EVENT_UNDEFINED:
      note_starting(told.domain_uuid);
      return;
    default:
      return;
  }
  emit(std::move(told));
}

void HostEvents::on_disk_error(virDomainPtr domain, const char* path, const char* device,
                               int action, const char* reason) {
  // Other actions hand the error to the guest, which goes on and knows about it.
  if (action != VIR_DOMAIN_EVENT_IO_ERROR_PAUSE) return;
  const auto text = [](const char* words) { return words != nullptr ? words : ""; };
  emit({.kind = GuestEvent::Kind::kDiskError,
        .domain_name = name_of(domain),
        .domain_uuid = uuid_of(domain),
        .detail = fmt::format("{} ({}): {}", text(device), text(path), text(reason))});
}

Instant HostEvents::shutdown_since(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  auto& memory = memories_[uuid];
  if (memory.shutdown_at.is_set()) return memory.shutdown_at;
  memory.is_end_missed = true;
  memory.shutdown_at = clock_.now();
  return memory.shutdown_at;
}

void HostEvents::note_alive(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  memories_[uuid].is_seen_alive = true;
}

void HostEvents::note_destroying(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  auto& memory = memories_[uuid];
  if (memory.is_ended_by_guest) memory.is_cut_after_guest_ended = true;
}

void HostEvents::note_starting(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  memories_.erase(uuid);
}

StopReason HostEvents::refine_shutoff(const std::string& uuid, int reason) {
  const std::lock_guard lock(mutex_);
  const auto found = memories_.find(uuid);
  return refine(found == memories_.end() ? Memory{} : found->second, reason_of_state(reason));
}

StopReason HostEvents::reason_of_stop(const std::string& uuid, int detail) {
  const std::lock_guard lock(mutex_);
  return refine(memories_[uuid], reason_of_detail(detail));
}

StopReason HostEvents::refine(const Memory& memory, StopReason told) {
  // QEMU calls a panic "ended by the guest" too, so the panic is asked for first.
  if (memory.has_panicked) return StopReason::kCrashed;
  if (told == StopReason::kDestroyed && memory.is_cut_after_guest_ended)
    return StopReason::kShutdown;
  // A libvirt that comes back to a QEMU which ends, or has ended, calls that a crash.
  const bool is_unseen = memory.is_end_missed || !memory.is_seen_alive;
  if (told == StopReason::kFailed && is_unseen) return StopReason::kVanished;
  if (told == StopReason::kDestroyed && memory.is_end_missed) return StopReason::kUnknown;
  return told;
}

void HostEvents::emit(GuestEvent event) {
  event.host = host_;
  event.at = clock_.now();
  listener_->deliver(event);
}

}  // namespace neph::hypervisor_driver::virt
