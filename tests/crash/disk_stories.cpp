#include "tests/crash/story.h"

/// Copies that wait for space, and disks that are persistent or volatile.
namespace neph::crash {
namespace {

using compute::Action;
using compute::Recover;
using datastore::Fires;
using datastore::ImageState;
using snapshots::Kind;

constexpr const char* kImages = "/ds/1";
const std::string kOnMade = "DISK=[IMAGE=\"made\"]";
const std::string kVolatile = "DISK=[TYPE=\"fs\",SIZE=\"10\",FORMAT=\"qcow2\"]";

Step images_have_room(Bytes total) {
  return does([total](Stage& stage) { stage.world().set_space(kImages, total); });
}
Step no_room() { return images_have_room(sim::kBlockSize); }
Step room_again() { return images_have_room(Bytes::megabytes(1024)); }

Check waits_for_space(std::string name = "taken") {
  return [name = std::move(name)](Stage& stage, Complaints& complaints) {
    const auto found = stage.snapshot_named(name);
    const bool waits = found && found->phase == snapshots::Phase::kWaiting &&
                       found->reason.starts_with("waiting for space");
    if (!waits)
      complaints.push_back(fmt::format("snapshot {} does not wait for space, but is {}: {}", name,
                                       found ? snapshots::name_of(found->phase) : "not there",
                                       found ? found->reason : ""));
  };
}

Check job_waits_for_space(std::string kind) {
  return [kind = std::move(kind)](Stage& stage, Complaints& complaints) {
    const auto job = stage.read<jobs::Job>(
        [&](db::Txn& txn) { return Stage::last_job(txn, kind); });
    if (jobs::is_over(job.state) || !job.reason.starts_with("waiting for space"))
      complaints.push_back(fmt::format("job {} does not wait for space, but is {}: {}", kind,
                                       jobs::name_of(job.state), job.reason));
  };
}

/// A running VM whose disk 0 was empty, and whose guest has written on it.
std::vector<Step> a_vm_on(const std::string& disk, std::vector<Step> more = {}) {
  std::vector<Step> steps{
      a_vm_with(disk), does([](Stage& stage) {
        stage.begins_with(0, {});
        stage.write(0, 1, 11);
        stage.write(0, 2, 21);
      })};
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}
std::vector<Step> a_vm_on_made(std::vector<Step> more = {}) {
  auto steps = a_vm_on(kOnMade, std::move(more));
  steps.insert(steps.begin(), a_persistent_image());
  return steps;
}

/// The persistent image shows what its guest has written, and stands alone.
Check made_is_as_written() {
  return [](Stage& stage, Complaints& complaints) {
    const auto image = stage.image(stage.image_named("made"));
    const auto file = image ? stage.world().find_file(image->source) : std::nullopt;
    if (!file) return complaints.push_back("image made has no file");
    if (!file->backing_path.empty()) complaints.push_back("image made lies on a layer");
    if (file->blocks != stage.written(0))
      complaints.push_back("image made shows something else than its guest has written");
  };
}

std::vector<Story> space_stories() {
  const auto ready = snapshot_is("ready");
  const auto runs = vm_is("RUNNING");
  const Step hot = snaps(Kind::kHot);
  const Step deferred = snaps(Kind::kDeferred);
  const std::vector<Step> full{a_vm(), no_room()};
  return {
      {"a copy waits for space", full,
       {hot, sees(waits_for_space()), writes(0, 3, 33), room_again()}, {ready, runs}},
      {"a copy of two disks waits for space", {a_vm(2), no_room()},
       {snaps(Kind::kHot, {DiskId{0}, DiskId{1}}), sees(waits_for_space("taken-disk0")),
        sees(waits_for_space("taken-disk1")), room_again()},
       {snapshot_is("ready", "taken-disk0"), snapshot_is("ready", "taken-disk1"), runs}},
      {"a retained disk waits for space", full,
       {deferred, acts(Action::kTerminate), sees(waits_for_space()), room_again()},
       {ready, vm_is("DONE"), vm_has_no_files()}},
      {"a VM is deleted while its disk waits for space", full,
       {hot, recovers(Recover::kDelete), sees(waits_for_space()), room_again()},
       {ready, vm_is("DONE"), vm_has_no_files()}},
      {"a copy that waits for space is cancelled", full, {hot, cancels()},
       {snapshot_is("cancelled"), image_is_gone("taken"), runs}},
      {"a retained disk that waits for space is discarded", full,
       {deferred, acts(Action::kTerminate), discards()},
       {snapshot_is("discarded"), image_is_gone("taken"), vm_is("DONE"), vm_has_no_files()}},
      {"a copy fills the datastore",
       {a_vm(), meets({.kind = sim::FaultKind::kDiskFull, .times = 2, .at = sim::kBlockSize})},
       {hot, writes(0, 3, 33)}, {ready, runs}},
      {"a clone waits for space", {no_room()},
       {clones(), sees(job_waits_for_space("image.clone")), room_again()},
       {image_is("made", ImageState::kReady)}},
  };
}

std::vector<Story> persistent_stories() {
  const auto ready = snapshot_is("ready");
  const auto done = vm_is("DONE");
  const auto made = made_is_as_written();
  const Step hot = snaps(Kind::kHot);
  const Step deferred = snaps(Kind::kDeferred);
  const auto copies_fail = [](int times) { return meets(failing("ensure_copied", times)); };
  return {
      {"a persistent disk is saved while it runs", a_vm_on_made(),
       {hot, writes(0, 3, 33), acts(Action::kTerminate)}, {ready, done, made}},
      {"a persistent disk is saved when its VM ends", a_vm_on_made(),
       {deferred, acts(Action::kTerminate)}, {ready, done, made}},
      {"a persistent disk is saved when its guest stops, and is written on",
       a_vm_on_made({copies_fail(3)}),
       {deferred, acts(Action::kPoweroff), acts(Action::kResume), writes(0, 3, 33),
        acts(Action::kTerminate)},
       {ready, done, made}},
      {"a persistent disk whose copy fails while its VM ends", a_vm_on_made({copies_fail(3)}),
       {soon(hot), writes(0, 3, 33), acts(Action::kTerminateHard)}, {ready, done, made}},
      {"a persistent disk is kept for its snapshot, then another VM gets it",
       a_vm_on_made({meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))}),
       {deferred, acts(Action::kTerminate), storage_heals(), retries(), creates(kOnMade), finds(),
        writes(0, 9, 99)},
       {ready, vm_is("RUNNING"), made}},
      {"a persistent disk is not saved after all", a_vm_on_made({copies_fail(sim::kAlways)}),
       {hot, writes(0, 3, 33), cancels(), acts(Action::kTerminate)},
       {snapshot_is("cancelled"), done, made}},
      {"a VM with a persistent disk is deleted while that is saved",
       a_vm_on_made({copies_fail(3)}), {soon(hot), recovers(Recover::kDelete)},
       {ready, done, made}},
  };
}

std::vector<Story> volatile_stories() {
  const auto save = [](Kind kind) {
    return snaps(kind, {DiskId{0}}, Fires::kFirstStop, DatastoreId{1});
  };
  const auto ready = snapshot_is("ready");
  return {
      {"a volatile disk is saved while it runs", a_vm_on(kVolatile),
       {save(Kind::kHot), writes(0, 3, 33)}, {ready, vm_is("RUNNING"), disk_is_as_written()}},
      {"a volatile disk is saved when its VM ends", a_vm_on(kVolatile),
       {save(Kind::kDeferred), acts(Action::kTerminate)},
       {ready, vm_is("DONE"), vm_has_no_files()}},
      {"a volatile disk is saved at rest", a_vm_on(kVolatile, {acts(Action::kPoweroff)}),
       {save(Kind::kHot), acts(Action::kResume), writes(0, 3, 33)},
       {ready, vm_is("RUNNING"), disk_is_as_written()}},
  };
}

}  // namespace

std::vector<Story> disk_stories() {
  std::vector<Story> all;
  for (auto* some : {&space_stories, &persistent_stories, &volatile_stories})
    for (Story& one : some()) all.push_back(std::move(one));
  return all;
}

}  // namespace neph::crash
