#include <algorithm>
#include <functional>

#include "access/directory.h"
#include "base/log.h"
#include "base/numbers.h"
#include "compute/backups.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_job_rows.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/snapshot_service.h"

/// Runs of backup jobs. The rows of a backup job say what is to be done; the job of a run looks at
/// them when one of them has changed, and begins what may begin.
namespace neph::snapshots {
namespace {

using jobs::Job;
using jobs::Next;

constexpr std::string_view kBackupJobKey = "BACKUP_JOB";
constexpr Duration kRunLookInterval{60'000};
/// A VM that is at something else is looked at so often ...
constexpr Duration kBusyInterval{10'000};
/// ... and for so long from its turn; then it is in ERROR.
constexpr Duration kBusyPatience{600'000};
/// So many VMs are looked at in one transaction; others have their turn between two of them.
constexpr int kBegunAtOnceMax = 16;

std::string run_key(BackupJobId id) { return fmt::format("backupjob/{}", id); }

bool is_in(const BackupMember& member, MemberState state) { return member.state == state; }

bool has_any(const BackupJob& job, MemberState state) {
  return std::ranges::any_of(job.members, [&](const auto& one) { return is_in(one, state); });
}

bool is_under_way(const BackupJob& job) {
  return has_any(job, MemberState::kOutdated) || has_any(job, MemberState::kBackingUp);
}

void put(db::Txn& txn, BackupJobId job, BackupMember& member, MemberState state,
         std::string error = {}) {
  member.state = state;
  member.error = std::move(error);
  if (state != MemberState::kBackingUp) member.image = {};
  save_member(txn, job, member);
}

void drop_ended(db::Txn& txn, BackupJob& job) {
  std::erase_if(job.members, [&](const BackupMember& member) {
    // A backup that is being made is made to its end, and so is its row.
    if (is_in(member, MemberState::kBackingUp) || is_living(txn, member.vm)) return false;
    delete_member(txn, job.id, member.vm);
    log::info("backupjob.vm_left", {{"backup_job", job.id}, {"vm", member.vm}});
    return true;
  });
}

/// A VM that was named before there was one is the job's now, if it may be.
void make_outdated(db::Txn& txn, const BackupJob& job, BackupMember& member) {
  if (!is_in(member, MemberState::kNamed)) return put(txn, job.id, member, MemberState::kOutdated);
  const auto owner = owner_of(txn, job);
  const Result<void> may =
      owner ? check_claim(txn, *owner, job.id, member.vm) : tl::unexpected(owner.error());
  if (may) return put(txn, job.id, member, MemberState::kOutdated);
  put(txn, job.id, member, MemberState::kNamed, may.error().text());
}

/// Lets the job of the run look, or makes one.
void go_on(db::Txn& txn, BackupJob job) {
  if (!has_any(job, MemberState::kOutdated)) return;
  if (jobs::is_open(txn, job.run)) return jobs::wake(txn, run_key(job.id));
  jobs::NewJob run;
  run.kind = kBackupRun;
  run.step = "look";
  run.owner = job.owner;
  run.args.set(kBackupJobKey, fmt::format("{}", job.id));
  job.run = jobs::enqueue(txn, run);
  save_backup_job(txn, job);
}

/// Since when a VM was refused in this run, as an argument of its job.
std::string waits_key(VmId vm) { return fmt::format("WAITS_{}_MS", vm); }

/// The row may say more than `run`, which was read before this transaction's other VMs.
void change_waits(db::Txn& txn, JobId run, const std::function<void(text::Template&)>& change) {
  const auto job = jobs::find(txn, run);
  if (!job) return;
  text::Template args = job->args;
  change(args);
  jobs::save_args(txn, run, args);
}

/// From now on, if it was not before.
Instant waits_since(db::Txn& txn, const Job& run, VmId vm) {
  const std::string key = waits_key(vm);
  if (const auto known = natural_from(run.args.get(key))) return {*known};
  const auto now = fmt::format("{}", txn.at().ms);
  change_waits(txn, run.id, [&](text::Template& args) { args.set(key, now); });
  return txn.at();
}

void wait_no_more(db::Txn& txn, const Job& run, VmId vm) {
  const std::string key = waits_key(vm);
  if (!run.args.has(key)) return;
  change_waits(txn, run.id, [&](text::Template& args) { args.erase(key); });
}

/// At something that ends by itself.
bool is_busy(db::Txn& txn, VmId id) {
  const auto vm = compute::find_vm(txn, id);
  if (!vm) return false;
  if (jobs::is_open(txn, vm->job)) return true;
  const auto disks = compute::list_disks(txn, id);
  return std::ranges::any_of(disks, [&](const compute::VmDisk& disk) {
    const auto open = list_open_of_disk(txn, id, disk.id);
    return std::ranges::any_of(open, [](const Snapshot& one) {
      return one.phase != Phase::kArmed && one.phase != Phase::kFailed;
    });
  });
}

bool may_wait(db::Txn& txn, const Job& run, VmId id, const Error& error) {
  return error.code == Errc::kWrongState && is_busy(txn, id) &&
         txn.at() - waits_since(txn, run, id) < kBusyPatience;
}

Result<ImageId> begin_backup_of(db::Txn& txn, const SnapshotService& service, const BackupJob& job,
                                VmId id) {
  const auto owner = TRY(owner_of(txn, job));
  const auto vm = TRY(compute::find_vm(txn, id));
  CHECK_OK(access::authorize(txn, owner, access::Op::kManage, compute::subject_of(vm)));
  const auto store = natural_from(job.attributes.get("DATASTORE_ID"));
  return service.back_up(txn, owner,
                         {id, DatastoreId{store.value_or(-1)},
                          compute::backup_keys_of(job.attributes)});
}

/// \returns why it has to wait; empty: it does not
std::string begin_member(db::Txn& txn, const SnapshotService& service, const Job& run,
                         const BackupJob& job, BackupMember& member) {
  const auto begun = begin_backup_of(txn, service, job, member.vm);
  if (!begun && may_wait(txn, run, member.vm, begun.error()))
    return fmt::format("VM {}: {}", member.vm, begun.error().text());
  wait_no_more(txn, run, member.vm);
  if (begun) {
    member.image = *begun;
    put(txn, job.id, member, MemberState::kBackingUp);
    return {};
  }
  put(txn, job.id, member, MemberState::kError, begun.error().text());
  log::warn("backupjob.refused", {{"backup_job", job.id},
                                  {"vm", member.vm},
                                  {"error", begun.error().text()}});
  return {};
}

Next look_at_run(db::Txn& txn, const SnapshotService& service, const Job& run) {
  auto found = find_backup_job(txn, backup_job_of(run));
  if (!found) return jobs::done("the backup job was deleted");
  BackupJob& job = *found;
  drop_ended(txn, job);
  const bool is_parallel = job.attributes.get("EXECUTION") == "PARALLEL";
  std::string reason;
  int begun = 0;
  for (BackupMember& member : job.members) {
    if (!is_in(member, MemberState::kOutdated)) continue;
    if (!is_parallel && has_any(job, MemberState::kBackingUp)) break;
    if (begun == kBegunAtOnceMax) return jobs::go("look");
    const std::string wait = begin_member(txn, service, run, job, member);
    if (wait.empty()) ++begun;
    if (reason.empty()) reason = wait;
  }
  if (!is_under_way(job)) return run.is_cancel_asked ? jobs::cancelled() : jobs::done();
  const Duration pause = reason.empty() ? kRunLookInterval : kBusyInterval;
  return jobs::wait_for(run_key(job.id), pause,
                        reason.empty() ? "backups of its VMs are being made" : reason);
}

/// Whoever waits for its turn is in ERROR; backups that are being made end by themselves.
void abandon_run(db::Txn& txn, const Job& run, const Error& error) {
  auto job = find_backup_job(txn, backup_job_of(run));
  if (!job) return;
  for (BackupMember& member : job->members)
    if (is_in(member, MemberState::kOutdated))
      put(txn, job->id, member, MemberState::kError, error.text());
}

}  // namespace

Result<void> start_backup_job(db::Txn& txn, BackupJobId id) {
  auto job = TRY(find_backup_job(txn, id));
  if (is_under_way(job))
    return fail(Errc::kWrongState,
                "backup job {} is under way: wait until its backups are made, or cancel it", id);
  drop_ended(txn, job);
  for (BackupMember& member : job.members) make_outdated(txn, job, member);
  job.started = txn.at();
  job.ended = {};
  save_backup_job(txn, job);
  go_on(txn, job);
  log::info("backupjob.started", {{"backup_job", id}, {"vms", job.members.size()}});
  return {};
}

Result<void> cancel_backup_job(db::Txn& txn, BackupJobId id) {
  auto job = TRY(find_backup_job(txn, id));
  for (BackupMember& member : job.members) {
    if (is_in(member, MemberState::kOutdated)) {
      put(txn, id, member, MemberState::kIdle);
      continue;
    }
    if (!is_in(member, MemberState::kBackingUp)) continue;
    // Where there is nothing to cancel there is nobody left to tell how it has ended.
    const auto asked = cancel_backup(txn, member.image);
    if (!asked) put(txn, id, member, MemberState::kError, asked.error().text());
  }
  jobs::wake(txn, run_key(id));
  return {};
}

Result<void> retry_backup_job(db::Txn& txn, BackupJobId id) {
  auto job = TRY(find_backup_job(txn, id));
  if (!has_any(job, MemberState::kError)) return {};
  if (!is_under_way(job)) {
    job.started = txn.at();
    job.ended = {};
    save_backup_job(txn, job);
  }
  for (BackupMember& member : job.members)
    if (is_in(member, MemberState::kError)) put(txn, id, member, MemberState::kOutdated);
  go_on(txn, job);
  return {};
}

void note_member_over(db::Txn& txn, ImageId image, const Result<void>& outcome) {
  auto found = find_member_by_image(txn, image);
  if (!found) return;
  put(txn, found->job, found->member, outcome ? MemberState::kUpdated : MemberState::kError,
      outcome ? std::string{} : outcome.error().text());
  if (auto job = find_backup_job(txn, found->job)) {
    job->ended = txn.at();
    save_backup_job(txn, *job);
  }
  jobs::wake(txn, run_key(found->job));
}

BackupJobId backup_job_of(const Job& run) {
  return BackupJobId{natural_from(run.args.get(kBackupJobKey)).value_or(-1)};
}

jobs::KindSpec backup_run(const SnapshotService& service) {
  jobs::KindSpec kind{std::string(kBackupRun), {}};
  jobs::StepSpec look{.name = "look"};
  look.plan = [&service](db::Txn& txn, const Job& run) -> Result<jobs::Work> {
    return jobs::at_once(look_at_run(txn, service, run));
  };
  kind.steps = {look};
  kind.abandon = &abandon_run;
  return kind;
}

}  // namespace neph::snapshots
