#include <fmt/format.h>

#include "tests/e2e/cloud.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/libvirt_hosts.h"
#include "tests/e2e/waiting.h"

/// Hosts with a libvirtd of their own, over a directory that they share.
namespace neph::e2e {
namespace {

class GuestHosts : public testing::Test {
 protected:
  void SetUp() override {
    if (!network_.is_possible()) GTEST_SKIP() << "no network namespaces or no libvirtd here";
    cloud_ = std::make_unique<Cloud>(std::vector<std::string>{"EMBEDDED_HOST=NO"});
    for (int number : {1, 2}) {
      hosts_[number - 1] = std::make_unique<LibvirtHost>(number, cloud_->folder());
      hosts_[number - 1]->start();
    }
  }
  void TearDown() override {
    if (HasFailure() && cloud_) std::printf("nephd said:\n%s", cloud_->complaints().c_str());
  }

  std::int64_t create_on(const std::string& name, std::int64_t host) {
    return cloud_->create_guest(
        {.name = name,
         .context = {{"MARKER", name}, {"WORKLOAD", "yes"}},
         .more = fmt::format("SCHED_REQUIREMENTS=\"ID={}\"\n", host)});
  }

  void expect_marker(const Shot& shot, const std::string& marker) {
    FileSystemCopy content(cloud_->image_path(shot.image), cloud_->folder());
    EXPECT_EQ(content.faults(Shutdown::kAny), "");
    EXPECT_EQ(content.read("/marker"), marker + "\n");
    const auto order = judge_order(content.extract("/A"), content.extract("/B"));
    EXPECT_TRUE(order.is_kept) << order.words;
  }

  HostNetwork network_;
  std::unique_ptr<Cloud> cloud_;
  std::unique_ptr<LibvirtHost> hosts_[2];
};

TEST_F(GuestHosts, OneHostGoesOnWhileTheOtherDiesWithAnArmedSnapshot) {
  constexpr std::int64_t kError = 3;
  constexpr std::int64_t kMonitored = 2;
  const auto first = cloud_->add_host(hosts_[0]->name(), hosts_[0]->uri());
  const auto second = cloud_->add_host(hosts_[1]->name(), hosts_[1]->uri());
  const auto lost = create_on("lost", first);
  const auto going_on = create_on("going-on", second);
  EXPECT_EQ(cloud_->await_ready(lost), "lost");
  EXPECT_EQ(cloud_->await_ready(going_on), "going-on");
  cloud_->await_line(lost, "IOWRITER number");
  cloud_->await_line(going_on, "IOWRITER number");
  EXPECT_EQ(cloud_->vm(lost).number("HISTORY_RECORDS/HISTORY/HID"), first);
  EXPECT_EQ(cloud_->vm(going_on).number("HISTORY_RECORDS/HISTORY/HID"), second);

  const auto of_lost = cloud_->take(lost, "of-lost", "KIND=HOT QUIESCE=REQUIRE");
  const auto of_going_on = cloud_->take(going_on, "of-going-on", "KIND=HOT QUIESCE=REQUIRE");
  cloud_->await_phase(of_lost, "ready");
  cloud_->await_phase(of_going_on, "ready");
  expect_marker(of_lost, "lost");
  expect_marker(of_going_on, "going-on");

  const auto armed = cloud_->take(lost, "armed", "KIND=DEFERRED");
  hosts_[0]->kill();
  cloud_->await_host(first, kError);
  cloud_->await_state(lost, "UNKNOWN");
  EXPECT_EQ(cloud_->phase(armed), "armed");
  EXPECT_NE(cloud_->refusal("neph.snapshot.capture", {armed.id}), "")
      << "nobody knows yet that the guest is dead";
  const auto meanwhile = cloud_->take(going_on, "meanwhile", "KIND=HOT");
  cloud_->await_phase(meanwhile, "ready");
  expect_marker(meanwhile, "going-on");

  hosts_[0]->start();
  cloud_->await_host(first, kMonitored);
  cloud_->await_state(lost, "POWEROFF");
  EXPECT_EQ(cloud_->phase(armed), "armed");
  cloud_->call_id("neph.snapshot.capture", {armed.id});
  cloud_->await_phase(armed, "ready");
  EXPECT_EQ(cloud_->snapshot(armed).get("GRADE"), "crash");
  expect_marker(armed, "lost");
  for (const auto vm : {lost, going_on}) cloud_->act(vm, "terminate-hard");
  for (const auto vm : {lost, going_on}) cloud_->await_state(vm, "DONE");
  EXPECT_TRUE(cloud_->leftovers().empty()) << cloud_->leftovers().front();
}

}  // namespace
}  // namespace neph::e2e
