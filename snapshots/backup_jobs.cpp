#include "snapshots/backup_jobs.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "access/directory.h"
#include "base/numbers.h"
#include "base/words.h"
#include "compute/backups.h"
#include "compute/schedule.h"
#include "snapshots/internal/backup_job_rows.h"

/// What backup jobs are; what they do: backup_runs.cpp.
namespace neph::snapshots {
namespace {

constexpr std::string_view kVms = "BACKUP_VMS";
/// What is no part of the plan's text: columns, rows, and what only the server says.
constexpr auto kNoText =
    std::to_array<std::string_view>({"NAME", "PRIORITY", "SCHED_ACTION", kVms, "ERROR"});
/// What is one word or one list, if it is there and not empty.
constexpr auto kPlain = std::to_array<std::string_view>(
    {"NAME", "PRIORITY", kVms, "EXECUTION", "MODE", "DATASTORE_ID", "KEEP_LAST", "FS_FREEZE",
     "BACKUP_VOLATILE", "DISK_IDS"});
/// Backups take no permissions from whoever asks for them.
constexpr int kNoUmask = 0;
/// All of them are read and written together.
constexpr std::size_t kVmsMax = 4'096;
/// Words that clients write in any case.
constexpr auto kWords = std::to_array<std::string_view>({"EXECUTION", "FS_FREEZE", "MODE"});

Result<void> check_backup_job_name(db::Txn& txn, BackupJobId id, UserId owner,
                                   const std::string& name) {
  CHECK_OK(access::check_name("backup job", name));
  const auto other = find_backup_job_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by BACKUP JOB {}.", *other);
}

Result<int> priority_from(std::int64_t number) {
  if (number >= 0 && number <= kBackupPriorityMax) return static_cast<int>(number);
  return fail(Errc::kInvalid, "Wrong priority value {}: 0 to {}", number, kBackupPriorityMax);
}

Result<int> priority_in(const access::Actor& actor, const text::Template& ask) {
  if (!ask.has("PRIORITY")) return BackupJob{}.priority;
  const auto number = integer_from(ask.get("PRIORITY"));
  const int priority = TRY(priority_from(number.value_or(-1)));
  if (priority <= kBackupPriorityOfAdmins || actor.is_admin()) return priority;
  return fail(Errc::kDenied, "Only administrators give a backup job a PRIORITY above {}",
              kBackupPriorityOfAdmins);
}

Result<void> check_plan(const text::Template& plan) {
  const std::string execution = plan.get("EXECUTION");
  if (execution != "SEQUENTIAL" && execution != "PARALLEL")
    return fail(Errc::kInvalid, "EXECUTION \"{}\" is not one of SEQUENTIAL, PARALLEL", execution);
  const std::string store = plan.get("DATASTORE_ID");
  if (!store.empty() && !natural_from(store))
    return fail(Errc::kInvalid, "DATASTORE_ID \"{}\" is no number of a datastore", store);
  CHECK_OK(compute::read_backup_config(compute::backup_keys_of(plan)));
  return plan.check_limits();
}

/// What of a template is kept as text.
Result<text::Template> plan_from(text::Template ask) {
  for (const auto name : kPlain) {
    if (ask.find_vector(name) != nullptr)
      return fail(Errc::kInvalid, "{} of a backup job is no vector", name);
    if (ask.get(name).empty()) ask.erase(name);
  }
  for (const auto name : kNoText) ask.erase(name);
  if (ask.get("DATASTORE_ID") == "-1") ask.erase("DATASTORE_ID");
  for (const auto name : kWords)
    if (ask.has(name)) ask.set(name, upper(ask.get(name)));
  if (ask.get("EXECUTION").empty()) ask.set("EXECUTION", "SEQUENTIAL");
  if (ask.get("MODE").empty()) ask.set("MODE", "FULL");
  CHECK_OK(check_plan(ask));
  return ask;
}

Result<std::vector<VmId>> vm_ids_from(std::string_view list) {
  std::vector<VmId> vms;
  std::set<VmId> known;
  for (const auto word : between_commas(list)) {
    const auto id = natural_from(without_blanks(word));
    if (!id)
      return fail(Errc::kInvalid, "BACKUP_VMS \"{}\" is not a list of VMs like \"3,1,7\"", list);
    if (known.insert(VmId{*id}).second) vms.push_back(VmId{*id});
    if (vms.size() > kVmsMax)
      return fail(Errc::kInvalid, "BACKUP_VMS names more than {} VMs", kVmsMax);
  }
  return vms;
}

/// The order of the list is that of the backups. VMs that stay keep what they are.
Result<void> put_members(db::Txn& txn, const access::Actor& actor, const BackupJob& job,
                         std::string_view list) {
  std::map<VmId, BackupMember> old;
  for (const auto& member : job.members) old.emplace(member.vm, member);
  int position = 0;
  for (const VmId vm : TRY(vm_ids_from(list))) {
    BackupMember member;
    member.vm = vm;
    if (const auto known = old.find(vm); known != old.end()) {
      member = known->second;
      old.erase(known);
    } else if (is_living(txn, vm)) {
      CHECK_OK(check_claim(txn, actor, job.id, vm));
      member.state = MemberState::kIdle;
    }
    member.position = position++;
    save_member(txn, job.id, member);
  }
  for (const auto& [vm, member] : old) delete_member(txn, job.id, vm);
  return {};
}

}  // namespace

Result<access::Actor> owner_of(db::Txn& txn, const BackupJob& job) {
  const auto owner = access::find_user(txn, job.owner);
  if (!owner)
    return fail(Errc::kDenied, "the owner of the backup job, user {}, is gone", job.owner);
  if (!owner->is_enabled)
    return fail(Errc::kDenied, "the owner of the backup job, user {}, is disabled", owner->name);
  return access::actor_of(*owner, GroupId{}, kNoUmask);
}

access::Subject subject_of(const BackupJob& job) {
  return {.kind = access::Resource::kBackupJob,
          .id = job.id.value,
          .name = job.name,
          .owner = job.owner,
          .group = job.group,
          .permissions = job.permissions,
          .clusters = {}};
}

bool is_living(db::Txn& txn, VmId id) {
  const auto vm = compute::find_vm(txn, id);
  return vm && vm->state != compute::VmState::kDone;
}

namespace {

/// Its backups would fail: whom it belongs to may do nothing with that VM any more.
bool is_lost_to(db::Txn& txn, BackupJobId id, const compute::Vm& vm) {
  const auto job = find_backup_job(txn, id);
  if (!job) return true;
  const auto member = std::ranges::find(job->members, vm.id, &BackupMember::vm);
  if (member == job->members.end() || member->state == MemberState::kBackingUp) return false;
  const auto owner = owner_of(txn, *job);
  return !owner || !access::authorize_despite_lock(txn, *owner, access::Op::kManage,
                                                   compute::subject_of(vm));
}

}  // namespace

Result<void> check_claim(db::Txn& txn, const access::Actor& actor, BackupJobId job, VmId id) {
  const auto vm = TRY(compute::find_vm(txn, id));
  CHECK_OK(access::authorize_despite_lock(txn, actor, access::Op::kManage,
                                          compute::subject_of(vm)));
  const auto other = find_backup_job_of(txn, id);
  if (!other || *other == job) return {};
  if (is_lost_to(txn, *other, vm)) {
    delete_member(txn, *other, id);
    return {};
  }
  return fail(Errc::kConflict,
              "virtual machine [{}] is in backup job {} already, and can be in one only: take it "
              "out of there first",
              id, *other);
}

Result<BackupJobId> create_backup_job(db::Txn& txn, const access::Actor& actor,
                                      const text::Template& ask) {
  BackupJob fresh;
  fresh.name = ask.get("NAME");
  CHECK_OK(check_backup_job_name(txn, {}, actor.user, fresh.name));
  fresh.owner = actor.user;
  fresh.group = actor.group;
  fresh.permissions = access::initial_permissions(actor);
  fresh.priority = TRY(priority_in(actor, ask));
  fresh.attributes = TRY(plan_from(ask));
  fresh.id = insert_backup_job(txn, fresh);
  CHECK_OK(put_members(txn, actor, fresh, ask.get(kVms)));
  CHECK_OK(compute::add_schedules(txn, fresh.id, ask));
  return fresh.id;
}

Result<void> update_backup_job(db::Txn& txn, const access::Actor& actor,
                               const BackupJobChange& ask) {
  auto job = TRY(find_backup_job(txn, ask.id));
  text::Template updated = ask.change;
  if (ask.is_append) {
    updated = job.attributes;
    updated.merge(ask.change);
  }
  job.attributes = TRY(plan_from(std::move(updated)));
  save_backup_job(txn, job);
  if (ask.is_append && !ask.change.has(kVms)) return {};
  return put_members(txn, actor, job, ask.change.get(kVms));
}

Result<void> delete_backup_job(db::Txn& txn, BackupJobId id) {
  delete_backup_job_row(txn, TRY(find_backup_job(txn, id)));
  return {};
}

Result<void> rename_backup_job(db::Txn& txn, BackupJobId id, const std::string& name) {
  auto job = TRY(find_backup_job(txn, id));
  CHECK_OK(check_backup_job_name(txn, id, job.owner, name));
  job.name = name;
  save_backup_job(txn, job);
  return {};
}

Result<void> chmod_backup_job(db::Txn& txn, BackupJobId id, access::Permissions permissions) {
  auto job = TRY(find_backup_job(txn, id));
  job.permissions = permissions;
  save_backup_job(txn, job);
  return {};
}

Result<void> chown_backup_job(db::Txn& txn, BackupJobId id, UserId user, GroupId group) {
  auto job = TRY(find_backup_job(txn, id));
  if (user.is_set()) job.owner = TRY(access::find_user(txn, user)).id;
  if (group.is_set()) job.group = TRY(access::find_group(txn, group)).id;
  CHECK_OK(check_backup_job_name(txn, id, job.owner, job.name));
  save_backup_job(txn, job);
  return {};
}

Result<void> set_backup_priority(db::Txn& txn, BackupJobId id, std::int64_t priority) {
  auto job = TRY(find_backup_job(txn, id));
  job.priority = TRY(priority_from(priority));
  save_backup_job(txn, job);
  return {};
}

}  // namespace neph::snapshots
