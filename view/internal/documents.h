#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "access/directory.h"
#include "access/locks.h"
#include "access/quota.h"
#include "compute/host.h"
#include "compute/schedule.h"
#include "compute/system_snapshot.h"
#include "compute/vm.h"
#include "compute/vm_template.h"
#include "datastore/disk_snapshots.h"
#include "datastore/image.h"
#include "jobs/job.h"
#include "jobs/log.h"
#include "jobs/progress_board.h"
#include "network/network.h"
#include "network/network_template.h"
#include "network/security_group.h"
#include "site/document.h"
#include "site/vdc.h"
#include "site/vm_group.h"
#include "snapshots/backup_jobs.h"
#include "snapshots/snapshot.h"
#include "view/hook_log.h"
#include "view/view.h"

/// The documents of OpenNebula's clients (7.4: element trees of its schemas, compared with what
/// its own daemon answers), and our own SNAPSHOT and JOB. Pure functions over what was read of the
/// rows; any thread.
namespace neph::view {

/// Names that ids have at the moment; empty where the object is gone.
struct Ownership {
  std::string user_name;
  std::string group_name;
};

struct UserFacts {
  access::User user;
  std::vector<access::QuotaUse> quotas;
  std::vector<access::QuotaUse> default_quotas;
};
/// Never holds the password's hash or a login token.
[[nodiscard]] std::string user_xml(const UserFacts& facts);
/// USER without quotas, then QUOTAS: what stands in the pool.
[[nodiscard]] std::string user_brief_xml(const UserFacts& facts);

struct GroupFacts {
  access::Group group;
  std::vector<access::QuotaUse> quotas;
  std::vector<UserId> admins;
  std::vector<access::QuotaUse> default_quotas;
};
[[nodiscard]] std::string group_xml(const GroupFacts& facts);
[[nodiscard]] std::string group_brief_xml(const GroupFacts& facts);

[[nodiscard]] std::string acl_xml(const access::AclRule& rule);

[[nodiscard]] std::string cluster_xml(const compute::Cluster& cluster);

/// A disk that a snapshot keeps although its VM has ended.
struct RetainedDisk {
  VmId vm;
  DiskId disk;
  std::vector<SnapshotId> snapshots;
};
struct HostFacts {
  compute::Host host;
  compute::HostUse use;
  text::Template cluster_attributes;  ///< its RESERVED_* count where the host has none
  std::vector<RetainedDisk> retained;
};
/// A document with an element that shows what is measured.
struct MeasuredDocument {
  std::string text;
  Span monitoring;
};
[[nodiscard]] MeasuredDocument host_xml(const HostFacts& facts);

struct DatastoreFacts {
  datastore::Datastore datastore;
  Ownership names;
  std::vector<ImageId> images;
};
[[nodiscard]] std::string datastore_xml(const DatastoreFacts& facts);

/// Restore points of a disk, or of an image.
struct RestorePoints {
  std::vector<datastore::DiskSnapshot> snapshots;
  std::int64_t next = 0;
};

struct ImageFacts {
  datastore::Image image;
  datastore::ImageUse use;
  Ownership names;
  std::string datastore_name;
  RestorePoints restore_points;
  access::Lock lock;
  std::vector<DiskId> backup_disks;  ///< of an image of type BACKUP
};
[[nodiscard]] std::string image_xml(const ImageFacts& facts);

struct NetworkFacts {
  network::Network network;
  Ownership names;
  std::vector<network::AddressRange> ranges;
  std::vector<network::Lease> leases;  ///< by range and position
  access::Lock lock;
};
/// A document with parts that not everybody may see.
struct GuardedDocument {
  std::string text;
  std::vector<Guarded> guarded;
};
/// Leases are guarded by who has the address; those on hold by nobody.
[[nodiscard]] GuardedDocument vnet_xml(const NetworkFacts& facts);
/// What stands in the pool: address ranges as stored, without leases.
[[nodiscard]] std::string vnet_brief_xml(const NetworkFacts& facts);

struct SecurityGroupFacts {
  network::SecurityGroup group;
  Ownership names;
  std::vector<VmId> vms;       ///< with a NIC in it
  std::vector<VmId> filtered;  ///< those whose host should filter
};
/// VMs of a group whose rules let everything pass are UPDATED, as are those that no host should
/// filter for; any others are OUTDATED, for hosts do not filter.
[[nodiscard]] std::string security_group_xml(const SecurityGroupFacts& facts);

struct TemplateFacts {
  compute::VmTemplate vm_template;
  Ownership names;
  access::Lock lock;
};
[[nodiscard]] std::string template_xml(const TemplateFacts& facts);

struct NetworkTemplateFacts {
  network::NetworkTemplate network_template;
  Ownership names;
  access::Lock lock;
};
[[nodiscard]] std::string network_template_xml(const NetworkTemplateFacts& facts);

struct BackupJobFacts {
  snapshots::BackupJob backup_job;
  Ownership names;
  access::Lock lock;
  std::vector<compute::ScheduledAction> schedule;
};
[[nodiscard]] std::string backup_job_xml(const BackupJobFacts& facts);

struct DocumentFacts {
  site::Document document;
  Ownership names;
  access::Lock lock;
};
[[nodiscard]] std::string document_xml(const DocumentFacts& facts);

[[nodiscard]] std::string vdc_xml(const site::Vdc& vdc);

struct VmGroupFacts {
  site::VmGroup vm_group;
  Ownership names;
  access::Lock lock;
};
[[nodiscard]] std::string vm_group_xml(const VmGroupFacts& facts);

struct HookFacts {
  site::Hook hook;
  access::Lock lock;
  std::vector<site::HookExecution> executions;
};
[[nodiscard]] std::string hook_xml(const HookFacts& facts);
/// Without its log: what stands in the pool.
[[nodiscard]] std::string hook_brief_xml(const HookFacts& facts);

struct VmFacts {
  compute::Vm vm;
  Ownership names;
  std::vector<compute::VmDisk> disks;
  std::vector<compute::VmNic> nics;
  std::vector<compute::HistoryRecord> history;  ///< oldest first
  std::vector<snapshots::Snapshot> snapshots;   ///< of its disks, not over
  std::vector<text::Vector> security_rules;     ///< of the security groups of its NICs
  std::map<DiskId, RestorePoints> restore_points;  ///< of disks that have any
  access::Lock lock;
  std::vector<compute::ScheduledAction> schedule;
  std::vector<compute::SystemSnapshot> system_snapshots;
  std::vector<ImageId> backups;  ///< whole ones, oldest first
  BackupJobId backup_job;        ///< that it is in
};
/// TEMPLATE and USER_TEMPLATE as clients see them.
[[nodiscard]] text::Template shown_attributes(const VmFacts& facts);
[[nodiscard]] text::Template shown_user_attributes(const VmFacts& facts);
struct VmDocument {
  std::string text;
  Span older_history;  ///< all records but the last
  Span monitoring;
  std::vector<HistorySpan> history;
};
[[nodiscard]] VmDocument vm_xml(const VmFacts& facts);
[[nodiscard]] MeasuredDocument vm_brief_xml(const VmFacts& facts);

/// A document with elements in it that are replaced while reading.
struct LiveDocument {
  std::string text;
  Span progress;
};
struct SnapshotFacts {
  snapshots::Snapshot snapshot;
  Ownership names;
  std::string host_name;
  bool is_retained = false;
};
[[nodiscard]] LiveDocument snapshot_xml(const SnapshotFacts& facts);
/// What it waits for, in one word; empty when it does not wait.
[[nodiscard]] std::string_view waits_for(const snapshots::Snapshot& snapshot);

struct JobFacts {
  jobs::Job job;
  std::vector<jobs::LogEntry> log;  ///< oldest first
};
struct JobDocument {
  std::string text;
  Span progress;
  Span log;
};
[[nodiscard]] JobDocument job_xml(const JobFacts& facts);

/// BYTES_DONE, BYTES_TOTAL, RATE and SECONDS_LEFT; HELD_BACK while a job lacks a slot.
[[nodiscard]] std::string progress_xml(const jobs::ProgressBoard::Entry& progress);

}  // namespace neph::view
