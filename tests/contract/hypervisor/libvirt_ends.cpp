#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include "drivers/hypervisor/libvirt/internal/host_events.h"

/// What a driver says of a domain that is off, from what it saw of it and what libvirt says.
namespace neph::hypervisor_driver::virt {
namespace {

class LibvirtEnds : public testing::Test {
 protected:
  static constexpr const char* kUuid = "9f0cc5b8-4f9a-4d5c-a1a1-0f6f9b8f0b1d";
  [[nodiscard]] StopReason crashed() {
    return events_->refine_shutoff(kUuid, VIR_DOMAIN_SHUTOFF_CRASHED);
  }
  [[nodiscard]] StopReason destroyed() {
    return events_->refine_shutoff(kUuid, VIR_DOMAIN_SHUTOFF_DESTROYED);
  }
  VirtualClock clock_;
  std::shared_ptr<HostEvents> events_ = std::make_shared<HostEvents>(
      HostId{0}, "node1", clock_, std::make_shared<ListenerBox>());
};

TEST_F(LibvirtEnds, ACrashIsOneOnlyOfAGuestThatWasSeenToRun) {
  EXPECT_EQ(crashed(), StopReason::kVanished);
  events_->note_alive(kUuid);
  EXPECT_EQ(crashed(), StopReason::kFailed);
  events_->note_starting(kUuid);
  EXPECT_EQ(crashed(), StopReason::kVanished);
}

TEST_F(LibvirtEnds, AGuestThatIsFoundEndedHasEndedUnseen) {
  events_->note_alive(kUuid);
  EXPECT_EQ(destroyed(), StopReason::kDestroyed);
  (void)events_->shutdown_since(kUuid);
  events_->note_destroying(kUuid);
  EXPECT_EQ(destroyed(), StopReason::kUnknown);
  EXPECT_EQ(crashed(), StopReason::kVanished);
}

TEST_F(LibvirtEnds, ADomainThatNeverCameUpTellsNothing) {
  events_->note_alive(kUuid);
  EXPECT_EQ(events_->refine_shutoff(kUuid, VIR_DOMAIN_SHUTOFF_FAILED), StopReason::kUnknown);
}

}  // namespace
}  // namespace neph::hypervisor_driver::virt
