#include "view/internal/entries.h"

#include <set>

#include "access/groups.h"
#include "compute/disk_tree.h"
#include "datastore/backups.h"
#include "jobs/log.h"
#include "jobs/queue.h"
#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {
namespace {

using access::Permissions;
using access::Resource;
using access::Subject;

Ownership names_of(db::Txn& txn, UserId user, GroupId group) {
  return {access::user_name(txn, user), access::group_name(txn, group)};
}

EntryPtr entry_of(Subject subject, std::string full, std::string brief = {}) {
  Entry entry;
  entry.id = subject.id;
  entry.name = subject.name;
  entry.subject = std::move(subject);
  entry.full = std::move(full);
  entry.brief = std::move(brief);
  return std::make_shared<const Entry>(std::move(entry));
}

Result<EntryPtr> read_user(db::Txn& txn, UserId id) {
  const UserFacts facts{TRY(access::find_user(txn, id)),
                        access::list_quotas(txn, access::QuotaOwner::kUser, id.value),
                        access::list_default_quotas(txn, access::QuotaOwner::kUser)};
  const auto& user = facts.user;
  Subject subject = {Resource::kUser, id.value, user.name, id, user.group, Permissions{0600}, {}};
  return entry_of(std::move(subject), user_xml(facts), user_brief_xml(facts));
}

Result<EntryPtr> read_group(db::Txn& txn, GroupId id) {
  const GroupFacts facts{TRY(access::find_group(txn, id)),
                         access::list_quotas(txn, access::QuotaOwner::kGroup, id.value),
                         access::list_admins(txn, id),
                         access::list_default_quotas(txn, access::QuotaOwner::kGroup)};
  return entry_of({Resource::kGroup, id.value, facts.group.name, {}, id, Permissions{0040}, {}},
                  group_xml(facts), group_brief_xml(facts));
}

Result<EntryPtr> read_acl(db::Txn& txn, AclId id) {
  for (const auto& rule : access::list_acls(txn)) {
    if (rule.id == id)
      return entry_of({Resource::kAcl, id.value, {}, UserId{0}, GroupId{0}, Permissions{0}, {}},
                      acl_xml(rule));
  }
  return fail(Errc::kNotFound, "there is no ACL rule {}", id);
}

Result<EntryPtr> read_cluster(db::Txn& txn, ClusterId id) {
  const auto cluster = TRY(compute::find_cluster(txn, id));
  return entry_of(compute::subject_of(cluster), cluster_xml(cluster));
}

std::vector<SnapshotId> snapshots_of(db::Txn& txn, const compute::VmDisk& disk) {
  std::vector<SnapshotId> ids;
  for (const auto& snapshot : snapshots::list_open_of_disk(txn, disk.vm, disk.id))
    ids.push_back(snapshot.id);
  return ids;
}

std::vector<RetainedDisk> retained_on(db::Txn& txn, HostId host) {
  std::vector<RetainedDisk> retained;
  for (const auto& disk : compute::list_retained_disks(txn)) {
    const auto vm = compute::find_vm(txn, disk.vm);
    if (vm && vm->host == host) retained.push_back({disk.vm, disk.id, snapshots_of(txn, disk)});
  }
  return retained;
}

Result<EntryPtr> read_host(db::Txn& txn, HostId id) {
  HostFacts facts{
      TRY(compute::find_host(txn, id)), compute::host_use(txn, id), {}, retained_on(txn, id)};
  facts.cluster_attributes = TRY(compute::find_cluster(txn, facts.host.cluster)).attributes;
  auto document = host_xml(facts);
  Entry entry = *entry_of(compute::subject_of(facts.host), std::move(document.text));
  entry.monitoring = document.monitoring;
  return std::make_shared<const Entry>(std::move(entry));
}

Result<EntryPtr> read_datastore(db::Txn& txn, DatastoreId id) {
  DatastoreFacts facts{
      TRY(datastore::find_datastore(txn, id)), {}, datastore::list_images_of(txn, id)};
  facts.names = names_of(txn, facts.datastore.owner, facts.datastore.group);
  return entry_of(datastore::subject_of(facts.datastore), datastore_xml(facts));
}

RestorePoints restore_points_of(db::Txn& txn, const datastore::DiskTree& tree) {
  return {datastore::list_disk_snapshots(txn, tree), datastore::next_disk_snapshot(txn, tree)};
}

Result<EntryPtr> read_image(db::Txn& txn, ImageId id) {
  ImageFacts facts;
  facts.image = TRY(datastore::find_image(txn, id));
  facts.use = datastore::image_use(txn, id);
  facts.names = names_of(txn, facts.image.owner, facts.image.group);
  facts.restore_points = restore_points_of(txn, {id, {}, {}});
  if (const auto backup = datastore::find_backup(txn, id))
    for (const auto& disk : backup->disks) facts.backup_disks.push_back(disk.id);
  facts.lock = access::find_lock(txn, Resource::kImage, id.value);
  facts.datastore_name = TRY(datastore::find_datastore(txn, facts.image.datastore)).name;
  return entry_of(datastore::subject_of(facts.image), image_xml(facts));
}

Result<EntryPtr> read_template(db::Txn& txn, TemplateId id) {
  TemplateFacts facts{TRY(compute::find_template(txn, id)), {},
                      access::find_lock(txn, Resource::kTemplate, id.value)};
  facts.names = names_of(txn, facts.vm_template.owner, facts.vm_template.group);
  return entry_of(compute::subject_of(facts.vm_template), template_xml(facts));
}

Result<EntryPtr> read_network_template(db::Txn& txn, NetworkTemplateId id) {
  NetworkTemplateFacts facts{TRY(network::find_network_template(txn, id)), {},
                             access::find_lock(txn, Resource::kNetworkTemplate, id.value)};
  facts.names = names_of(txn, facts.network_template.owner, facts.network_template.group);
  return entry_of(network::subject_of(facts.network_template), network_template_xml(facts));
}

Result<EntryPtr> read_backup_job(db::Txn& txn, BackupJobId id) {
  BackupJobFacts facts{TRY(snapshots::find_backup_job(txn, id)), {},
                       access::find_lock(txn, Resource::kBackupJob, id.value),
                       compute::list_schedule(txn, id)};
  facts.names = names_of(txn, facts.backup_job.owner, facts.backup_job.group);
  return entry_of(snapshots::subject_of(facts.backup_job), backup_job_xml(facts));
}

Result<EntryPtr> read_network(db::Txn& txn, NetworkId id) {
  NetworkFacts facts{TRY(network::find_network(txn, id)), {}, network::list_ranges(txn, id),
                     network::list_leases(txn, id),
                     access::find_lock(txn, Resource::kNet, id.value)};
  facts.names = names_of(txn, facts.network.owner, facts.network.group);
  auto document = vnet_xml(facts);
  Entry entry = *entry_of(network::subject_of(facts.network), std::move(document.text),
                          vnet_brief_xml(facts));
  entry.guarded = std::move(document.guarded);
  return std::make_shared<const Entry>(std::move(entry));
}

Result<EntryPtr> read_security_group(db::Txn& txn, SecurityGroupId id) {
  SecurityGroupFacts facts{TRY(network::find_security_group(txn, id)), {},
                           network::list_vms_in(txn, id), network::list_filtered_vms_in(txn, id)};
  facts.names = names_of(txn, facts.group.owner, facts.group.group);
  return entry_of(network::subject_of(facts.group), security_group_xml(facts));
}

Result<EntryPtr> read_document(db::Txn& txn, DocumentId id) {
  DocumentFacts facts{TRY(site::find_document(txn, id)), {},
                      access::find_lock(txn, Resource::kDocument, id.value)};
  facts.names = names_of(txn, facts.document.owner, facts.document.group);
  Entry entry = *entry_of(site::subject_of(facts.document), document_xml(facts));
  entry.type = facts.document.type;
  return std::make_shared<const Entry>(std::move(entry));
}

Result<EntryPtr> read_vdc(db::Txn& txn, VdcId id) {
  const auto vdc = TRY(site::find_vdc(txn, id));
  return entry_of(site::subject_of(vdc), vdc_xml(vdc));
}

Result<EntryPtr> read_hook(db::Txn& txn, HookId id) {
  const HookFacts facts{TRY(site::find_hook(txn, id)),
                        access::find_lock(txn, Resource::kHook, id.value),
                        site::list_executions(txn, id)};
  return entry_of(site::subject_of(facts.hook), hook_xml(facts), hook_brief_xml(facts));
}

Result<EntryPtr> read_vm_group(db::Txn& txn, VmGroupId id) {
  VmGroupFacts facts{TRY(site::find_vm_group(txn, id)), {},
                     access::find_lock(txn, Resource::kVmGroup, id.value)};
  facts.names = names_of(txn, facts.vm_group.owner, facts.vm_group.group);
  return entry_of(site::subject_of(facts.vm_group), vm_group_xml(facts));
}

Result<VmFacts> read_vm_facts(db::Txn& txn, VmId id) {
  VmFacts facts{TRY(compute::find_vm(txn, id)), {},
                compute::list_disks(txn, id),   compute::list_nics(txn, id),
                compute::list_history(txn, id), {},
                network::list_rules_of(txn, id), {},
                access::find_lock(txn, Resource::kVm, id.value), {}, {}};
  facts.names = names_of(txn, facts.vm.owner, facts.vm.group);
  facts.schedule = compute::list_schedule(txn, id);
  facts.system_snapshots = compute::list_system_snapshots(txn, id);
  facts.backups = datastore::list_backups_of(txn, id);
  facts.backup_job = snapshots::find_backup_job_of(txn, id).value_or(BackupJobId{});
  for (const auto& disk : facts.disks) {
    auto points = restore_points_of(txn, compute::tree_of(disk));
    if (!points.snapshots.empty()) facts.restore_points[disk.id] = std::move(points);
    for (auto& snapshot : snapshots::list_open_of_disk(txn, id, disk.id))
      facts.snapshots.push_back(std::move(snapshot));
  }
  return facts;
}

Result<EntryPtr> read_vm(db::Txn& txn, VmId id) {
  const VmFacts facts = TRY(read_vm_facts(txn, id));
  auto document = vm_xml(facts);
  auto brief = vm_brief_xml(facts);
  Entry entry = *entry_of(compute::subject_of(facts.vm), {}, std::move(brief.text));
  entry.brief_monitoring = brief.monitoring;
  entry.monitoring = document.monitoring;
  entry.history = std::move(document.history);
  entry.state = static_cast<int>(facts.vm.state);
  entry.full = std::move(document.text);
  entry.detail = document.older_history;
  return std::make_shared<const Entry>(std::move(entry));
}

EntryPtr live_entry(Subject subject, LiveDocument document, int state, JobId job) {
  Entry entry = *entry_of(std::move(subject), std::move(document.text));
  entry.progress = document.progress;
  entry.state = state;
  entry.job = job;
  return std::make_shared<const Entry>(std::move(entry));
}

/// A snapshot is its owner's; ACL rules about the VM count for it too.
Result<EntryPtr> read_snapshot(db::Txn& txn, SnapshotId id) {
  SnapshotFacts facts{TRY(snapshots::find_snapshot(txn, id)), {}, {}, false};
  const auto& snapshot = facts.snapshot;
  facts.names = names_of(txn, snapshot.owner, snapshot.group);
  if (snapshot.host.is_set()) {
    if (const auto host = compute::find_host(txn, snapshot.host)) facts.host_name = host->name;
  }
  if (const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk))
    facts.is_retained = disk->is_retained;
  Subject subject = {Resource::kVm,
                     snapshot.vm.value,
                     snapshot.image_name,
                     snapshot.owner,
                     snapshot.group,
                     Permissions{0600},
                     {}};
  Entry entry = *live_entry(std::move(subject), snapshot_xml(facts),
                            static_cast<int>(snapshot.phase), snapshot.job);
  entry.id = id.value;
  return std::make_shared<const Entry>(std::move(entry));
}

Result<EntryPtr> read_job(db::Txn& txn, JobId id) {
  const JobFacts facts{TRY(jobs::find(txn, id)), jobs::list_log(txn, id)};
  const auto& job = facts.job;
  Subject subject = {Resource::kVm, job.vm.value, job.kind, job.owner, {}, Permissions{0600}, {}};
  auto document = job_xml(facts);
  Entry entry = *live_entry(std::move(subject), {std::move(document.text), document.progress},
                            static_cast<int>(job.state), job.id);
  entry.id = id.value;
  entry.image = job.image;
  entry.detail = document.log;
  return std::make_shared<const Entry>(std::move(entry));
}

/// All that are open, and the last ones.
std::vector<std::int64_t> list_shown_jobs(db::Txn& txn) {
  std::set<std::int64_t> ids;
  for (const auto& job : jobs::list_open(txn)) ids.insert(job.id.value);
  for (const auto& job : jobs::list_recent(txn, kJobsShown)) ids.insert(job.id.value);
  return {ids.begin(), ids.end()};
}

}  // namespace

Result<EntryPtr> read_entry(db::Txn& txn, ObjectKind kind, std::int64_t id) {
  switch (kind) {
    case ObjectKind::kUser:
      return read_user(txn, UserId{id});
    case ObjectKind::kGroup:
      return read_group(txn, GroupId{id});
    case ObjectKind::kAcl:
      return read_acl(txn, AclId{id});
    case ObjectKind::kCluster:
      return read_cluster(txn, ClusterId{id});
    case ObjectKind::kHost:
      return read_host(txn, HostId{id});
    case ObjectKind::kDatastore:
      return read_datastore(txn, DatastoreId{id});
    case ObjectKind::kImage:
      return read_image(txn, ImageId{id});
    case ObjectKind::kTemplate:
      return read_template(txn, TemplateId{id});
    case ObjectKind::kVm:
      return read_vm(txn, VmId{id});
    case ObjectKind::kSnapshot:
      return read_snapshot(txn, SnapshotId{id});
    case ObjectKind::kJob:
      return read_job(txn, JobId{id});
    case ObjectKind::kDocument:
      return read_document(txn, DocumentId{id});
    case ObjectKind::kVdc:
      return read_vdc(txn, VdcId{id});
    case ObjectKind::kHook:
      return read_hook(txn, HookId{id});
    case ObjectKind::kVmGroup:
      return read_vm_group(txn, VmGroupId{id});
    case ObjectKind::kNetwork:
      return read_network(txn, NetworkId{id});
    case ObjectKind::kSecurityGroup:
      return read_security_group(txn, SecurityGroupId{id});
    case ObjectKind::kNetworkTemplate:
      return read_network_template(txn, NetworkTemplateId{id});
    case ObjectKind::kBackupJob:
      return read_backup_job(txn, BackupJobId{id});
    case ObjectKind::kQuota:
    case ObjectKind::kZone:
    case ObjectKind::kShowback:
      break;
  }
  return fail(Errc::kNotFound, "objects of kind {} are not shown", static_cast<int>(kind));
}

std::vector<std::int64_t> list_ids(db::Txn& txn, ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kUser:
      return numbers_of(access::list_users(txn));
    case ObjectKind::kGroup:
      return numbers_of(access::list_groups(txn));
    case ObjectKind::kCluster:
      return numbers_of(compute::list_clusters(txn));
    case ObjectKind::kHost:
      return numbers_of(compute::list_hosts(txn));
    case ObjectKind::kTemplate:
      return numbers_of(compute::list_templates(txn));
    case ObjectKind::kVm:
      return numbers_of(compute::list_vms(txn, compute::Which::kAll));
    case ObjectKind::kImage:
      return numbers_of(datastore::list_images(txn));
    case ObjectKind::kSnapshot:
      return numbers_of(snapshots::list_snapshots(txn));
    case ObjectKind::kJob:
      return list_shown_jobs(txn);
    case ObjectKind::kDocument:
      return numbers_of(site::list_documents(txn));
    case ObjectKind::kVdc:
      return numbers_of(site::list_vdcs(txn));
    case ObjectKind::kHook:
      return numbers_of(site::list_hooks(txn));
    case ObjectKind::kVmGroup:
      return numbers_of(site::list_vm_groups(txn));
    case ObjectKind::kNetwork:
      return numbers_of(network::list_networks(txn));
    case ObjectKind::kSecurityGroup:
      return numbers_of(network::list_security_groups(txn));
    case ObjectKind::kNetworkTemplate:
      return numbers_of(network::list_network_templates(txn));
    case ObjectKind::kBackupJob:
      return numbers_of(snapshots::list_backup_jobs(txn));
    case ObjectKind::kQuota:
    case ObjectKind::kZone:
    case ObjectKind::kShowback:
      return {};
    case ObjectKind::kDatastore:
      return numbers_of(datastore::list_datastores(txn));
    case ObjectKind::kAcl:
      break;
  }
  std::vector<std::int64_t> ids;
  for (const auto& rule : access::list_acls(txn)) ids.push_back(rule.id.value);
  return ids;
}

db::ChangeSet related_to(db::Txn& txn, const Entry& entry) {
  db::ChangeSet related;
  if (entry.state != static_cast<int>(compute::VmState::kDone)) return related;
  const auto vm = compute::find_vm(txn, VmId{entry.id});
  if (vm && vm->host.is_set()) related.touch(ObjectKind::kHost, vm->host);
  if (const auto role = site::role_of(txn, VmId{entry.id}))
    related.touch(ObjectKind::kVmGroup, role->group);
  for (const auto& disk : compute::list_disks(txn, VmId{entry.id})) {
    for (const auto id : snapshots_of(txn, disk)) related.touch(ObjectKind::kSnapshot, id);
  }
  return related;
}

}  // namespace neph::view
