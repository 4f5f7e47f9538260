#include "api/internal/methods.h"
#include "base/lanes.h"
#include "compute/host.h"
#include "compute/vm.h"
#include "jobs/log.h"
#include "jobs/queue.h"
#include "snapshots/backup_jobs.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// Who sees and steers which jobs. VM 0 is alice's; nothing runs the queue here.
class JobMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_job_methods(rows);
    add_disk_methods(rows);
    add_host_methods(rows);
    rooms_.serve(std::move(rows));
    transact([&](db::Txn& txn) {
      compute::Vm vm;
      vm.name = "guest";
      vm.owner = rooms_.alice;
      vm.group = GroupId{1};
      vm.permissions = access::Permissions{0600};
      vm.state = compute::VmState::kActive;
      vm.lcm = compute::LcmState::kBootFailure;
      vm_ = compute::insert_vm(txn, vm);
    });
  }

  void transact(const std::function<void(db::Txn&)>& work) {
    rooms_.store().run([&work](db::Txn& txn) -> Result<void> {
      work(txn);
      return {};
    });
    lanes_.run_until_idle();
  }
  JobId enqueue(const std::string& kind, UserId owner, VmId vm, const std::string& step = "boot") {
    JobId id;
    transact([&](db::Txn& txn) {
      jobs::NewJob fresh;
      fresh.kind = kind;
      fresh.step = step;
      fresh.owner = owner;
      fresh.vm = vm;
      fresh.args.set("MODE", "NEW");
      fresh.wake_key = "never";
      fresh.reason = "the host is busy";
      id = jobs::enqueue(txn, fresh);
    });
    return id;
  }
  void end(JobId id, const jobs::Next& next) {
    transact([&](db::Txn& txn) { jobs::apply(txn, jobs::find(txn, id).value(), next); });
  }
  Told call(const std::string& method, const std::string& params,
            const std::string& session = "alice:alice-token") {
    Told told;
    rooms_.dispatcher().handle(call_of(method, as_string(session) + params), "test",
                               [&](const std::string& body) { told = told_by(body); });
    lanes_.run_until_idle();
    return told;
  }
  Told info(JobId id) { return call("neph.job.info", as_int(id.value)); }
  static bool has(const Told& told, const std::string& text) {
    return told.text.find(text) != std::string::npos;
  }

  static constexpr const char* kAdmin = "oneadmin:root-token";
  ManualLanes lanes_;
  Rooms rooms_{lanes_};
  VmId vm_;
};

TEST_F(JobMethods, InfoShowsTheLogAndTheListDoesNot) {
  const JobId id = enqueue("vm.deploy", rooms_.alice, vm_);
  EXPECT_TRUE(has(info(id), "<TEXT>waits: the host is busy</TEXT>")) << info(id).text;
  const Told list = call("neph.job.list", "");
  EXPECT_TRUE(has(list, "<KIND>vm.deploy</KIND>")) << list.text;
  EXPECT_TRUE(has(list, "<BYTES_TOTAL>"));
  EXPECT_FALSE(has(list, "<LOG>"));
}

TEST_F(JobMethods, WhoMayManageTheVmSeesItsJobsWhoeverAskedForThem) {
  const JobId on_hers = enqueue("vm.halt", UserId{0}, vm_);
  const JobId on_none = enqueue("image.delete", UserId{0}, {});
  EXPECT_TRUE(info(on_hers).is_success);
  EXPECT_EQ(info(on_none).code, 512);
  EXPECT_FALSE(has(call("neph.job.list", ""), "image.delete"));
  EXPECT_TRUE(has(call("neph.job.list", "", kAdmin), "image.delete"));
  EXPECT_FALSE(has(call("neph.job.list", as_int(-3)), "vm.halt")) << "her own alone";
}

TEST_F(JobMethods, AListCanBeOfOneVmAndOfWhatIsNotOver) {
  const JobId over = enqueue("vm.deploy", rooms_.alice, vm_);
  enqueue("vm.sweep", rooms_.alice, VmId{9});
  end(over, jobs::done());
  const auto list = [&](int which, int vm) {
    return call("neph.job.list", as_int(-2) + as_int(which) + as_int(vm));
  };
  EXPECT_TRUE(has(list(0, 0), "vm.deploy"));
  EXPECT_FALSE(has(list(0, 0), "vm.sweep"));
  EXPECT_FALSE(has(list(1, -1), "vm.deploy"));
  EXPECT_TRUE(has(list(1, -1), "vm.sweep"));
  EXPECT_FALSE(list(2, -1).is_success);
}

TEST_F(JobMethods, RetryOfAFailedOneAnswersTheJobThatGoesOn) {
  const JobId failed = enqueue("vm.deploy", rooms_.alice, vm_);
  end(failed, jobs::failed({Errc::kInvalid, "no such machine type", {}}));
  const Told told = call("neph.job.retry", as_int(failed.value));
  ASSERT_TRUE(told.is_success) << told.text;
  EXPECT_GT(told.number, failed.value);
  EXPECT_TRUE(has(info(failed), "tried again by alice")) << info(failed).text;
  transact([&](db::Txn& txn) {
    EXPECT_EQ(compute::find_vm(txn, vm_)->lcm, compute::LcmState::kBoot);
  });
}

TEST_F(JobMethods, RetryOfAWaitingOneMakesItLookNow) {
  const JobId id = enqueue("vm.deploy", rooms_.alice, vm_);
  EXPECT_EQ(call("neph.job.retry", as_int(id.value)).number, id.value);
  EXPECT_TRUE(has(info(id), "<STATE>queued</STATE>"));
  const Told again = call("neph.job.retry", as_int(id.value));
  EXPECT_TRUE(has(again, "is queued")) << again.text;
}

TEST_F(JobMethods, WhatIsOverOrCannotBeStoppedIsNotCancelled) {
  const JobId over = enqueue("vm.deploy", rooms_.alice, vm_);
  end(over, jobs::done());
  EXPECT_TRUE(has(call("neph.job.cancel", as_int(over.value)), "is over: it is done"));
  const JobId sweep = enqueue("vm.sweep", rooms_.alice, vm_);
  EXPECT_TRUE(has(call("neph.job.cancel", as_int(sweep.value)), "cannot be cancelled"));
  const JobId boot = enqueue("vm.deploy", rooms_.alice, vm_);
  EXPECT_EQ(call("neph.job.cancel", as_int(boot.value)).number, boot.value);
  EXPECT_TRUE(has(info(boot), "<CANCEL_ASKED>1</CANCEL_ASKED>"));
}

TEST_F(JobMethods, StrangersSteerNothingAndWhoLostTheRightBeginsNothing) {
  const JobId strange = enqueue("vm.halt", UserId{0}, VmId{9});
  EXPECT_EQ(call("neph.job.cancel", as_int(strange.value)).code, 512);
  EXPECT_EQ(call("neph.job.retry", as_int(strange.value)).code, 512);
  const JobId mine = enqueue("vm.deploy", rooms_.alice, vm_);
  transact([&](db::Txn& txn) {
    auto vm = compute::find_vm(txn, vm_).value();
    vm.owner = UserId{0};
    vm.group = GroupId{0};
    compute::save_vm(txn, vm);
  });
  EXPECT_EQ(call("neph.job.retry", as_int(mine.value)).code, 512);
  EXPECT_EQ(call("neph.job.cancel", as_int(mine.value)).number, mine.value);
  EXPECT_EQ(call("neph.job.cancel", as_int(99), kAdmin).code, 1024);
}

TEST_F(JobMethods, ARunIsSteeredByTheOwnerOfItsBackupJob) {
  BackupJobId plan;
  JobId run;
  transact([&](db::Txn& txn) {
    access::Actor root;
    root.user = UserId{0};
    root.group = GroupId{0};
    root.groups = {GroupId{0}};
    const auto ask = text::Template::parse("NAME=plan").value();
    plan = snapshots::create_backup_job(txn, root, ask).value();
    jobs::NewJob fresh;
    fresh.kind = snapshots::kBackupRun;
    fresh.step = "look";
    fresh.owner = rooms_.alice;
    fresh.args.set("BACKUP_JOB", fmt::format("{}", plan));
    fresh.wake_key = "never";
    run = jobs::enqueue(txn, fresh);
  });
  EXPECT_EQ(call("neph.job.cancel", as_int(run.value)).code, 512);
  EXPECT_EQ(call("neph.job.retry", as_int(run.value)).code, 512);
  transact([&](db::Txn& txn) {
    ASSERT_TRUE(snapshots::chown_backup_job(txn, plan, rooms_.alice, GroupId{1}));
  });
  EXPECT_EQ(call("neph.job.cancel", as_int(run.value)).number, run.value);
}

TEST_F(JobMethods, OnlyAdministratorsDeclareAHostLost) {
  HostId host;
  transact([&](db::Txn& txn) {
    compute::Host silent;
    silent.name = "node1";
    silent.cluster = ClusterId{0};
    silent.error = "no route to host";
    host = compute::insert_host(txn, silent);
  });
  const std::string params = as_int(host.value) + as_string("node1");
  EXPECT_EQ(call("neph.host.lost", params).code, 512);
  EXPECT_EQ(call("neph.host.lost", params, kAdmin).number, host.value);
}

TEST_F(JobMethods, RetainedDisksAreShownToWhoPaysForThem) {
  transact([&](db::Txn& txn) {
    auto vm = compute::find_vm(txn, vm_).value();
    vm.state = compute::VmState::kDone;
    vm.lcm = compute::LcmState::kInit;
    compute::save_vm(txn, vm);
    compute::VmDisk disk;
    disk.vm = vm_;
    disk.id = DiskId{0};
    disk.path = "/ds/0/0/disk.0";
    disk.size_mb = 10;
    disk.is_present = true;
    disk.is_retained = true;
    compute::save_disk(txn, disk);
  });
  const Told hers = call("neph.disk.list", "");
  EXPECT_TRUE(has(hers, "<PATH>/ds/0/0/disk.0</PATH>")) << hers.text;
  EXPECT_TRUE(has(hers, "<UNAME>alice</UNAME>"));
  EXPECT_TRUE(has(call("neph.disk.list", as_int(-2) + as_int(-1), kAdmin), "disk.0"));
  EXPECT_FALSE(has(call("neph.disk.list", as_int(-3), kAdmin), "disk.0"));
  EXPECT_FALSE(has(call("neph.disk.list", as_int(-2) + as_int(3)), "disk.0")) << "another host";
}

}  // namespace
}  // namespace neph::api
