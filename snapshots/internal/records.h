#pragma once

#include <string>

#include "access/permissions.h"
#include "compute/vm.h"
#include "datastore/image.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"
#include "snapshots/snapshot.h"
#include "snapshots/snapshot_service.h"

/// What the service and its jobs do to rows. Store lane, inside the caller's transaction.
namespace neph::snapshots {

/// What jobs work with. The service it belongs to outlives the runner.
struct Toolbox {
  const Settings& settings;
  const DriverCatalogue& drivers;
};

/// Files beside a disk carry the set's number: a step that was interrupted finds its own.
[[nodiscard]] std::string overlay_path_of(const compute::VmDisk& disk, SnapshotId set);
[[nodiscard]] std::string shared_path_of(const compute::VmDisk& disk, SnapshotId set);
/// Where a disk is copied to: the image's file, or the disk's own file in a backup.
[[nodiscard]] std::string target_path_of(const datastore::Image& image, DiskId disk);
/// The same until it is whole.
[[nodiscard]] std::string partial_path_of(const datastore::Image& image, DiskId disk);

/// MANAGE the VM, which a lock may forbid, CREATE an image, USE the datastore.
[[nodiscard]] Result<void> check_rights(db::Txn& txn, const access::Actor& actor,
                                        const compute::Vm& vm,
                                        const datastore::Datastore& datastore);
/// The same for the owner, as he is now: rights are checked again at the capture. A lock that has
/// come since does not take back what was asked for before.
[[nodiscard]] Result<void> check_rights_again(db::Txn& txn, const Snapshot& snapshot);

/// Writes SNAPSHOT = [...] of the image from the snapshot, and the row.
void save_provenance(db::Txn& txn, datastore::Image image, const Snapshot& snapshot);
/// Shows SAVE_AS on the disk, as OpenNebula 4.12 did, or takes it away.
enum class SaveAs { kShown, kGone };
void mark_disk(db::Txn& txn, const Snapshot& snapshot, SaveAs mark);

/// One job for all snapshots of a set; notes it in their rows.
void enqueue_pin(db::Txn& txn, const std::vector<Snapshot>& set);
void enqueue_copy(db::Txn& txn, Snapshot snapshot);

/// A capture that is under way, or that has failed and left a layer on the disk.
[[nodiscard]] bool is_capturing(const Snapshot& snapshot);
/// Stops its worker, and queues what is to be cleaned up. \returns kWrongState when it is over
Result<void> give_up(db::Txn& txn, Snapshot snapshot, Phase end);
/// The end of a snapshot that makes no image: hold, image and row.
/// \param left  why a file of the image could not be removed: it stays, in ERROR, to be deleted
void drop(db::Txn& txn, Snapshot snapshot, Phase end, const std::string& left = {});
/// Keeps the disk and what is pinned, tells the step and the tool's own words.
void mark_failed(db::Txn& txn, Snapshot snapshot, std::string_view step, const Error& error);
/// Changes what an armed hold fires on; others are left alone.
void rearm(db::Txn& txn, const Snapshot& snapshot, datastore::Fires fires);
/// Waits, and says for what.
void mark_waiting(db::Txn& txn, Snapshot snapshot, std::string reason);

/// A plan that failed is made again later: for steps that never give up.
[[nodiscard]] jobs::Work or_later(const jobs::Job& job, Result<jobs::Work> planned);

/// The driver for a VM's layers: that of its system datastore.
[[nodiscard]] Result<datastore_driver::Driver*> layer_driver(db::Txn& txn, const Toolbox& tools,
                                                             const compute::Vm& vm);

// The kinds of jobs. A Toolbox is copied into the steps.
[[nodiscard]] jobs::KindSpec pin_job(const Toolbox& tools);
[[nodiscard]] jobs::KindSpec copy_job(const Toolbox& tools);
[[nodiscard]] jobs::KindSpec undo_job(const Toolbox& tools);

}  // namespace neph::snapshots
