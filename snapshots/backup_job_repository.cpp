#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "snapshots/internal/backup_job_rows.h"

namespace neph::snapshots {
namespace {

constexpr std::string_view kMemberColumns = "vm_id, position, state, image_id, error";

BackupMember read_member(const db::Cursor& row) {
  return {row.get<VmId>(0), row.get<int>(1), row.get<MemberState>(2), row.get<ImageId>(3),
          row.text(4)};
}

std::vector<BackupMember> list_members_of(db::Txn& txn, BackupJobId job) {
  auto rows = txn.query(
      fmt::format("SELECT {} FROM backup_job_vms WHERE backup_job_id = ? ORDER BY position",
                  kMemberColumns),
      job);
  std::vector<BackupMember> members;
  while (rows.next()) members.push_back(read_member(rows));
  return members;
}

}  // namespace

Result<BackupJob> find_backup_job(db::Txn& txn, BackupJobId id) {
  auto row = txn.query(
      "SELECT id, name, user_id, group_id, permissions, priority, started_at, ended_at, run_id,"
      " template FROM backup_jobs WHERE id = ?",
      id);
  if (!row.next()) return fail(Errc::kNotFound, "Error getting backup job [{}].", id);
  BackupJob job;
  job.id = row.get<BackupJobId>(0);
  job.name = row.text(1);
  job.owner = row.get<UserId>(2);
  job.group = row.get<GroupId>(3);
  job.permissions = access::Permissions{row.get<int>(4)};
  job.priority = row.get<int>(5);
  job.started = {row.integer(6) * 1000};
  job.ended = {row.integer(7) * 1000};
  job.run = row.get<JobId>(8);
  job.attributes = db::stored_template(row.text(9));
  job.members = list_members_of(txn, id);
  return job;
}

std::vector<BackupJobId> list_backup_jobs(db::Txn& txn) {
  return db::list_ids<BackupJobId>(txn, "SELECT id FROM backup_jobs ORDER BY id");
}

std::optional<BackupJobId> find_backup_job_of(db::Txn& txn, VmId vm) {
  return txn.value<BackupJobId>(
      "SELECT backup_job_id FROM backup_job_vms WHERE vm_id = ? AND state > 0", vm);
}

std::optional<BackupJobId> find_backup_job_by_name(db::Txn& txn, UserId owner,
                                                   std::string_view name) {
  return txn.value<BackupJobId>("SELECT id FROM backup_jobs WHERE user_id = ? AND name = ?", owner,
                                name);
}

BackupJobId insert_backup_job(db::Txn& txn, const BackupJob& fresh) {
  const auto id = db::take_id<BackupJobId>(txn, "backup_job");
  txn.exec(
      "INSERT INTO backup_jobs(id, name, user_id, group_id, permissions, priority, template)"
      " VALUES (?,?,?,?,?,?,?)",
      id, fresh.name, fresh.owner, fresh.group, fresh.permissions.bits, fresh.priority,
      fresh.attributes.to_text());
  txn.touch(ObjectKind::kBackupJob, id);
  return id;
}

void save_backup_job(db::Txn& txn, const BackupJob& changed) {
  txn.exec(
      "UPDATE backup_jobs SET name=?, user_id=?, group_id=?, permissions=?, priority=?,"
      " started_at=?, ended_at=?, run_id=?, template=? WHERE id=?",
      changed.name, changed.owner, changed.group, changed.permissions.bits, changed.priority,
      changed.started.seconds(), changed.ended.seconds(), changed.run,
      changed.attributes.to_text(), changed.id);
  txn.touch(ObjectKind::kBackupJob, changed.id);
}

void delete_backup_job_row(db::Txn& txn, const BackupJob& job) {
  txn.exec("DELETE FROM backup_jobs WHERE id = ?", job.id);
  txn.touch(ObjectKind::kBackupJob, job.id);
  for (const auto& member : job.members)
    if (member.state != MemberState::kNamed) txn.touch(ObjectKind::kVm, member.vm);
}

void save_member(db::Txn& txn, BackupJobId job, const BackupMember& member) {
  const bool was_there = find_backup_job_of(txn, member.vm) == job;
  txn.exec(
      fmt::format("INSERT INTO backup_job_vms(backup_job_id, {}) VALUES (?,?,?,?,?,?)"
                  " ON CONFLICT(backup_job_id, vm_id) DO UPDATE SET"
                  " position = excluded.position, state = excluded.state,"
                  " image_id = excluded.image_id, error = excluded.error",
                  kMemberColumns),
      job, member.vm, member.position, member.state, member.image, member.error);
  txn.touch(ObjectKind::kBackupJob, job);
  if (!was_there && member.state != MemberState::kNamed) txn.touch(ObjectKind::kVm, member.vm);
}

void delete_member(db::Txn& txn, BackupJobId job, VmId vm) {
  if (find_backup_job_of(txn, vm) == job) txn.touch(ObjectKind::kVm, vm);
  txn.exec("DELETE FROM backup_job_vms WHERE backup_job_id = ? AND vm_id = ?", job, vm);
  txn.touch(ObjectKind::kBackupJob, job);
}

std::optional<MemberOfJob> find_member_by_image(db::Txn& txn, ImageId image) {
  auto row = txn.query(
      fmt::format("SELECT {}, backup_job_id FROM backup_job_vms WHERE image_id = ?",
                  kMemberColumns),
      image);
  if (!row.next()) return std::nullopt;
  return MemberOfJob{row.get<BackupJobId>(5), read_member(row)};
}

}  // namespace neph::snapshots
