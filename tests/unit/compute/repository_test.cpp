#include "jobs/queue.h"
#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class ComputeRows : public ComputeTest {
 protected:
  /// What a transaction touched.
  db::ChangeSet touched_by(const std::function<Result<void>(db::Txn&)>& work) {
    const auto outcome = database_->transact(now_, {work});
    EXPECT_FALSE(outcome.errors[0]) << outcome.errors[0]->text();
    return outcome.changes;
  }
  HostId add_host(const std::string& name = "node1") {
    HostId id;
    must([&](db::Txn& txn) -> Result<void> {
      Host host;
      host.name = name;
      host.cluster = ClusterId{0};
      host.vm_mad = "kvm";
      host.uri = "test://" + name;
      id = insert_host(txn, host);
      return {};
    });
    return id;
  }
  static std::pair<ObjectKind, std::int64_t> object(ObjectKind kind, auto id) {
    return {kind, id.value};
  }
};

TEST_F(ComputeRows, KeepEverythingAboutAVm) {
  const auto host = add_host();
  const auto id = add_vm("NAME=web " + kSmall);
  Vm vm;
  must([&](db::Txn& txn) -> Result<void> {
    vm = TRY(find_vm(txn, id));
    vm.state = VmState::kActive;
    vm.lcm = LcmState::kBootPoweroff;
    vm.is_rescheduled = true;
    vm.host = host;
    vm.system_datastore = DatastoreId{0};
    vm.ended = {5000};
    vm.polled = {6000};
    vm.deploy_id = "one-0";
    vm.job = JobId{7};
    vm.pending_reason = "no room";
    vm.wait_reason = "a copy";
    vm.memory_path = "/m";
    vm.rest_grade = datastore::Grade::kShutdown;
    vm.monitoring.set("CPU", "3");
    vm.made_from = TemplateId{9};
    vm.user_attributes.set("NOTE", "\"quoted\" [x]");
    save_vm(txn, vm);
    return {};
  });
  must([&](db::Txn& txn) -> Result<void> {
    const auto found = TRY(find_vm(txn, id));
    EXPECT_EQ(found.name, "web");
    EXPECT_EQ(found.lcm, LcmState::kBootPoweroff);
    EXPECT_TRUE(found.is_rescheduled);
    EXPECT_EQ(found.host, host);
    EXPECT_EQ(found.system_datastore, DatastoreId{0});
    EXPECT_EQ(found.created, now_);
    EXPECT_EQ(found.ended.ms, 5000);
    EXPECT_EQ(found.polled.ms, 6000);
    EXPECT_EQ(found.deploy_id, "one-0");
    EXPECT_EQ(found.job, JobId{7});
    EXPECT_EQ(found.pending_reason + found.wait_reason + found.memory_path, "no rooma copy/m");
    EXPECT_EQ(found.rest_grade, datastore::Grade::kShutdown);
    EXPECT_EQ(found.monitoring, vm.monitoring);
    EXPECT_EQ(found.made_from, TemplateId{9});
    EXPECT_EQ(found.attributes, vm.attributes);
    EXPECT_EQ(found.user_attributes, vm.user_attributes);
    EXPECT_EQ(find_vm(txn, VmId{99}).error().message, "Error getting virtual machine [99].");
    return {};
  });
}

TEST_F(ComputeRows, WakeWhoWaitsOnlyWhenTheStateChanges) {
  const auto id = add_vm(kSmall);
  JobId job;
  const auto is_waiting = [&] {
    bool waits = false;
    must([&](db::Txn& txn) -> Result<void> {
      waits = TRY(jobs::find(txn, job)).state == jobs::JobState::kWaiting;
      return {};
    });
    return waits;
  };
  must([&](db::Txn& txn) -> Result<void> {
    jobs::NewJob fresh;
    fresh.kind = "test";
    fresh.step = "wait";
    fresh.wake_key = state_key(id);
    job = jobs::enqueue(txn, fresh);
    auto vm = TRY(find_vm(txn, id));
    vm.name = "other";
    save_vm(txn, vm);
    return {};
  });
  EXPECT_TRUE(is_waiting());
  must([&](db::Txn& txn) -> Result<void> {
    auto vm = TRY(find_vm(txn, id));
    vm.state = VmState::kHold;
    save_vm(txn, vm);
    return {};
  });
  EXPECT_FALSE(is_waiting());
}

TEST_F(ComputeRows, TouchEverythingThatShowsTheVm) {
  add_image();
  const auto first = add_host("first");
  const auto second = add_host("second");
  const auto id = add_vm(kSmall + "DISK=[IMAGE_ID=0]");
  const auto move = [&](HostId host, VmState state, UserId owner) {
    return touched_by([&, host, state, owner](db::Txn& txn) -> Result<void> {
      auto vm = TRY(find_vm(txn, id));
      vm.host = host;
      vm.state = state;
      vm.owner = owner;
      save_vm(txn, vm);
      return {};
    });
  };
  move(first, VmState::kActive, alice_.user);
  const auto moved = move(second, VmState::kActive, bob_.user).all();
  for (const auto& each :
       {object(ObjectKind::kVm, id), object(ObjectKind::kHost, first),
        object(ObjectKind::kHost, second), object(ObjectKind::kUser, alice_.user),
        object(ObjectKind::kUser, bob_.user), object(ObjectKind::kGroup, alice_.group)}) {
    EXPECT_THAT(moved, Contains(each));
  }
  EXPECT_THAT(moved, Not(Contains(object(ObjectKind::kImage, ImageId{0}))));
  const auto ended = move(second, VmState::kDone, bob_.user).all();
  EXPECT_THAT(ended, Contains(object(ObjectKind::kImage, ImageId{0})));
}

TEST_F(ComputeRows, ListVmsByWhatTheyAreDoing) {
  const auto host = add_host();
  for (int number = 0; number < 4; ++number) add_vm(kSmall);
  sql(fmt::format("UPDATE vms SET host_id = {}, state = 6 WHERE id = 0", host));
  sql(fmt::format("UPDATE vms SET host_id = {}, state = 3 WHERE id = 1", host));
  sql("UPDATE vms SET state = 2 WHERE id = 2");
  must([&](db::Txn& txn) -> Result<void> {
    EXPECT_THAT(list_vms(txn, Which::kAll), ElementsAre(VmId{0}, VmId{1}, VmId{2}, VmId{3}));
    EXPECT_THAT(list_vms(txn, Which::kLiving), ElementsAre(VmId{1}, VmId{2}, VmId{3}));
    EXPECT_THAT(list_vms_on(txn, host), ElementsAre(VmId{1}));
    EXPECT_THAT(list_pending_vms(txn), ElementsAre(VmId{3}));
    return {};
  });
}

TEST_F(ComputeRows, KeepDisksAndHistory) {
  add_image();
  const auto id = add_vm(kSmall + "DISK=[IMAGE_ID=0]");
  must([&](db::Txn& txn) -> Result<void> {
    auto disk = TRY(find_disk(txn, id, DiskId{0}));
    const auto attributes = disk.attributes;
    disk.path = "/p";
    disk.overlay_path = "/o";
    disk.is_present = true;
    disk.is_retained = true;
    disk.format = datastore_driver::Format::kRaw;
    save_disk(txn, disk);
    const auto again = TRY(find_disk(txn, id, DiskId{0}));
    EXPECT_EQ(live_path(again), "/o");
    EXPECT_TRUE(again.is_present && again.is_retained);
    EXPECT_EQ(again.format, datastore_driver::Format::kRaw);
    EXPECT_EQ(again.attributes, attributes);
    EXPECT_EQ(again.image, ImageId{0});
    EXPECT_EQ(list_retained_disks(txn).size(), 1U);
    EXPECT_EQ(find_disk(txn, id, DiskId{4}).error().message, "VM 0 has no disk 4");

    HistoryRecord record;
    record.host = HostId{3};
    record.host_name = "gone";
    record.started = {1000};
    save_history(txn, id, record);
    record.ended = {9000};
    record.action = HistoryAction::kPoweroff;
    save_history(txn, id, record);
    record.seq = 1;
    record.by_user = UserId{0};
    save_history(txn, id, record);
    const auto history = list_history(txn, id);
    EXPECT_EQ(history.size(), 2U);
    EXPECT_EQ(history.at(0).ended.ms, 9000);
    EXPECT_EQ(history.at(0).action, HistoryAction::kPoweroff);
    EXPECT_FALSE(history.at(0).by_user.is_set());
    EXPECT_EQ(history.at(1).by_user, UserId{0});
    return {};
  });
}

TEST_F(ComputeRows, FindTheDomainOnlyOfAVmThatHasAHost) {
  const auto host = add_host();
  const auto id = add_vm(kSmall);
  must([&](db::Txn& txn) -> Result<void> {
    const auto without = find_domain(txn, id);
    EXPECT_EQ(without.error().code, Errc::kWrongState);
    EXPECT_EQ(without.error().message, "VM 0 is on no host");
    auto vm = TRY(find_vm(txn, id));
    vm.host = host;
    save_vm(txn, vm);
    const auto domain = TRY(find_domain(txn, id));
    EXPECT_EQ(domain.ref.name, "one-0");
    EXPECT_EQ(domain.ref.uuid, vm.uuid);
    EXPECT_EQ(domain.ref.host.uri, "test://node1");
    EXPECT_EQ(domain.vm_mad, "kvm");
    return {};
  });
}

TEST_F(ComputeRows, CountWhatVmsTakeOfAHost) {
  const auto host = add_host();
  for (int number = 0; number < 4; ++number) add_vm("CPU=0.1 MEMORY=10\nDISK=[TYPE=fs, SIZE=5]");
  sql(fmt::format("UPDATE vms SET host_id = {}", host));
  sql("UPDATE vms SET state = 3 WHERE id = 0");
  sql("UPDATE vms SET state = 8 WHERE id = 1");
  sql("UPDATE vms SET state = 9 WHERE id = 2");
  sql("UPDATE vms SET state = 6 WHERE id = 3");
  must([&](db::Txn& txn) -> Result<void> {
    const auto use = host_use(txn, host);
    EXPECT_THAT(use.vms, ElementsAre(VmId{0}, VmId{1}));
    EXPECT_EQ(use.cpu_percent, 20);
    EXPECT_EQ(use.memory_kb, 20 * 1024);
    EXPECT_EQ(use.disk_mb, 10);
    EXPECT_EQ(use.running, 1);
    return {};
  });
}

TEST_F(ComputeRows, MakeTheDefaultClusterOnce) {
  add_host();
  must([&](db::Txn& txn) -> Result<void> {
    bootstrap_clusters(txn);
    EXPECT_THAT(list_clusters(txn), ElementsAre(ClusterId{0}));
    const auto cluster = TRY(find_cluster(txn, ClusterId{0}));
    EXPECT_EQ(cluster.name, "default");
    EXPECT_THAT(cluster.hosts, ElementsAre(HostId{0}));
    EXPECT_THAT(cluster.datastores, ElementsAre(DatastoreId{0}, DatastoreId{1}));
    return {};
  });
}

TEST(ComputeNames, AreThoseOfTheWire) {
  EXPECT_EQ(name_of(VmState::kCloningFailure), "CLONING_FAILURE");
  EXPECT_EQ(shown_name(VmState::kActive, LcmState::kShutdownPoweroff), "SHUTDOWN_POWEROFF");
  EXPECT_EQ(shown_name(VmState::kPoweroff, LcmState::kInit), "POWEROFF");
  std::vector<int> named;
  for (int number = 0; number <= 80; ++number) {
    if (!name_of(static_cast<LcmState>(number)).empty()) named.push_back(number);
  }
  EXPECT_THAT(named, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20,
                                 21, 22, 23, 24, 25, 29, 30, 31, 32, 33, 34, 35, 36, 37, 39, 40,
                                 41, 42, 43, 45, 47, 48, 49, 50, 51, 52, 53, 54, 56, 57, 59, 62,
                                 63, 64, 69, 70, 71));
}

}  // namespace
}  // namespace neph::compute
