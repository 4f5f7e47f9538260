#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/contract/hypervisor/sim_bench.h"

namespace neph::hypervisor_driver {
namespace {

class SimJournal : public testing::Test {
 protected:
  SimJournal() {
    std::string pattern = "/tmp/neph-sim-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~SimJournal() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return directory_ / "world"; }

  /// A daemon's life: the world as the journal tells it, and both drivers.
  struct Life {
    explicit Life(const std::string& path) : world(clock, {.journal_path = path}) {}
    VirtualClock clock;
    sim::SimWorld world;
    SimHypervisor hypervisor{world};
    datastore_driver::SimDatastore datastore{world};
  };

  std::filesystem::path directory_;
  const HostRef host_{HostId{1}, "node1", ""};
  const DomainRef guest_{host_, "one-1", "u1"};
  const DomainSpec spec_{.name = "one-1",
                         .uuid = "u1",
                         .vcpus = 2,
                         .memory = Bytes::megabytes(64),
                         .disks = {{.path = "/d/disk", .format = "raw", .target = "vda"}}};
};

TEST_F(SimJournal, GuestsAreFoundRunningByTheNextDaemon) {
  const datastore_driver::Layer disk{"/d/disk", datastore_driver::Format::kRaw};
  {
    Life life(path());
    ASSERT_TRUE(life.datastore.ensure_directory("/d/empty"));
    ASSERT_TRUE(life.datastore.ensure_created(disk, Bytes::megabytes(1)));
    ASSERT_TRUE(life.hypervisor.ensure_started(host_, spec_));
    ASSERT_TRUE(life.world.guest_writes("one-1", "vda", 3, ~std::uint64_t{0}));
  }
  Life life(path());
  const auto fact = life.hypervisor.inspect_domain(guest_);
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->power, Power::kRunning);
  EXPECT_EQ(fact->memory, Bytes::megabytes(64));
  EXPECT_EQ(life.world.content_of("/d/disk")->blocks, (sim::Blocks{{3, ~std::uint64_t{0}}}));
  EXPECT_TRUE(life.datastore.list_files("/d/empty"));
  // The index of used files is there again, too.
  ASSERT_TRUE(life.datastore.ensure_deleted("/d/disk"));
  EXPECT_EQ(life.world.violations().size(), 1U);
}

TEST_F(SimJournal, WhatIsGoneStaysGone) {
  {
    Life life(path());
    life.world.put_image("/d/disk", datastore_driver::Format::kRaw, Bytes::megabytes(1), {});
    ASSERT_TRUE(life.hypervisor.ensure_started(host_, spec_));
    ASSERT_TRUE(life.hypervisor.ensure_destroyed(guest_));
    ASSERT_TRUE(life.hypervisor.ensure_undefined(guest_));
    ASSERT_TRUE(life.datastore.ensure_deleted("/d/disk"));
  }
  Life life(path());
  EXPECT_EQ(life.hypervisor.inspect_domain(guest_)->power, Power::kMissing);
  EXPECT_TRUE(life.world.list_files().empty());
}

TEST_F(SimJournal, ATornLastLineIsIgnored) {
  {
    Life life(path());
    life.world.put_image("/d/disk", datastore_driver::Format::kRaw, Bytes::megabytes(1), {});
  }
  std::ofstream(path(), std::ios::app) << R"({"file":"/d/half","for)";
  EXPECT_EQ(Life(path()).world.list_files(), std::vector<std::string>{"/d/disk"});
}

TEST_F(SimJournal, AFileThatIsNoJournalIsLeftAlone) {
  std::ofstream(path()) << "dear diary\n";
  EXPECT_TRUE(Life(path()).world.list_files().empty());
  std::string line;
  std::getline(std::ifstream(path()), line);
  EXPECT_EQ(line, "dear diary");
}

TEST_F(SimJournal, StaysSmallHoweverOftenThingsChange) {
  Life life(path());
  for (int round = 0; round < 30'000; ++round)
    life.world.put_image("/d/disk", datastore_driver::Format::kRaw, Bytes{65536 + round}, {});
  EXPECT_LT(std::filesystem::file_size(path()), 4'000'000U);
  EXPECT_EQ(Life(path()).world.find_file("/d/disk")->virtual_size, Bytes{65536 + 29'999});
}

TEST_F(SimJournal, AConjuredDiskLetsAGuestStartAndGoesWithIt) {
  VirtualClock clock;
  sim::SimWorld world(clock, {.missing_disk = sim::MissingDisk::kConjured});
  SimHypervisor hypervisor(world);
  EXPECT_TRUE(hypervisor.ensure_started(host_, spec_));
  EXPECT_TRUE(world.find_file("/d/disk"));
  EXPECT_TRUE(hypervisor.ensure_destroyed(guest_));
  EXPECT_TRUE(hypervisor.ensure_undefined(guest_));
  EXPECT_FALSE(world.find_file("/d/disk"));
}

}  // namespace
}  // namespace neph::hypervisor_driver
