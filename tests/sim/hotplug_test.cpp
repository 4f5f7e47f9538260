#include "access/quota.h"
#include "datastore/image.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;

class HotplugTest : public Site {
 protected:
  Result<void> attach(VmId vm, const std::string& disk) {
    const auto ask = text::Template::parse("DISK=[" + disk + "]").value();
    return change(
        [&](db::Txn& txn) { return daemon().vms.attach_disk(txn, admin_, vm, ask); });
  }
  Result<void> attach_base(VmId vm) {
    return attach(vm, fmt::format("IMAGE_ID=\"{}\"", base_));
  }
  Result<void> detach(VmId vm, int disk) {
    return change([&](db::Txn& txn) {
      return daemon().vms.detach_disk(txn, UserId{0}, vm, DiskId{disk});
    });
  }
  Result<void> resize_disk(VmId vm, int disk, std::int64_t size_mb) {
    return change([&](db::Txn& txn) {
      return daemon().vms.resize_disk(txn, UserId{0}, vm, DiskId{disk}, size_mb);
    });
  }
  std::vector<compute::VmDisk> disks(VmId vm) {
    return read<std::vector<compute::VmDisk>>(
        [&](db::Txn& txn) { return compute::list_disks(txn, vm); });
  }
  std::vector<compute::VmNic> nics(VmId vm) {
    return read<std::vector<compute::VmNic>>(
        [&](db::Txn& txn) { return compute::list_nics(txn, vm); });
  }
  double used(const std::string& metric) {
    return read<double>([&](db::Txn& txn) {
      for (const auto& quota : access::list_quotas(txn, access::QuotaOwner::kUser, 0)) {
        if (quota.metric == metric) return quota.used;
      }
      return 0.0;
    });
  }
  std::size_t users_of_base() {
    return read<std::size_t>(
        [&](db::Txn& txn) { return datastore::image_use(txn, base_).vms.size(); });
  }
  void fails_for_a_while(std::string_view verb, int times) {
    world().inject({.kind = sim::FaultKind::kError,
                    .verb = std::string(verb),
                    .times = times,
                    .error = {Errc::kUnavailable, "busy", "simulated"}});
  }
  bool guest_has(VmId vm, const std::string& target) {
    const auto domain = world().find_domain(compute::domain_name(vm));
    return domain && domain->find_disk(target) != nullptr;
  }
};

TEST_F(HotplugTest, ADiskIsAttachedToARunningGuestAndTakenOutAgain) {
  const VmId id = create_vm();
  const double before = used("SYSTEM_DISK_SIZE");
  ASSERT_TRUE(attach_base(id));
  EXPECT_EQ(shown(id), "RUNNING");
  ASSERT_EQ(disks(id).size(), 2u);
  EXPECT_EQ(disk(id, 1).target, "vdb");
  EXPECT_FALSE(disk(id, 1).attributes.has("ATTACH"));
  EXPECT_TRUE(guest_has(id, "vdb"));
  EXPECT_EQ(used("SYSTEM_DISK_SIZE"), before + 100);
  ASSERT_TRUE(detach(id, 1));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 1u);
  EXPECT_FALSE(guest_has(id, "vdb"));
  EXPECT_EQ(used("SYSTEM_DISK_SIZE"), before);
  EXPECT_EQ(files_of(id), std::vector<std::string>{"disk.0"});
  ASSERT_TRUE(attach_base(id));
  EXPECT_EQ(disks(id).back().id, DiskId{2}) << "no number is given twice";
}

TEST_F(HotplugTest, ADiskAttachedWhileOffIsThereAtTheNextStart) {
  const VmId id = create_vm();
  act(id, Action::kPoweroff);
  ASSERT_TRUE(attach(id, "TYPE=fs,SIZE=10,DEV_PREFIX=vd"));
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, datastore::Grade::kShutdown);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_TRUE(guest_has(id, "vdb"));
}

TEST_F(HotplugTest, APersistentImageIsWrittenToItselfAndStaysWhenItIsDetached) {
  const auto made = run<ImageId>([&](db::Txn& txn) {
    const auto ask = text::Template::parse(
        "NAME=data\nSIZE=20\nTYPE=DATABLOCK\nDRIVER=qcow2\nPERSISTENT=YES");
    return daemon().images.allocate(txn, admin_, *ask, DatastoreId{1});
  });
  pass(Duration{20'000});
  const std::string source = image(made.value())->source;
  const VmId id = create_vm();
  for (const bool is_running : {true, false}) {
    if (!is_running) act(id, Action::kPoweroff);
    ASSERT_TRUE(attach(id, fmt::format("IMAGE_ID=\"{}\"", made.value())));
    EXPECT_EQ(disks(id).back().path, source);
    EXPECT_EQ(files_of(id), std::vector<std::string>{"disk.0"});
    const std::string target = disks(id).back().target;
    if (is_running) {
      ASSERT_TRUE(world().guest_writes(compute::domain_name(id), target, 5, 55)) << target;
    }
    ASSERT_TRUE(detach(id, static_cast<int>(disks(id).back().id.value)));
    EXPECT_EQ(disks(id).size(), 1u);
    EXPECT_EQ(blocks_of(made.value()), (sim::Blocks{{5, 55}}));
  }
}

TEST_F(HotplugTest, ARefusedAttachLeavesNothingAndSaysWhy) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_disk_attached",
                  .error = {Errc::kInvalid, "no more slots", "simulated"}});
  ASSERT_TRUE(attach_base(id));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 1u);
  EXPECT_EQ(files_of(id), std::vector<std::string>{"disk.0"});
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("no more slots"), std::string::npos);
  EXPECT_EQ(vm(id).disk_mb, 100);
}

TEST_F(HotplugTest, AnAttachWhoseAnswerWasLostIsTriedAgainAndDone) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_disk_attached"});
  ASSERT_TRUE(attach_base(id));
  pass(Duration{10'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_TRUE(guest_has(id, "vdb"));
  EXPECT_EQ(disks(id).size(), 2u);
}

TEST_F(HotplugTest, AGuestThatKeepsADiskHasItStill) {
  const VmId id = create_vm();
  ASSERT_TRUE(attach_base(id));
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_disk_detached",
                  .times = sim::kAlways,
                  .error = {Errc::kStalled, "the guest keeps it", "simulated"}});
  ASSERT_TRUE(detach(id, 1));
  EXPECT_EQ(shown(id), "HOTPLUG");
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 2u);
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("keeps it"), std::string::npos);
}

TEST_F(HotplugTest, AnArmedSnapshotKeepsItsDiskByName) {
  const VmId id = create_vm();
  ASSERT_TRUE(attach_base(id));
  snapshots::Request ask;
  ask.vm = id;
  ask.disks = {DiskId{1}};
  ask.name = "kept";
  ask.kind = snapshots::Kind::kDeferred;
  const auto made = request(ask);
  ASSERT_TRUE(made) << made.error().text();
  const auto refused = detach(id, 1);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(fmt::format("snapshot {}", made->front().id)),
            std::string::npos);
  EXPECT_FALSE(resize_disk(id, 1, 200));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(HotplugTest, ADiskGrowsOnTopOfALayerThatASnapshotReads) {
  const VmId id = create_vm();
  fails_for_a_while("ensure_copied", sim::kAlways);
  const auto saved = take(id, snapshots::Kind::kHot, "now");
  ASSERT_FALSE(disk(id).overlay_path.empty());
  ASSERT_TRUE(resize_disk(id, 0, 150));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disk(id).size_mb, 150);
  EXPECT_EQ(world().content_of(disk(id).path)->virtual_size, Bytes::megabytes(100));
  world().clear_faults();
  pass(Duration{120'000});
  EXPECT_EQ(snapshot(saved.id).phase, snapshots::Phase::kReady);
  EXPECT_EQ(image(saved.image)->size_mb, 100) << "as it was at the instant";
  EXPECT_TRUE(disk(id).overlay_path.empty());
  EXPECT_EQ(world().content_of(disk(id).path)->virtual_size, Bytes::megabytes(150));
}

TEST_F(HotplugTest, AChangeOfADiskWaitsForASnapshotThatIsBeingTaken) {
  const VmId id = create_vm();
  fails_for_a_while("ensure_pinned", 2);
  const auto pinning = take(id, snapshots::Kind::kHot, "first");
  ASSERT_TRUE(resize_disk(id, 0, 150));
  EXPECT_EQ(shown(id), "DISK_RESIZE");
  EXPECT_NE(vm(id).wait_reason.find("snapshot of disk 0"), std::string::npos);
  pass(Duration{30'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disk(id).size_mb, 150);
  EXPECT_EQ(image(pinning.image)->size_mb, 100);
  ASSERT_TRUE(attach_base(id));
  fails_for_a_while("ensure_copied", 2);
  snapshots::Request ask;
  ask.vm = id;
  ask.disks = {DiskId{1}};
  ask.name = "second";
  const auto copying = request(ask);
  ASSERT_TRUE(copying) << copying.error().text();
  ASSERT_TRUE(detach(id, 1));
  EXPECT_EQ(shown(id), "HOTPLUG");
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 1u);
  EXPECT_EQ(snapshot(copying->front().id).phase, snapshots::Phase::kReady);
  EXPECT_EQ(files_of(id), std::vector<std::string>{"disk.0"});
}

TEST_F(HotplugTest, AChangeDoesNotWaitForEverAndNamesWhatItWaitedFor) {
  const VmId id = create_vm();
  fails_for_a_while("ensure_copied", sim::kAlways);
  const auto saved = take(id, snapshots::Kind::kHot, "now");
  ASSERT_TRUE(detach(id, 0));
  EXPECT_EQ(shown(id), "HOTPLUG");
  pass(Duration{90'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 1u);
  EXPECT_FALSE(disk(id).attributes.has("ATTACH"));
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find(fmt::format("snapshot {}", saved.id)),
            std::string::npos);
}

TEST_F(HotplugTest, TheSameIsRefusedInStatesThatDoNotAllowIt) {
  const VmId id = create_vm();
  act(id, Action::kSuspend);
  EXPECT_EQ(shown(id), "SUSPENDED");
  EXPECT_EQ(attach_base(id).error().code, Errc::kWrongState);
  EXPECT_EQ(detach(id, 0).error().code, Errc::kWrongState);
}

TEST_F(HotplugTest, ImageUseAndLockedImagesAreMinded) {
  const VmId id = create_vm();
  EXPECT_EQ(users_of_base(), 1u);
  const auto saved = take(id, snapshots::Kind::kDeferred, "later");
  const auto refused = attach(id, fmt::format("IMAGE_ID=\"{}\"", saved.image));
  ASSERT_FALSE(refused);
  EXPECT_EQ(disks(id).size(), 1u);
}

TEST_F(HotplugTest, APowerCutBehindAnyTaskEndsAttachedOrWithNothingLeft) {
  for (int cut = 0; cut < 40; ++cut) {
    const VmId id = create_vm();
    const auto ask =
        text::Template::parse(fmt::format("DISK=[IMAGE_ID=\"{}\"]", base_)).value();
    daemon().store.run([&](db::Txn& txn) -> Result<void> {
      return daemon().vms.attach_disk(txn, admin_, id, ask);
    });
    bool is_idle = false;
    for (int task = 0; task < cut && !is_idle; ++task) is_idle = !lanes().run_one();
    kill();
    pass(Duration{120'000});
    EXPECT_EQ(shown(id), "RUNNING") << cut;
    EXPECT_EQ(guest_has(id, "vdb"), disks(id).size() == 2u) << cut;
    EXPECT_EQ(files_of(id).size(), disks(id).size()) << cut;
    EXPECT_EQ(open_jobs().size(), 0u) << cut;
    act(id, Action::kTerminateHard);
    EXPECT_EQ(files_of(id), std::vector<std::string>{}) << cut;
    if (is_idle) return;
  }
  ADD_FAILURE() << "attaching never came to an end";
}

TEST_F(HotplugTest, AVmDeletedInTheMiddleTakesItsNewDiskAlong) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_disk_attached",
                  .times = sim::kAlways});
  ASSERT_TRUE(attach_base(id));
  EXPECT_EQ(shown(id), "HOTPLUG");
  ASSERT_TRUE(recover(id, Recover::kDelete));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(HotplugTest, RecoverFailureEndsAnAttachThatNeverEnds) {
  const VmId id = create_vm();
  world().hang_host(host_);
  ASSERT_TRUE(attach_base(id));
  ASSERT_TRUE(recover(id, Recover::kFailure));
  world().restore_host(host_);
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disks(id).size(), 1u);
  EXPECT_FALSE(guest_has(id, "vdb"));
}

TEST_F(HotplugTest, ADiskGrowsWhileItsGuestRunsAndWhileItIsOff) {
  const VmId id = create_vm();
  ASSERT_TRUE(resize_disk(id, 0, 150));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disk(id).size_mb, 150);
  EXPECT_EQ(used("SYSTEM_DISK_SIZE"), 150);
  EXPECT_FALSE(resize_disk(id, 0, 150)) << "only larger";
  act(id, Action::kPoweroff);
  ASSERT_TRUE(resize_disk(id, 0, 200));
  EXPECT_EQ(shown(id), "POWEROFF");
  const auto content = world().content_of(disk(id).path);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->virtual_size, Bytes::megabytes(200));
}

TEST_F(HotplugTest, AResizeThatFailsGivesTheSizeBack) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_disk_resized",
                  .error = {Errc::kInvalid, "cannot", "simulated"}});
  ASSERT_TRUE(resize_disk(id, 0, 150));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disk(id).size_mb, 100);
  EXPECT_EQ(disk(id).attributes.get("SIZE"), "100");
  EXPECT_FALSE(disk(id).attributes.has("SIZE_PREV"));
  EXPECT_EQ(used("SYSTEM_DISK_SIZE"), 100);
}

TEST_F(HotplugTest, NicsComeAndGo) {
  const VmId id = create_vm();
  const auto ask = text::Template::parse("NIC=[BRIDGE=br0]").value();
  const auto attach_nic = [&] {
    return change([&](db::Txn& txn) { return daemon().vms.attach_nic(txn, admin_, id, ask); });
  };
  ASSERT_TRUE(attach_nic());
  EXPECT_EQ(shown(id), "RUNNING");
  ASSERT_EQ(nics(id).size(), 1u);
  EXPECT_EQ(world().find_domain(compute::domain_name(id))->nics.size(), 1u);
  const auto other = text::Template::parse("NIC=[BRIDGE=br1]").value();
  ASSERT_TRUE(change([&](db::Txn& txn) {
    return daemon().vms.update_nic(txn, admin_, id, NicId{0}, other, /*is_append=*/true);
  }));
  EXPECT_EQ(world().find_domain(compute::domain_name(id))->nics[0].source, "br1");
  ASSERT_TRUE(change(
      [&](db::Txn& txn) { return daemon().vms.detach_nic(txn, UserId{0}, id, NicId{0}); }));
  EXPECT_TRUE(nics(id).empty());
  EXPECT_TRUE(world().find_domain(compute::domain_name(id))->nics.empty());
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_nic_attached",
                  .error = {Errc::kInvalid, "no such bridge", "simulated"}});
  ASSERT_TRUE(attach_nic());
  EXPECT_TRUE(nics(id).empty());
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("no such bridge"), std::string::npos);
}

TEST_F(HotplugTest, AVmThatIsOffTakesAnotherCapacityIfItsHostHasIt) {
  world().add_host(host_, {.cpu_percent = 400});
  pass(Duration{120'000});
  const VmId id = create_vm();
  using Room = compute::VmService::HostRoom;
  const auto resize = [&](const std::string& text) {
    const auto ask = text::Template::parse(text).value();
    return change([&](db::Txn& txn) {
      return daemon().vms.resize(txn, admin_, id, ask, Room::kEnforced);
    });
  };
  EXPECT_FALSE(resize("CPU=2")) << "while it runs";
  act(id, Action::kPoweroff);
  ASSERT_TRUE(resize("CPU=2\nMEMORY=128"));
  EXPECT_EQ(vm(id).cpu, 2);
  EXPECT_EQ(vm(id).memory_mb, 128);
  EXPECT_FALSE(resize("CPU=5")) << "the host has four";
  EXPECT_FALSE(resize("MEMORY=0"));
  act(id, Action::kResume);
  EXPECT_EQ(world().find_domain(compute::domain_name(id))->memory, Bytes::megabytes(128));
}

TEST_F(HotplugTest, TheBootOrderOfANicIsThatOfTheVm) {
  const VmId id = create_vm(
      "OS=[BOOT=\"disk0,nic0\"]\nNIC=[BRIDGE=br0]\nNIC=[BRIDGE=br1,ORDER=1]");
  const auto order = [&](int nic) {
    return nics(id).at(static_cast<std::size_t>(nic)).attributes.get("ORDER", "none");
  };
  EXPECT_EQ(order(0), "2");
  EXPECT_EQ(order(1), "none");
  const auto ask = text::Template::parse("NIC=[BRIDGE=br2,ORDER=1]").value();
  for (const bool is_append : {true, false}) {
    ASSERT_TRUE(change([&](db::Txn& txn) {
      return daemon().vms.update_nic(txn, admin_, id, NicId{0}, ask, is_append);
    }));
    EXPECT_EQ(order(0), "2");
  }
}

TEST_F(HotplugTest, ConfigurationChangesKeepIdentityAndContextDisk) {
  const VmId id = create_vm("CONTEXT=[GREETING=hello]");
  const std::string uuid = vm(id).uuid;
  act(id, Action::kPoweroff);
  const auto ask =
      text::Template::parse("CONTEXT=[GREETING=bye]\nOS=[BOOT=disk0]").value();
  const auto updated = change(
      [&](db::Txn& txn) { return daemon().vms.update_conf(txn, admin_, id, ask, false); });
  ASSERT_TRUE(updated) << updated.error().text();
  EXPECT_EQ(vm(id).uuid, uuid);
  EXPECT_EQ(vm(id).attributes.find_vector("OS")->get("UUID"), uuid);
  const auto iso = world().find_file(disk(id, 1).path);
  ASSERT_TRUE(iso.has_value());
  EXPECT_NE(iso->texts.at("context.sh").find("GREETING='bye'"), std::string::npos);
  const auto refused = text::Template::parse("CPU=2").value();
  EXPECT_FALSE(change(
      [&](db::Txn& txn) { return daemon().vms.update_conf(txn, admin_, id, refused, true); }));
}

}  // namespace
}  // namespace neph
