#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"

namespace neph::hypervisor_driver {

/// One host, one image, both sim drivers and a clock turned by hand.
class SimBench : public testing::Test {
 protected:
  explicit SimBench(sim::WorldConfig config = {.evidence = sim::Evidence::kContents})
      : world_(clock_, std::move(config)) {
    world_.put_image(kBase, datastore_driver::Format::kQcow2, Bytes::megabytes(10), {{0, 7}});
    hypervisor_.listen([this](const GuestEvent& event) { events_.push_back(event); });
  }

  [[nodiscard]] static DomainSpec spec(const std::string& name, const std::string& path = kBase) {
    return {.name = name,
            .uuid = "uuid-of-" + name,
            .memory = Bytes::megabytes(64),
            .disks = {{.path = path, .format = "qcow2", .target = "vda"}}};
  }
  [[nodiscard]] DomainRef ref(const std::string& name) const {
    return {host_, name, "uuid-of-" + name};
  }
  void start(const std::string& name) {
    const auto fact = hypervisor_.ensure_started(host_, spec(name));
    ASSERT_TRUE(fact) << fact.error().text();
  }
  [[nodiscard]] int count(GuestEvent::Kind kind) const {
    int found = 0;
    for (const GuestEvent& event : events_) found += event.kind == kind ? 1 : 0;
    return found;
  }
  [[nodiscard]] static PinRequest pin_request(Quiesce quiesce = Quiesce::kTry) {
    return {.disks = {{"vda", kOverlay}}, .quiesce = quiesce};
  }

  static constexpr const char* kBase = "/images/base";
  static constexpr const char* kOverlay = "/images/base.job-1";
  const HostRef host_{HostId{1}, "node1", ""};
  VirtualClock clock_;
  sim::SimWorld world_;
  SimHypervisor hypervisor_{world_};
  datastore_driver::SimDatastore datastore_{world_};
  std::vector<GuestEvent> events_;
  NoProgress no_progress_;
};

}  // namespace neph::hypervisor_driver
