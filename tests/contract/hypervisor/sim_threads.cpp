#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/lanes.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"

namespace neph::hypervisor_driver {
namespace {

TEST(SimThreads, ManyLanesMayUseOneWorld) {
  constexpr int kTasks = 200;
  SystemClock clock;
  sim::SimWorld world(clock);
  SimHypervisor hypervisor(world);
  datastore_driver::SimDatastore datastore(world);
  std::atomic<int> events = 0;
  std::atomic<int> left = kTasks;
  std::promise<void> done;
  hypervisor.listen([&](const GuestEvent&) { ++events; });
  ThreadLanes lanes(clock, {.drivers = 4});
  for (int task = 0; task < kTasks; ++task) {
    lanes.drivers().post([&, task] {
      NoProgress progress;
      const std::string name = fmt::format("one-{}", task);
      const HostRef host{HostId{task % 3}, fmt::format("node{}", task % 3), ""};
      const DomainRef guest{host, name, name};
      const datastore_driver::Layer disk{"/d/" + name, datastore_driver::Format::kRaw};
      EXPECT_TRUE(datastore.ensure_created(disk, Bytes::megabytes(1)));
      EXPECT_TRUE(hypervisor.ensure_started(
          host, {.name = name,
                 .uuid = name,
                 .disks = {{.path = disk.path, .format = "raw", .target = "vda"}}}));
      EXPECT_TRUE(hypervisor.ensure_pinned(guest, {.disks = {{"vda", disk.path + ".pin"}}}));
      EXPECT_TRUE(world.guest_writes(name, "vda", 0, 1));
      EXPECT_TRUE(datastore.ensure_copied(
          disk, {disk.path + ".image", datastore_driver::Format::kQcow2}, std::nullopt, progress));
      EXPECT_TRUE(
          hypervisor.ensure_unpinned(guest, {"vda", disk.path + ".pin"}, disk.path, progress));
      EXPECT_TRUE(hypervisor.ensure_destroyed(guest));
      if (--left == 0) done.set_value();
    });
  }
  done.get_future().wait();
  lanes.stop();
  EXPECT_EQ(events, 2 * kTasks);
  EXPECT_TRUE(world.violations().empty());
}

}  // namespace
}  // namespace neph::hypervisor_driver
