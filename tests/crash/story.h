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
};

[[nodiscard]] std::vector<Story> image_stories();
[[nodiscard]] std::vector<Story> vm_stories();
[[nodiscard]] std::vector<Story> snapshot_stories();
[[nodiscard]] std::vector<Story> change_stories();
[[nodiscard]] std::vector<Story> all_stories();

// Steps.

/// A running VM on the first image, with one disk or several, whose guest has written a little.
[[nodiscard]] Step a_vm(int disks = 1);
[[nodiscard]] Step acts(compute::Action action);
[[nodiscard]] Step recovers(compute::Recover how);
[[nodiscard]] Step writes(int disk, std::int64_t block, sim::Stamp stamp);
[[nodiscard]] Step guest_ends();
[[nodiscard]] Step meets(sim::Fault fault);
/// The next calls of a driver's verb fail.
[[nodiscard]] sim::Fault failing(std::string_view verb, int times, Errc code = Errc::kUnavailable);
[[nodiscard]] Step has_agent(sim::Agent agent);
[[nodiscard]] Step has_sharing();
[[nodiscard]] Step does(std::function<void(Stage&)> what);
[[nodiscard]] Step asks(std::function<Result<void>(Stage&, db::Txn&)> work);
[[nodiscard]] Step snaps(snapshots::Kind kind, std::vector<DiskId> disks = {DiskId{0}},
                         datastore::Fires when = datastore::Fires::kFirstStop);

// Ends.

[[nodiscard]] Check vm_is(std::string_view state);
/// The snapshot's image is READY, and nothing works for it any more.
[[nodiscard]] Check snapshot_is(std::string_view phase, std::string name = "taken");
[[nodiscard]] Check image_is(std::string name, datastore::ImageState state);
[[nodiscard]] Check image_is_gone(std::string name);
[[nodiscard]] Check vm_has_no_files();

}  // namespace neph::crash
