#pragma once

#include <map>
#include <set>
#include <string>

#include "db/database.h"
#include "snapshots/snapshot.h"
#include "tests/sim/cloud/cloud.h"

namespace neph::cloud {

/// Knows what was promised and what is true, and complains where they differ.
class Oracle {
 public:
  explicit Oracle(Cloud& cloud) : cloud_(cloud) {}

  /// A reply said that these exist.
  void acknowledge_snapshot(const std::string& image_name);
  void acknowledge_vm(VmId vm) { vms_.insert(vm); }
  void acknowledge_image(ImageId image) { images_.insert(image); }
  /// A user asked for it to go; from now on it may.
  void give_up(SnapshotId snapshot) { given_up_.insert(snapshot); }
  /// A user asked for a disk to go back, or to grow: at rest it may show something else now than
  /// what its guest left.
  void change_at_rest(VmId vm) { changed_at_rest_.insert(vm); }
  void give_up_image(ImageId image) { images_given_up_.insert(image); }

  /// After every commit.
  void look(db::Txn& txn, const db::ChangeSet& changes);
  /// All of the catalogue against itself and against the world; at any time when nothing acts.
  void look_over();
  /// At the end of all troubles: what must have come to an end.
  void judge(bool is_all_over);

  /// Failed ones, for their owners to retry.
  [[nodiscard]] std::vector<snapshots::Snapshot> failed();

 private:
  struct Known {
    snapshots::Phase phase = snapshots::Phase::kArmed;
    Instant captured;                     ///< once it is pinned; it does not change any more
    std::optional<sim::Content> content;  ///< of the captured instant
    bool is_acknowledged = false;
    bool is_of_backup = false;
  };

  void look_at(db::Txn& txn, SnapshotId id);
  void look_at_backup(db::Txn& txn, ImageId id);
  void capture(db::Txn& txn, const snapshots::Snapshot& snapshot, Known& known);
  void compare(db::Txn& txn, const snapshots::Snapshot& snapshot, const Known& known);
  void check_retained(db::Txn& txn, VmId ended);
  void check_kept(db::Txn& txn, const snapshots::Snapshot& snapshot);
  void check_files(db::Txn& txn);
  void complain(const snapshots::Snapshot& snapshot, std::string_view what);

  Cloud& cloud_;
  std::map<SnapshotId, Known> known_;
  std::set<VmId> vms_;
  std::set<ImageId> images_;
  std::set<SnapshotId> given_up_;
  std::set<ImageId> images_given_up_;
  std::set<VmId> changed_at_rest_;
  std::set<ImageId> backups_;  ///< that are READY
};

}  // namespace neph::cloud
