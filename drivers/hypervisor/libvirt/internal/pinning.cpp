#include "drivers/hypervisor/libvirt/internal/pinning.h"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <pugixml.hpp>
#include <sstream>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/guest_agent.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"
#include "drivers/hypervisor/libvirt/internal/qemu_chain.h"
#include "drivers/hypervisor/libvirt/internal/unpinning.h"

namespace neph::hypervisor_driver::virt {

namespace {

namespace fs = std::filesystem;

/// An overlay that nothing was written to is smaller (qcow2 header and tables).
constexpr std::uintmax_t kEmptyOverlayMax = 1048576;
constexpr Duration kAgentPoll{50};
/// Two for each disk of a guest with many, and of several libvirts that died.
constexpr int kForgottenNodesMax = 32;

/// How far a request is done already.
enum class Pinned { kNone, kAll };

Result<Pinned> inspect_pins(const LiveDomain& live, const PinRequest& request) {
  std::size_t count = 0;
  for (const auto& disk : request.disks) {
    const auto* found = live.find(disk.target);
    if (found == nullptr) return fail(Errc::kInvalid, "The domain has no disk {}.", disk.target);
    if (found->find(disk.overlay_path) >= 0) ++count;
  }
  if (count == 0) return Pinned::kNone;
  if (count == request.disks.size()) return Pinned::kAll;
  return fail(Errc::kWrongState, "{} of {} disks are pinned already: not one instant any more.",
              count, request.disks.size());
}

/// After a restart libvirt takes a moment to reach an agent that runs in the guest all the while,
/// and says "not connected" until then. Believing that would leave a frozen guest frozen.
void await_agent(HostLink& link, virDomainPtr domain) {
  const auto limit = link.config().agent_timeout;
  const auto end = link.clock().monotonic() + 2 * limit;
  while (link.clock().monotonic() < end) {
    const auto answer = ping_agent(domain, limit);
    if (answer || !means_no_agent(answer.error())) return;
    const auto live = read_live(domain);
    if (!live || !live->is_agent_open) return;
    link.clock().sleep_for(kAgentPoll);
  }
}

/// When the overlay file was made, which is just before the instant of the pin; now, when the
/// file cannot be seen from here.
Instant birth_of(const std::string& path, Clock& clock) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME | STATX_MTIME, &status) != 0)
    return clock.now();
  const auto& stamp = (status.stx_mask & STATX_BTIME) != 0 ? status.stx_btime : status.stx_mtime;
  return {static_cast<std::int64_t>(stamp.tv_sec) * 1000 + stamp.tv_nsec / 1000000};
}

/// Thaws and proves it; answers how many file systems had been frozen. An agent that is slow once
/// is asked again: a guest left frozen is worse than a verb that takes longer.
Result<int> thaw_surely(virDomainPtr domain, Duration limit) {
  Result<int> thawed = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto count = thaw(domain, limit);
    if (!count) {
      thawed = count;
      if (means_no_agent(count.error())) break;
      continue;
    }
    const auto state = inspect_freeze(domain, limit);
    if (state && *state == FreezeState::kThawed) return count;
    thawed = state ? Result<int>(fail(Errc::kStalled, "The guest stays frozen after a thaw."))
                   : Result<int>(tl::unexpected(state.error()));
  }
  thawed.error().code = Errc::kStalled;
  return thawed;
}

Result<PinProof> adopt(HostLink& link, virDomainPtr domain, const PinRequest& request) {
  const auto limit = link.config().agent_timeout;
  PinProof proof{.captured = birth_of(request.disks.front().overlay_path, link.clock()),
                 .is_adopted = true};
  await_agent(link, domain);
  const auto state = inspect_freeze(domain, limit);
  if (!state) {
    // Without an agent nothing froze; with one that is silent the guest may be frozen still.
    if (!means_no_agent(state.error()) && request.quiesce != Quiesce::kNever)
      log::warn("hypervisor.freeze_unknown",
                {{"domain", name_of(domain)}, {"cause", state.error().cause}});
    proof.why_not_frozen = state.error().cause;
    return proof;
  }
  if (*state == FreezeState::kThawed) {
    proof.why_not_frozen = "pinned by an earlier call, which left no proof of a freeze";
    return proof;
  }
  // Still frozen since before the overlays came: the freeze covers the instant.
  proof.frozen_filesystems = TRY(thaw_surely(domain, limit));
  proof.is_frozen = true;
  proof.frozen_for = std::max(link.clock().now() - proof.captured, Duration{0});
  return proof;
}

std::string snapshot_xml(const LiveDomain& live, const PinRequest& request) {
  pugi::xml_document document;
  auto disks = document.append_child("domainsnapshot").append_child("disks");
  for (const auto& disk : live.disks) {
    auto node = disks.append_child("disk");
    node.append_attribute("name").set_value(disk.target.c_str());
    const auto wanted =
        std::find_if(request.disks.begin(), request.disks.end(),
                     [&](const PinDisk& each) { return each.target == disk.target; });
    if (wanted == request.disks.end()) {
      node.append_attribute("snapshot").set_value("no");
      continue;
    }
    node.append_attribute("snapshot").set_value("external");
    node.append_attribute("type").set_value("file");
    node.append_child("driver").append_attribute("type").set_value("qcow2");
    node.append_child("source").append_attribute("file").set_value(wanted->overlay_path.c_str());
  }
  std::ostringstream stream;
  document.save(stream, "", pugi::format_raw | pugi::format_no_declaration);
  return stream.str();
}

/// What an attempt that was cut short left: a file of this job that is in no chain. It is removed
/// only while it cannot hold a guest's writes.
Result<void> remove_leftovers(virDomainPtr domain, const PinRequest& request) {
  for (const auto& disk : request.disks) {
    std::error_code trouble;
    const auto size = fs::file_size(disk.overlay_path, trouble);
    if (trouble) continue;  // not there, or not reachable from here: libvirt will judge
    CHECK_OK(check_unused_by_qemu(domain, disk.overlay_path));
    if (size > kEmptyOverlayMax)
      return fail(Errc::kConflict, "{} exists, holds data and belongs to no disk of the domain.",
                  disk.overlay_path);
    fs::remove(disk.overlay_path, trouble);
  }
  return {};
}

/// Overlays that were made for a snapshot that then failed.
void remove_unused(virDomainPtr domain, const PinRequest& request) {
  const auto live = read_live(domain);
  if (!live) return;  // without knowing the chain nothing is removed
  for (const auto& disk : request.disks) {
    const auto* found = live->find(disk.target);
    std::error_code ignored;
    if (found == nullptr || found->find(disk.overlay_path) < 0)
      fs::remove(disk.overlay_path, ignored);
  }
}

/// A libvirt that died while it took overlays left their block nodes in QEMU, and the next one
/// counts on from a number that it has written down, so it comes upon names that are taken. Each
/// attempt counts on.
bool met_forgotten_nodes(const Error& error) {
  return error.cause.find("Duplicate nodes with node-name") != std::string::npos;
}

Result<void> take_overlays_once(virDomainPtr domain, const std::string& xml,
                                const PinRequest& request) {
  const Snapshot made(virDomainSnapshotCreateXML(
      domain, xml.c_str(),
      VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC |
          VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA));
  if (made) return {};
  auto refusal = Refusal().error("Domain {} cannot be pinned.", name_of(domain));
  remove_unused(domain, request);
  return tl::unexpected(std::move(refusal));
}

Result<void> take_overlays(virDomainPtr domain, const LiveDomain& live,
                           const PinRequest& request) {
  const auto xml = snapshot_xml(live, request);
  auto taken = take_overlays_once(domain, xml, request);
  for (int attempt = 1; attempt < kForgottenNodesMax && !taken; ++attempt) {
    if (!met_forgotten_nodes(taken.error())) break;
    taken = take_overlays_once(domain, xml, request);
  }
  return taken;
}

/// A pin whose freeze did not hold, when it was required: the overlays are in use and hold the
/// guest's latest writes, so they are folded back rather than removed.
void fold_back(HostLink& link, virDomainPtr domain, const PinRequest& request) {
  NoProgress progress;
  for (const auto& disk : request.disks)
    if (const auto folded = unpin(link, domain, disk, {}, progress); !folded)
      log::warn("hypervisor.pin_stays",
                {{"domain", name_of(domain)}, {"overlay", disk.overlay_path},
                 {"cause", folded.error().text()}});
}

/// The part during which the guest is frozen.
Result<PinProof> pin_frozen(HostLink& link, virDomainPtr domain, const LiveDomain& live,
                            const PinRequest& request, int frozen, Duration began) {
  auto& clock = link.clock();
  const auto limit = link.config().agent_timeout;
  // The snapshot call can wait for a lock inside libvirt for half a minute; agent calls pass it
  // by. So the deadline is kept by somebody else than this thread.
  const auto left = request.freeze_deadline - (clock.monotonic() - began);
  Watchdog watchdog(std::max(left, Duration{0}), [&] { (void)thaw(domain, limit); });
  PinProof proof{.captured = clock.now(), .frozen_filesystems = frozen};
  const auto taken = take_overlays(domain, live, request);
  const bool is_late = watchdog.call_off() == Watchdog::Bite::kDone;
  const auto thawed = thaw_surely(domain, limit);
  proof.frozen_for = clock.monotonic() - began;
  CHECK_OK(taken);
  if (!thawed) {
    log::error("hypervisor.thaw_failed",
               {{"domain", name_of(domain)}, {"cause", thawed.error().text()}});
    return tl::unexpected(thawed.error());
  }
  proof.is_frozen = !is_late && *thawed > 0;
  if (is_late)
    proof.why_not_frozen =
        fmt::format("thawed at the deadline of {} ms, before the overlays were in place",
                    request.freeze_deadline.count());
  else if (!proof.is_frozen)
    proof.why_not_frozen = "the guest had thawed before the overlays were in place";
  return proof;
}

/// Answers how many file systems it froze. Any error means "no freeze to be had", with the words
/// why.
Result<int> try_freeze(HostLink& link, virDomainPtr domain, RawState state,
                       const PinRequest& request) {
  if (state.state == VIR_DOMAIN_PAUSED || state.state == VIR_DOMAIN_PMSUSPENDED)
    return fail_because(Errc::kInvalid, "the domain is paused, its agent cannot answer",
                        "Domain {} cannot be frozen.", name_of(domain));
  await_agent(link, domain);
  CHECK_OK(ping_agent(domain, link.config().agent_timeout));
  auto frozen = freeze(domain, request.freeze_deadline);
  if (frozen && *frozen > 0) return frozen;
  // A freeze that failed half-way or answered too late may still have frozen something.
  (void)thaw_surely(domain, link.config().agent_timeout);
  if (!frozen) return frozen;
  return fail_because(Errc::kInvalid, "the agent found no file system to freeze",
                      "Domain {} cannot be frozen.", name_of(domain));
}

Result<PinProof> pin_unfrozen(HostLink& link, virDomainPtr domain, const LiveDomain& live,
                              const PinRequest& request, std::string why) {
  PinProof proof{.captured = link.clock().now(), .why_not_frozen = std::move(why)};
  CHECK_OK(take_overlays(domain, live, request));
  return proof;
}

}  // namespace

Result<PinProof> pin(HostLink& link, virDomainPtr domain, const PinRequest& request) {
  if (request.disks.empty()) return fail(Errc::kInvalid, "A pin without disks.");
  const auto state = TRY(settled_state(link, domain));
  if (!is_alive(state))
    return fail(Errc::kWrongState, "Domain {} is not running.", name_of(domain));
  const auto live = TRY(read_live(domain));
  if (TRY(inspect_pins(live, request)) == Pinned::kAll) return adopt(link, domain, request);
  if (auto removed = remove_leftovers(domain, request); !removed) {
    // Whoever left them may have left the guest frozen, too.
    (void)thaw_if_frozen(link, domain);
    return tl::unexpected(std::move(removed.error()));
  }
  if (request.quiesce == Quiesce::kNever) return pin_unfrozen(link, domain, live, request, {});

  const auto began = link.clock().monotonic();
  const auto frozen = try_freeze(link, domain, state, request);
  if (!frozen && request.quiesce == Quiesce::kTry)
    return pin_unfrozen(link, domain, live, request, frozen.error().cause);
  if (!frozen)
    return fail_because(frozen.error().code == Errc::kUnavailable ? Errc::kUnavailable
                                                                  : Errc::kInvalid,
                        frozen.error().cause, "Domain {} cannot be frozen.",
                        name_of(domain));
  auto proof = TRY(pin_frozen(link, domain, live, request, *frozen, began));
  if (proof.is_frozen || request.quiesce == Quiesce::kTry) return proof;
  fold_back(link, domain, request);
  return fail_because(Errc::kStalled, proof.why_not_frozen,
                      "The freeze of domain {} did not hold.", name_of(domain));
}

Result<void> thaw_if_frozen(HostLink& link, virDomainPtr domain) {
  const auto limit = link.config().agent_timeout;
  if (!is_alive(TRY(state_of(domain)))) return {};
  await_agent(link, domain);
  const auto state = inspect_freeze(domain, limit);
  if (!state && means_no_agent(state.error())) return {};
  if (state && *state == FreezeState::kThawed) return {};
  // Frozen, or an agent that is there and tells nothing: a thaw is the safe answer to both.
  CHECK_OK(thaw_surely(domain, limit));
  return {};
}

}  // namespace neph::hypervisor_driver::virt
