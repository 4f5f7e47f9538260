#include "compute/host.h"
#include "compute/vm_template.h"
#include "jobs/queue.h"
#include "tests/unit/snapshots/bench.h"

namespace neph::snapshots {
namespace {

using datastore::Grade;
using datastore::ImageState;

class HotSnapshot : public SnapshotBench {};

TEST_F(HotSnapshot, ShowsTheDiskAtItsInstantAlthoughTheGuestWritesOn) {
  write(1, 11);
  const auto before = on_disk();
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kWaiting);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kFrozen);
  write(1, 99);
  settle(Duration{10'000});

  const Snapshot done = snapshot(made.id);
  EXPECT_EQ(done.phase, Phase::kReady) << done.reason << done.error;
  EXPECT_EQ(content(done), before);
  EXPECT_EQ(on_disk().blocks.at(1), 99u);
  EXPECT_EQ(image(done.image)->state, ImageState::kReady);
  EXPECT_EQ(image(done.image)->size_mb, 10);
  expect_tidy();
}

TEST_F(HotSnapshot, TellsItsProvenanceOnTheImage) {
  const Snapshot done = snapshot(ask_one(hot()).id);
  const auto row = image(done.image);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->owner, alice_.user);
  EXPECT_TRUE(row->is_persistent);
  EXPECT_EQ(row->attributes.get("SAVED_VM_ID"), "0");
  EXPECT_EQ(row->attributes.get("SAVED_DISK_ID"), "0");
  EXPECT_EQ(row->attributes.get("DEV_PREFIX"), "vd");
  const auto* facts = row->attributes.find_vector("SNAPSHOT");
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->get("GRADE"), "frozen");
  EXPECT_EQ(facts->get("KIND"), "HOT");
  EXPECT_EQ(facts->get("SHA256"), done.sha256);
  EXPECT_FALSE(facts->has("PHASE"));
}

TEST_F(HotSnapshot, OfTwoDisksShowsOneInstant) {
  write(2, 21, "vda");
  write(2, 22, "vdb");
  Request request = hot("both");
  request.disks = {DiskId{0}, DiskId{1}};
  const auto made = ask(request);
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_EQ(made->size(), 2u);
  const Snapshot first = snapshot((*made)[0].id);
  const Snapshot second = snapshot((*made)[1].id);
  EXPECT_EQ(first.set, second.set);
  EXPECT_EQ(first.captured, second.captured);
  EXPECT_EQ(first.image_name, "both-disk0");
  EXPECT_EQ(content(first).blocks.at(2), 21u);
  EXPECT_EQ(content(second).blocks.at(2), 22u);
  expect_tidy();
}

TEST_F(HotSnapshot, IsGradedCrashWithoutAnAgentAfterWaitingForIt) {
  world_.set_agent(kGuest, sim::Agent::kAbsent);
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kPinning);
  settle(Duration{4'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kCrash);
  expect_tidy();
}

TEST_F(HotSnapshot, ThatRequiresAFreezeFailsWithTheAgentsWordsAndLeavesNoLayer) {
  world_.set_agent(kGuest, sim::Agent::kAbsent);
  Request request = hot();
  request.quiesce = hypervisor_driver::Quiesce::kRequire;
  const Snapshot made = ask_one(request);
  settle(Duration{5'000});
  const Snapshot failed = snapshot(made.id);
  EXPECT_EQ(failed.phase, Phase::kFailed);
  EXPECT_NE(failed.error.find("agent is not connected"), std::string::npos) << failed.error;
  EXPECT_EQ(image(made.image)->state, ImageState::kError);
  EXPECT_EQ(disk().overlay_path, "");
  EXPECT_EQ(on_disk(), world_.guest_content(kGuest, "vda").value());

  stop_guest();
  start_guest();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kFailed);
  world_.set_agent(kGuest, sim::Agent::kPresent);
  ASSERT_TRUE(retry(made.id));
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kFrozen);
  expect_tidy();
}

TEST_F(HotSnapshot, ThatFailedKeepsTheDiskOfAVmThatEnds) {
  world_.set_agent(kGuest, sim::Agent::kAbsent);
  Request request = hot();
  request.quiesce = hypervisor_driver::Quiesce::kRequire;
  const Snapshot made = ask_one(request);
  settle(Duration{5'000});
  write(8, 81);
  end_vm();
  EXPECT_TRUE(disk().is_retained);
  ASSERT_TRUE(retry(made.id));
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady) << snapshot(made.id).error;
  EXPECT_EQ(snapshot(made.id).grade, Grade::kShutdown);
  EXPECT_EQ(content(made).blocks.at(8), 81u);
  EXPECT_FALSE(hold(made.id));
}

TEST_F(HotSnapshot, RetriedAfterAFailedCopyShowsTheSameInstant) {
  write(3, 31);
  const auto before = on_disk();
  world_.inject({.kind = sim::FaultKind::kCopyFails,
                 .verb = "ensure_copied",
                 .error = {Errc::kInvalid, "I/O error", "EIO"}});
  const Snapshot made = ask_one(hot());
  const Snapshot failed = snapshot(made.id);
  ASSERT_EQ(failed.phase, Phase::kFailed);
  EXPECT_NE(failed.error.find("EIO"), std::string::npos) << failed.error;
  EXPECT_EQ(hold(made.id)->state, datastore::HoldState::kPinned);
  write(3, 77);

  ASSERT_TRUE(retry(made.id));
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).captured, failed.captured);
  EXPECT_EQ(content(made), before);
  expect_tidy();
}

TEST_F(HotSnapshot, WaitsForAHostThatIsCutOffAndGoesOn) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_pinned", .times = 2});
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kWaiting);
  EXPECT_NE(snapshot(made.id).reason.find("waiting for host"), std::string::npos);
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  expect_tidy();
}

TEST_F(HotSnapshot, AdoptsAPinWhoseAnswerWasLost) {
  write(4, 41);
  const auto before = on_disk();
  world_.inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_pinned"});
  const Snapshot made = ask_one(hot());
  write(4, 42);
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(content(made), before);
  expect_tidy();
}

TEST_F(HotSnapshot, IsTakenAtRestWhenTheGuestStopsFirst) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_pinned", .times = 1});
  const Snapshot made = ask_one(hot());
  stop_guest();
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kShutdown);
  expect_tidy();
}

TEST_F(HotSnapshot, TakesAFileThatNeverBecameALayerForNone) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_pinned", .times = 1});
  const Snapshot made = ask_one(hot());
  world_.put_file(snapshot(made.id).pin_path, {});
  stop_guest();
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady) << snapshot(made.id).reason;
  EXPECT_EQ(snapshot(made.id).grade, Grade::kShutdown);
  expect_tidy();
}

TEST_F(HotSnapshot, FindsTheLayerOfAPinWhoseGuestStoppedUnseen) {
  write(5, 51);
  const auto before = on_disk();
  world_.inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_pinned"});
  const Snapshot made = ask_one(hot());
  write(5, 52);
  stop_guest(datastore::GuestEnd::kCut);
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady) << snapshot(made.id).error;
  EXPECT_EQ(snapshot(made.id).grade, Grade::kCrash);
  EXPECT_EQ(content(made), before);
  EXPECT_EQ(on_disk().blocks.at(5), 52u);
  expect_tidy();
}

TEST_F(HotSnapshot, FoldsBackAtRestWhenTheGuestStopsDuringTheCopy) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const Snapshot made = ask_one(hot());
  write(6, 61);
  stop_guest();
  ASSERT_TRUE(may_boot());
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(on_disk().blocks.at(6), 61u);
  expect_tidy();
}

TEST_F(HotSnapshot, WaitsForSpaceWithTheFiguresAndGoesOnByItself) {
  world_.set_space("/ds/1", Bytes{sim::kBlockSize.value + 1});
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kWaiting);
  EXPECT_NE(snapshot(made.id).reason.find("waiting for space: needs 1 MB"), std::string::npos)
      << snapshot(made.id).reason;
  world_.set_space("/ds/1", Bytes::megabytes(100));
  settle(Duration{20'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  expect_tidy();
}

TEST_F(HotSnapshot, WaitsWhenTheDatastoreRunsFullDuringTheCopy) {
  world_.inject({.kind = sim::FaultKind::kDiskFull, .verb = "ensure_copied"});
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kWaiting);
  EXPECT_EQ(image(made.image)->state, ImageState::kLocked);
  settle(Duration{60'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  expect_tidy();
}

TEST_F(HotSnapshot, OfAnUnreachableHostIsRefused) {
  change([&](db::Txn& txn) {
    auto host = compute::find_host(txn, HostId{0}).value();
    host.is_reachable = false;
    compute::save_host(txn, host);
  });
  const auto refused = ask(hot());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
}

TEST_F(HotSnapshot, ASecondOneOfADiskUnderWayIsRefusedNamingTheFirst) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const Snapshot first = ask_one(hot());
  const auto refused = ask(hot("other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_NE(refused.error().message.find(fmt::format("snapshot {}", first.id)),
            std::string::npos);
}

TEST_F(HotSnapshot, RightsThatAreGoneAtTheCaptureFailItWithTheReason) {
  set_stand(compute::VmState::kActive, compute::LcmState::kBoot);
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kWaiting);
  change([&](db::Txn& txn) { txn.exec("DELETE FROM acls"); });
  set_stand(compute::VmState::kActive, compute::LcmState::kRunning);
  const Snapshot failed = snapshot(made.id);
  EXPECT_EQ(failed.phase, Phase::kFailed);
  EXPECT_NE(failed.error.find("CREATE IMAGE"), std::string::npos) << failed.error;
  EXPECT_TRUE(hold(made.id));
}

TEST_F(HotSnapshot, RefusesWhatIsNoDiskOfData) {
  const auto become = [&](compute::DiskKind kind, const std::string& type) {
    change([&](db::Txn& txn) {
      auto row = compute::find_disk(txn, vm_, DiskId{0}).value();
      row.kind = kind;
      row.image = {};
      row.image_datastore = {};
      row.attributes.set("TYPE", type);
      compute::save_disk(txn, row);
    });
  };
  become(compute::DiskKind::kCdrom, "CDROM");
  EXPECT_EQ(ask(hot()).error().code, Errc::kInvalid);
  become(compute::DiskKind::kContext, "");
  EXPECT_EQ(ask(hot()).error().code, Errc::kInvalid);
  become(compute::DiskKind::kVolatile, "swap");
  EXPECT_EQ(ask(hot()).error().code, Errc::kInvalid);
  become(compute::DiskKind::kVolatile, "fs");
  EXPECT_NE(ask(hot()).error().message.find("say in which datastore"), std::string::npos);
  Request named = hot();
  named.datastore = DatastoreId{1};
  const Snapshot made = ask_one(named);
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(image(made.image)->type, datastore::ImageType::kDatablock);
  named.name = "elsewhere";
  named.datastore = DatastoreId{0};
  EXPECT_EQ(ask(named).error().code, Errc::kInvalid);
}

TEST_F(HotSnapshot, RefusesNamesThatAreTakenAndVmsWithoutDisks) {
  EXPECT_EQ(ask(hot("base")).error().code, Errc::kConflict);
  EXPECT_EQ(ask(hot("")).error().code, Errc::kInvalid);
  Request twice = hot();
  twice.disks = {DiskId{0}, DiskId{0}};
  EXPECT_EQ(ask(twice).error().code, Errc::kInvalid);
  set_stand(compute::VmState::kPending);
  EXPECT_EQ(ask(hot()).error().code, Errc::kWrongState);
  set_stand(compute::VmState::kActive, compute::LcmState::kUnknown);
  EXPECT_EQ(ask(hot()).error().code, Errc::kWrongState);
  set_stand(compute::VmState::kDone);
  EXPECT_EQ(ask(hot()).error().code, Errc::kWrongState);
}

TEST_F(HotSnapshot, OfAGuestThatItsHostHoldsIsRefused) {
  set_stand(compute::VmState::kSuspended);
  change([&](db::Txn& txn) {
    auto row = compute::find_vm(txn, vm_).value();
    row.memory_path.clear();
    compute::save_vm(txn, row);
  });
  EXPECT_EQ(ask(hot()).error().code, Errc::kWrongState);
  EXPECT_EQ(snapshot(ask_one(deferred()).id).phase, Phase::kArmed);
}

TEST_F(HotSnapshot, OfAPersistentDiskThatEndsIsFoldedBackIntoItsImage) {
  change([&](db::Txn& txn) {
    auto row = compute::find_disk(txn, vm_, DiskId{0}).value();
    row.is_persistent = true;
    compute::save_disk(txn, row);
  });
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const Snapshot made = ask_one(hot());
  write(7, 71);
  end_vm();
  settle(Duration{10'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_FALSE(content(made).blocks.contains(7));
  EXPECT_EQ(world_.content_of(kPath)->blocks.at(7), 71u);
  expect_tidy();
}

TEST_F(HotSnapshot, FoldsBackLaterWhenSomebodyElseWorksOnTheDisk) {
  change([&](db::Txn& txn) {
    jobs::NewJob other;
    other.kind = "image.hash";
    other.step = "hash";
    other.wake_key = "test";
    const auto job = jobs::find(txn, jobs::enqueue(txn, other)).value();
    ASSERT_TRUE(jobs::claim(txn, job, compute::disk_resource(vm_, DiskId{0})));
  });
  const Snapshot made = ask_one(hot());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(files_like(".snap-").size(), 1u);
  change([&](db::Txn& txn) { jobs::wake(txn, "test"); });
  expect_tidy();
}

TEST_F(HotSnapshot, ClonesTheTemplateOfTheVmWithTheNewImage) {
  Request request = hot();
  request.clones_template = true;
  EXPECT_EQ(ask(request).error().code, Errc::kInvalid);
  change([&](db::Txn& txn) {
    const auto ask = text::Template::parse(
        "NAME = small\nMEMORY = 64\nDISK = [ IMAGE_ID = 0, TARGET = vda ]\n"
        "DISK = [ IMAGE = base ]");
    const auto made = compute::create_template(txn, alice_, compute::Settings{}, *ask);
    ASSERT_TRUE(made) << made.error().text();
    auto row = compute::find_vm(txn, vm_).value();
    row.made_from = *made;
    compute::save_vm(txn, row);
  });
  const Snapshot made = ask_one(request);
  read([&](db::Txn& txn) {
    const auto copy = compute::find_template(txn, TemplateId{1});
    ASSERT_TRUE(copy) << copy.error().text();
    EXPECT_EQ(copy->name, fmt::format("saved-{}", made.image));
    const auto disks = copy->attributes.vectors("DISK");
    ASSERT_EQ(disks.size(), 2u);
    EXPECT_EQ(disks[0]->get("IMAGE_ID"), fmt::format("{}", made.image));
    EXPECT_EQ(disks[0]->get("TARGET"), "vda");
    EXPECT_EQ(disks[1]->get("IMAGE"), "base");
  });
}

TEST_F(HotSnapshot, ThatIsOverQuotaLeavesNothing) {
  change([&](db::Txn& txn) {
    txn.exec(
        "INSERT INTO quota_limits(owner_kind, owner_id, section, key, metric, limit_value) "
        "VALUES (1, ?, 'DATASTORE', '1', 'SIZE', 15)",
        alice_.user);
  });
  const auto refused = ask(hot());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  read([&](db::Txn& txn) {
    EXPECT_TRUE(list_snapshots(txn).empty());
    EXPECT_EQ(datastore::list_images(txn).size(), 1u);
  });
  expect_tidy();
}

}  // namespace
}  // namespace neph::snapshots
