#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/crash/stage.h"

namespace neph::crash {

using Step = std::function<void(Stage&)>;
using Check = std::function<void(Stage&, Complaints&)>;

/// Something that users and guests do, and how it must end wherever the power goes meanwhile.
struct Story {
  std::string name;
  std::vector<Step> before;  ///< in peace
  std::vector<Step> steps;   ///< with time to come to rest after each, and power cuts
  std::vector<Check> end;
  /// How it may end as well where the power cut hid what goes wrong in it: what a driver answered
  /// was lost with the cut, or time passed before somebody asked again. Requests may be refused
  /// then, and what steps see does not count.
  std::vector<Check> otherwise = {};
};

[[nodiscard]] std::vector<Story> image_stories();
[[nodiscard]] std::vector<Story> vm_stories();
[[nodiscard]] std::vector<Story> snapshot_stories();
[[nodiscard]] std::vector<Story> change_stories();
[[nodiscard]] std::vector<Story> disk_stories();
[[nodiscard]] std::vector<Story> lost_stories();
[[nodiscard]] std::vector<Story> recover_stories();
[[nodiscard]] std::vector<Story> backup_stories();
[[nodiscard]] std::vector<Story> site_stories();
[[nodiscard]] std::vector<Story> all_stories();

// Steps.

/// The next step comes after so long, when this one has hardly begun.
[[nodiscard]] Step soon(Step step, Duration after = Duration{3'000});
/// Complains where a check does, in the middle of a story.
[[nodiscard]] Step sees(Check check);
[[nodiscard]] Step a_second_host();
/// A running VM on the first image, with one disk or several, whose guest has written a little.
[[nodiscard]] Step a_vm(int disks = 1);
/// The same with disks of its own before the one on the first image.
[[nodiscard]] Step a_vm_with(std::string disks);
/// A VM that is only now created, once, however often it is asked for; and what it is.
[[nodiscard]] Step creates(std::string attributes);
[[nodiscard]] Step finds();
/// An empty persistent image "made".
[[nodiscard]] Step a_persistent_image();
/// The first image becomes image "made".
[[nodiscard]] Step clones();
[[nodiscard]] Step removes();  ///< image "made"
[[nodiscard]] Step acts(compute::Action action);
[[nodiscard]] Step recovers(compute::Recover how);
[[nodiscard]] Step writes(int disk, std::int64_t block, sim::Stamp stamp);
[[nodiscard]] Step guest_ends();
/// To the other one of two hosts, once.
[[nodiscard]] Step moves(compute::VmService::MigrateForm form);
[[nodiscard]] Step attaches_disk();
[[nodiscard]] Step meets(sim::Fault fault);
[[nodiscard]] Step meets(Mishap mishap);
/// The next calls of a driver's verb fail.
[[nodiscard]] sim::Fault failing(std::string_view verb, int times, Errc code = Errc::kUnavailable);
[[nodiscard]] Step has_agent(sim::Agent agent);
[[nodiscard]] Step has_sharing();
[[nodiscard]] Step does(std::function<void(Stage&)> what);
[[nodiscard]] Step asks(std::function<Result<void>(Stage&, db::Txn&)> work);
[[nodiscard]] Step storage_heals();
[[nodiscard]] Step snaps(snapshots::Kind kind, std::vector<DiskId> disks = {DiskId{0}},
                         datastore::Fires when = datastore::Fires::kFirstStop,
                         DatastoreId datastore = {});
// Of whatever makes the image "taken".
[[nodiscard]] Step cancels();
[[nodiscard]] Step discards();
[[nodiscard]] Step retries();
[[nodiscard]] Step captures();

// Ends.

[[nodiscard]] Check vm_is(std::string_view state);
/// The snapshot's image is READY, and nothing works for it any more.
[[nodiscard]] Check snapshot_is(std::string_view phase, std::string name = "taken");
[[nodiscard]] Check image_is(std::string name, datastore::ImageState state);
[[nodiscard]] Check image_is_gone(std::string name);
[[nodiscard]] Check vm_has_no_files();
/// A disk of the VM shows what its guest has written.
[[nodiscard]] Check disk_is_as_written(int disk = 0);

}  // namespace neph::crash
