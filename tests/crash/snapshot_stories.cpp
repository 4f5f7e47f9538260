#include "tests/crash/story.h"

namespace neph::crash {
namespace {

using compute::Action;
using datastore::Fires;
using snapshots::Kind;

const std::vector<DiskId> kBoth{DiskId{0}, DiskId{1}};

std::vector<Story> hot_stories() {
  const auto ready = snapshot_is("ready");
  const auto runs = vm_is("RUNNING");
  const Step hot = snaps(Kind::kHot);
  return {
      {"hot", {a_vm()}, {hot, writes(0, 3, 33)}, {ready, runs}},
      {"hot without an agent", {a_vm(), has_agent(sim::Agent::kAbsent)}, {hot}, {ready, runs}},
      {"hot of two disks", {a_vm(2)}, {snaps(Kind::kHot, kBoth), writes(1, 3, 33)},
       {snapshot_is("ready", "taken-disk0"), snapshot_is("ready", "taken-disk1"), runs}},
      {"hot, the freeze hangs",
       {a_vm(), meets({.kind = sim::FaultKind::kFreezeHangs, .times = 1})}, {hot}, {ready, runs}},
      {"hot, the thaw fails at first",
       {a_vm(), meets({.kind = sim::FaultKind::kThawFails, .times = 2})}, {hot}, {ready, runs}},
      {"hot, the copy fails twice",
       {a_vm(), meets({.kind = sim::FaultKind::kCopyFails, .verb = "ensure_copied", .times = 2,
                       .at = sim::kBlockSize})},
       {hot, writes(0, 4, 44)}, {ready, runs}},
      {"hot, refused, then retried",
       {a_vm(), meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))},
       {hot, storage_heals(), retries()}, {ready, runs}},
      {"hot, refused, then discarded",
       {a_vm(), meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))},
       {hot, discards()}, {snapshot_is("discarded"), image_is_gone("taken"), runs}},
      {"hot, cancelled while it is copied",
       {a_vm(), meets(failing("ensure_copied", sim::kAlways))}, {hot, cancels()},
       {snapshot_is("cancelled"), image_is_gone("taken"), runs}},
      {"hot, the guest ends while it is copied",
       {a_vm(), meets(failing("ensure_copied", 3))}, {hot, guest_ends()},
       {ready, vm_is("POWEROFF")}},
      {"hot, the VM is terminated while it is copied",
       {a_vm(), meets(failing("ensure_copied", 3))}, {hot, acts(Action::kTerminateHard)},
       {ready, vm_is("DONE"), vm_has_no_files()}},
  };
}

std::vector<Story> deferred_stories() {
  const auto ready = snapshot_is("ready");
  const Step deferred = snaps(Kind::kDeferred);
  const Step at_end = snaps(Kind::kDeferred, {DiskId{0}}, Fires::kEnd);
  const auto storage_fails = [](int times) { return meets(failing("ensure_copied", times)); };
  return {
      {"deferred, poweroff", {a_vm()}, {deferred, acts(Action::kPoweroff)},
       {ready, vm_is("POWEROFF")}},
      {"deferred, the guest ends by itself, resumed during the copy",
       {a_vm(), storage_fails(3)}, {deferred, guest_ends(), acts(Action::kResume),
                                    writes(0, 5, 55)},
       {ready, vm_is("RUNNING")}},
      {"deferred with shared blocks", {a_vm(), has_sharing()},
       {deferred, acts(Action::kPoweroff)}, {ready, vm_is("POWEROFF")}},
      {"deferred, terminate", {a_vm()}, {deferred, acts(Action::kTerminate)},
       {ready, vm_is("DONE"), vm_has_no_files()}},
      {"deferred of two disks, terminate", {a_vm(2)},
       {snaps(Kind::kDeferred, kBoth), acts(Action::kTerminate)},
       {snapshot_is("ready", "taken-disk0"), snapshot_is("ready", "taken-disk1"), vm_is("DONE"),
        vm_has_no_files()}},
      {"deferred to the end, terminate-hard", {a_vm()},
       {at_end, acts(Action::kTerminateHard)}, {ready, vm_is("DONE"), vm_has_no_files()}},
      {"a retained disk is kept until the storage heals",
       {a_vm(), meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))},
       {deferred, acts(Action::kTerminate), storage_heals(), retries()},
       {ready, vm_is("DONE"), vm_has_no_files()}},
      {"a retained disk is discarded",
       {a_vm(), meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))},
       {deferred, acts(Action::kTerminate), discards()},
       {snapshot_is("discarded"), vm_is("DONE"), vm_has_no_files()}},
      {"deferred, cancelled while it is armed", {a_vm()}, {deferred, cancels()},
       {snapshot_is("cancelled"), image_is_gone("taken"), vm_is("RUNNING")}},
      {"at rest", {a_vm(), acts(Action::kPoweroff)}, {snaps(Kind::kHot)},
       {ready, vm_is("POWEROFF")}},
      {"at rest with shared blocks", {a_vm(), has_sharing(), acts(Action::kPoweroff)},
       {snaps(Kind::kHot)}, {ready, vm_is("POWEROFF")}},
      {"at rest, cancelled, with a layer",
       {a_vm(), acts(Action::kPoweroff), storage_fails(sim::kAlways)},
       {snaps(Kind::kHot), cancels()},
       {snapshot_is("cancelled"), image_is_gone("taken"), vm_is("POWEROFF")}},
  };
}

}  // namespace

std::vector<Story> snapshot_stories() {
  auto all = hot_stories();
  for (Story& one : deferred_stories()) all.push_back(std::move(one));
  return all;
}

}  // namespace neph::crash
