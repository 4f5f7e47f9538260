#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/units.h"
#include "compute/lifecycle.h"
#include "compute/vm.h"
#include "datastore/image.h"
#include "drivers/hypervisor/driver.h"
#include "snapshots/snapshot.h"

/// What `neph check` compares, as plain data: what the rows say, and what hosts and storage show.
namespace neph::check {

struct HostRow {
  HostId id;
  std::string name;
  std::string vm_mad;
  std::string uri;
  bool is_offline = false;  ///< by its administrator: it is left alone
  std::string lost;         ///< why it does not answer, empty while it does
};

struct DatastoreRow {
  DatastoreId id;
  std::string name;
  std::string tm_mad;
  std::string base_path;
  datastore::DatastoreType type = datastore::DatastoreType::kImage;
};

struct VmRow {
  VmId id;
  UserId owner;
  compute::Stand stand;
  HostId host;
  std::string uuid;
  std::string directory;    ///< of its disks, empty before its first deployment
  std::string memory_path;
  JobId job;
};

struct DiskRow {
  VmId vm;
  DiskId id;
  compute::DiskKind kind = compute::DiskKind::kImage;
  std::string path;
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
  std::string overlay_path;
  bool is_present = false;
  bool is_retained = false;
  bool is_persistent = false;
  std::int64_t size_mb = 0;
};

struct ImageRow {
  ImageId id;
  UserId owner;
  DatastoreId datastore;
  datastore::ImageState state = datastore::ImageState::kReady;
  std::string source;
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
  std::int64_t size_mb = 0;
  JobId job;
};

struct SnapshotRow {
  SnapshotId id;
  UserId owner;
  VmId vm;
  DiskId disk;
  ImageId image;
  snapshots::Phase phase = snapshots::Phase::kArmed;
  std::string pin_path;
  JobId job;
};

struct HoldRow {
  SnapshotId snapshot;
  VmId vm;
  DiskId disk;
};

struct ClaimRow {
  std::string resource;
  JobId job;
};

/// A sum that quotas are checked against, and what the rows add up to.
struct QuotaSum {
  std::string owner;  ///< "user 3", "group 100"
  std::string what;   ///< "VM/CPU", "DATASTORE/1/SIZE"
  double kept = 0;
  double counted = 0;
};

/// The rows, at one instant.
struct Catalogue {
  Instant at;
  std::vector<HostRow> hosts;
  std::vector<DatastoreRow> datastores;
  std::map<VmId, VmRow> vms;
  std::vector<DiskRow> disks;
  std::map<ImageId, ImageRow> images;
  std::vector<ImageRow> backup_disks;  ///< the files of images of type BACKUP, which have no other
  std::map<SnapshotId, SnapshotRow> snapshots;
  std::set<std::string> restore_points;  ///< layers of disks and images that rows name
  std::vector<HoldRow> holds;
  std::vector<ClaimRow> claims;
  std::vector<QuotaSum> drifts;      ///< those that differ
  std::map<UserId, std::string> user_names;
  std::set<JobId> open_jobs;
  JobId next_job;                    ///< the id that no job has yet
  /// Objects on which a job works, or has worked since the look began.
  std::set<VmId> busy_vms;
  std::set<ImageId> busy_images;
};

struct SeenDomain {
  HostId host;
  std::string name;
  std::string uuid;
  hypervisor_driver::Power power = hypervisor_driver::Power::kMissing;
};

struct SeenFile {
  Bytes stored_size;
  Instant modified;
  bool is_missing = false;           ///< a row names it, and it is not there
  std::optional<Bytes> virtual_size; ///< unset: nobody looked, or it is not readable as that
  std::string backing_path;          ///< what it stands on, empty for nothing
  DatastoreId datastore;             ///< unset: below none of them
};

/// Somewhere that could not be looked at.
struct Unseen {
  std::string place;  ///< "host node3", "datastore default"
  std::string reason;
};

/// What hosts and storage show.
struct Seen {
  Instant began;
  std::set<HostId> hosts;            ///< those that answered
  std::set<DatastoreId> datastores;
  std::vector<SeenDomain> domains;
  std::map<std::string, SeenFile> files;
  std::vector<std::string> store_faults;  ///< what SQLite says of its own file
  std::vector<Unseen> unseen;
};

}  // namespace neph::check
