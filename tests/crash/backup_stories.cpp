#include <algorithm>

#include "compute/backups.h"
#include "datastore/backups.h"
#include "snapshots/backup_jobs.h"
#include "tests/crash/story.h"

/// Backups and restores. Whoever was not answered looks first whether it has been done.
namespace neph::crash {
namespace {

using compute::Action;

Step has_backup_datastore() {
  return does([](Stage& stage) {
    const auto made = stage.run<DatastoreId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse("NAME=kept\nDS_MAD=fs\nTM_MAD=local\nTYPE=BACKUP_DS");
      return stage.daemon().images.allocate_datastore(txn, stage.admin_, *ask, ClusterId{});
    });
    EXPECT_TRUE(made) << made.error().text();
  });
}

constexpr DatastoreId kKept{100};

std::vector<ImageId> backup_images(db::Txn& txn) {
  std::vector<ImageId> found;
  for (const ImageId id : datastore::list_images_of(txn, kKept)) found.push_back(id);
  return found;
}

/// \param first  the least id that the image can have: what is older was asked for before
Step backs_up(std::int64_t first = 0) {
  return asks([first](Stage& stage, db::Txn& txn) -> Result<void> {
    const auto images = backup_images(txn);
    if (!images.empty() && images.back().value >= first) return {};
    TRY(stage.daemon().snapshots.back_up(txn, stage.admin_, {stage.vm_id, kKept}));
    return {};
  });
}

constexpr BackupJobId kPlan{0};

/// A second VM, and a plan for both.
Step is_planned() {
  return does([](Stage& stage) {
    const VmId other = stage.create_vm("");
    stage.stays_silent(other);
    stage.pass(Duration{5'000});
    const auto made = stage.run<BackupJobId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse(fmt::format(
          "NAME=plan\nDATASTORE_ID={}\nBACKUP_VMS=\"{},{}\"", kKept, stage.vm_id, other));
      return snapshots::create_backup_job(txn, stage.admin_, *ask);
    });
    EXPECT_EQ(made.value_or(BackupJobId{}), kPlan);
  });
}

Step runs_plan() {
  return asks([](Stage&, db::Txn& txn) -> Result<void> {
    if (snapshots::find_backup_job(txn, kPlan)->started.is_set()) return {};
    return snapshots::start_backup_job(txn, kPlan);
  });
}

Step cancels_plan() {
  return asks([](Stage&, db::Txn& txn) { return snapshots::cancel_backup_job(txn, kPlan); });
}

/// \param states  in which its VMs may be
Check plan_is(std::vector<snapshots::MemberState> states) {
  return [states = std::move(states)](Stage& stage, Complaints& complaints) {
    const auto plan = stage.read<snapshots::BackupJob>(
        [](db::Txn& txn) { return snapshots::find_backup_job(txn, kPlan).value(); });
    const bool is_so = std::ranges::all_of(plan.members, [&](const auto& member) {
      return std::ranges::find(states, member.state) != states.end();
    });
    if (!is_so || plan.members.size() != 2)
      complaints.push_back("the VMs of the backup job are not what they should be");
  };
}

Step cancels_backup() {
  return asks([](Stage& stage, db::Txn& txn) {
    return stage.daemon().snapshots.cancel_backup(txn, stage.vm_id);
  });
}

Step keeps_last(int count) {
  return asks([count](Stage& stage, db::Txn& txn) {
    const auto ask =
        text::Template::parse(fmt::format("BACKUP_CONFIG=[KEEP_LAST=\"{}\"]", count));
    return stage.daemon().vms.update_conf(txn, stage.admin_, stage.vm_id, *ask,
                                          /*is_append=*/true);
  });
}

Step restores() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    const auto backups = datastore::list_backups_of(txn, stage.vm_id);
    if (backups.empty()) return fail(Errc::kNotFound, "there is no backup");
    if (compute::find_disk(txn, stage.vm_id, DiskId{0})->path.find(".restored-") !=
        std::string::npos)
      return {};
    TRY(stage.daemon().vms.restore(txn, UserId{0}, stage.vm_id, backups.back(), DiskId{}));
    return {};
  });
}

Check has_backups(std::size_t count) {
  return [count](Stage& stage, Complaints& complaints) {
    const auto found = stage.read<std::vector<ImageId>>(
        [&](db::Txn& txn) { return datastore::list_backups_of(txn, stage.vm_id); });
    const auto images = stage.read<std::vector<ImageId>>(
        [&](db::Txn& txn) { return backup_images(txn); });
    if (found.size() != count || images.size() != count)
      complaints.push_back(fmt::format("{} backups in {} images, not {}", found.size(),
                                       images.size(), count));
  };
}

Check disk_has(int disk, sim::Blocks blocks) {
  return [disk, blocks](Stage& stage, Complaints& complaints) {
    const auto content = stage.world().content_of(stage.disk(stage.vm_id, disk).path);
    if (!content || content->blocks != blocks)
      complaints.push_back(fmt::format("disk {} is not what the backup shows", disk));
  };
}

std::vector<Story> making_stories() {
  const auto runs = vm_is("RUNNING");
  const std::vector<Step> two_disks{has_backup_datastore(), a_vm(2)};
  const auto and_then = [&](Step more) {
    auto steps = two_disks;
    steps.push_back(std::move(more));
    return steps;
  };
  const auto storage_refuses = meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid));
  return {
      {"a VM is backed up while it runs", two_disks, {backs_up(), writes(1, 3, 33)},
       {runs, has_backups(1)}},
      {"a VM is backed up while it is off", and_then(acts(Action::kPoweroff)), {backs_up()},
       {vm_is("POWEROFF"), has_backups(1)}},
      {"a backup is cancelled while it is copied",
       and_then(meets(failing("ensure_copied", sim::kAlways))),
       {soon(backs_up()), cancels_backup()},
       {runs, has_backups(0)}},
      {"a backup is refused by its datastore", and_then(storage_refuses), {backs_up()},
       {runs, has_backups(0)}},
      {"a guest ends while it is backed up", and_then(meets(failing("ensure_copied", 3))),
       {soon(backs_up()), guest_ends()}, {vm_is("POWEROFF"), has_backups(1)}},
      {"a VM is deleted while it is backed up", and_then(meets(failing("ensure_copied", 3))),
       {soon(backs_up()), recovers(compute::Recover::kDelete)}, {vm_is("DONE"), vm_has_no_files()}},
      {"backups beyond the last one go", and_then(keeps_last(1)), {backs_up(), backs_up(2)},
       {runs, has_backups(1)}},
  };
}

std::vector<Story> plan_stories() {
  using snapshots::MemberState;
  const std::vector<Step> planned{has_backup_datastore(), a_vm(), is_planned()};
  auto slow = planned;
  slow.push_back(meets(failing("ensure_copied", sim::kAlways)));
  return {
      {"a backup job runs", planned, {runs_plan()},
       {vm_is("RUNNING"), plan_is({MemberState::kUpdated})}},
      {"a backup job is cancelled", slow, {soon(runs_plan()), cancels_plan()},
       {vm_is("RUNNING"), has_backups(0), plan_is({MemberState::kError, MemberState::kIdle})}},
  };
}

std::vector<Story> returning_stories() {
  const auto off = vm_is("POWEROFF");
  const std::vector<Step> before{has_backup_datastore(), a_vm(2), acts(Action::kPoweroff),
                                 backs_up(), acts(Action::kResume), writes(0, 3, 33),
                                 writes(1, 3, 34), acts(Action::kPoweroff)};
  auto broken = before;
  broken.push_back(meets({.kind = sim::FaultKind::kCopyFails, .verb = "ensure_copied", .after = 1,
                          .times = sim::kAlways, .at = sim::kBlockSize,
                          .error = {Errc::kInvalid, "ordered", ""}}));
  return {
      {"a VM goes back to its backup", before, {restores()},
       {off, disk_has(0, {{0, 7}, {1, 11}, {2, 21}}), disk_has(1, {{0, 7}, {1, 12}, {2, 22}})}},
      {"a restore that fails leaves the disks alone", broken, {restores()},
       {off, disk_has(0, {{0, 7}, {1, 11}, {2, 21}, {3, 33}}),
        disk_has(1, {{0, 7}, {1, 12}, {2, 22}, {3, 34}})}},
  };
}

}  // namespace

std::vector<Story> backup_stories() {
  std::vector<Story> all = making_stories();
  for (Story& story : plan_stories()) all.push_back(std::move(story));
  for (Story& story : returning_stories()) all.push_back(std::move(story));
  return all;
}

}  // namespace neph::crash
