#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "datastore/image.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"

/// What one.image.* and one.datastore.* do. Functions taking a Txn run on the store lane and
/// answer at once; what is slow becomes a job. Rights on existing objects are checked by the
/// caller; rights and quotas for what comes into being are checked here.
namespace neph::datastore {

struct Settings {
  std::filesystem::path datastores;         ///< DATASTORE_LOCATION: <datastores>/<id>
  std::vector<std::string> safe_dirs;       ///< where PATH may point, if a datastore says nothing
  std::vector<std::string> restricted_dirs;
  std::vector<std::string> restricted_attributes;  ///< only administrators may set
  ImageType default_type = ImageType::kOs;
  bool is_default_persistent = false;
  std::string default_prefix = "hd";        ///< DEFAULT_DEVICE_PREFIX
  std::string default_cdrom_prefix = "hd";
};

/// Whether a new image must fit into what was free in its datastore when that was last measured.
/// Only an administrator's wish to skip it counts; the job waits for space in either case.
enum class CapacityCheck { kRequired, kSkipped };
/// Room for an image that is not there yet, in the quotas of its owner and group and in the
/// datastore. \returns kDenied (quota), kExhausted
[[nodiscard]] Result<void> check_image_room(db::Txn& txn, const Datastore& datastore,
                                            const Image& image,
                                            CapacityCheck check = CapacityCheck::kRequired);

class ImageService {
 public:
  ImageService(Settings settings, const DriverCatalogue& drivers)
      : settings_(std::move(settings)), drivers_(drivers) {}

  /// The image's row, LOCKED, and a job "image.create" that copies PATH (a file in a safe
  /// directory), makes an empty disk of SIZE, or takes over SOURCE (administrators only: a file
  /// that is there already and stays where it is).
  /// \returns kDenied (right, quota, restricted attribute or directory), kConflict (name),
  ///   kInvalid, kExhausted (the datastore is full)
  Result<ImageId> allocate(db::Txn& txn, const access::Actor& actor, const text::Template& ask,
                           DatastoreId datastore, CapacityCheck check = CapacityCheck::kRequired);
  /// A job "image.clone" that makes a file of its own from a READY image.
  Result<ImageId> clone(db::Txn& txn, const access::Actor& actor, ImageId source,
                        const std::string& name, DatastoreId datastore);
  /// A job "image.delete". Refused while VMs use it or copies read it (kWrongState, naming them).
  /// A job that still makes the image is told to stop, and then removes it.
  /// An image that a snapshot is making is not this function's business: see snapshots.
  Result<void> remove(db::Txn& txn, ImageId id);
  /// Restore points of a persistent image that is READY: one goes, the image goes back to one, or
  /// it becomes what one shows and all go. A job "image.snapshot"; the image is LOCKED meanwhile.
  /// \returns kWrongState, also for deleting one that something stands on
  enum class SnapshotChange { kDelete, kRevert, kFlatten };
  Result<void> change_snapshots(db::Txn& txn, ImageId id, SnapshotChange change,
                                std::int64_t snapshot);
  Result<void> rename(db::Txn& txn, ImageId id, const std::string& name);
  Result<void> update(db::Txn& txn, const access::Actor& actor, ImageId id,
                      const text::Template& change, bool is_append);
  Result<void> set_persistent(db::Txn& txn, ImageId id, bool is_persistent);
  Result<void> set_enabled(db::Txn& txn, ImageId id, bool is_enabled);
  Result<void> set_type(db::Txn& txn, ImageId id, const std::string& type);
  Result<void> chmod(db::Txn& txn, ImageId id, access::Permissions permissions);
  Result<void> chown(db::Txn& txn, ImageId id, UserId user, GroupId group);  ///< unset: unchanged

  Result<DatastoreId> allocate_datastore(db::Txn& txn, const access::Actor& actor,
                                         const text::Template& ask, ClusterId cluster);
  Result<void> update_datastore(db::Txn& txn, DatastoreId id, const text::Template& change,
                                bool is_append);
  /// Removes the row; the directory stays. \returns kWrongState for datastores 0, 1, 2, which
  /// every start makes again, and while images, VMs, kept disks, snapshots or jobs need it
  Result<void> remove_datastore(db::Txn& txn, DatastoreId id);
  /// Its images show its name. \returns kInvalid (name), kConflict (name taken)
  Result<void> rename_datastore(db::Txn& txn, DatastoreId id, const std::string& name);
  /// A disabled one gets no new VMs. \returns kInvalid for any but a system datastore
  Result<void> set_datastore_enabled(db::Txn& txn, DatastoreId id, bool is_enabled);
  Result<void> chmod_datastore(db::Txn& txn, DatastoreId id, access::Permissions permissions);
  /// An unset id keeps the user or the group.
  Result<void> chown_datastore(db::Txn& txn, DatastoreId id, UserId user, GroupId group);
  /// A datastore may be in several clusters, or in none.
  Result<void> add_to_cluster(db::Txn& txn, DatastoreId id, ClusterId cluster);
  /// \returns kWrongState when it is not in it, and while VMs on the cluster's hosts use it
  Result<void> remove_from_cluster(db::Txn& txn, DatastoreId id, ClusterId cluster);

  /// A job "image.verify" that reads the file again; its result is "intact", "corrupt ..." or
  /// "modified since by VM n".
  Result<JobId> verify(db::Txn& txn, const access::Actor& actor, ImageId id);

  /// Does again what a failed image.* job was for: the image is LOCKED again and keeps its id.
  /// \pre job.state is kFailed
  /// \returns the job that works on it now; kWrongState where that makes no sense any more
  Result<JobId> retry_job(db::Txn& txn, UserId by, const jobs::Job& job);
  /// Asks an open image.* job to stop; an image that was being made goes with it.
  /// \returns kWrongState for a deletion, and while VMs wait for the image
  Result<void> cancel_job(db::Txn& txn, const jobs::Job& job);

  /// image.create, image.clone, image.delete, image.hash, image.verify.
  [[nodiscard]] std::vector<jobs::KindSpec> job_kinds() const;

  /// Datastores 0, 1, 2 in cluster 0, where they are missing. Directories are made when they are
  /// measured or first written to.
  Result<void> bootstrap(db::Txn& txn) const;
  /// Measures every datastore (drivers lane), for save_usage() afterwards.
  struct Measured {
    DatastoreId id;
    Result<datastore_driver::Usage> usage;
  };
  [[nodiscard]] std::vector<Measured> measure(const std::vector<Datastore>& datastores) const;

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const DriverCatalogue& drivers() const { return drivers_; }

 private:
  Settings settings_;
  const DriverCatalogue& drivers_;
};

/// Queues the background SHA-256 of a READY image ("image.hash").
JobId enqueue_hash(db::Txn& txn, const Image& image);

}  // namespace neph::datastore
