#include "compute/host.h"
#include "tests/crash/story.h"

/// Hosts that lose power under a job and are declared lost meanwhile, and QEMUs that die under one.
namespace neph::crash {
namespace {

using compute::Action;
using snapshots::Kind;
using Form = compute::VmService::MigrateForm;
using When = Mishap::When;

/// So long after a host has died it is known that it does not answer, and a job at it still tries.
constexpr Duration kNoticed{10'000};
/// So long after a request its instant is over, and its copy is tried again later.
constexpr Duration kPinned{500};

std::string host_of(Stage& stage) {
  return stage.vm_id.is_set() ? stage.host_of_vm().name : stage.host_;
}

Step host_dies() {
  return does([](Stage& stage) { stage.world().kill_host(host_of(stage)); });
}

Step host_dies_at(std::string_view verb, When when = When::kDuring) {
  return meets(Mishap{std::string(verb), when,
                      [](Stage& stage) { stage.world().kill_host(host_of(stage)); }});
}

/// The guest gets as far as to write, which makes what was saved of its memory useless.
Step writes_and_dies_after(std::string_view verb) {
  return meets(Mishap{std::string(verb), When::kAfter, [](Stage& stage) {
                        stage.write_now(0, 5, 55);
                        stage.world().kill_host(host_of(stage));
                      }});
}

Step other_host_dies_at(std::string_view verb) {
  return meets(Mishap{std::string(verb), When::kDuring, [](Stage& stage) {
                        const bool is_first = host_of(stage) == stage.host_;
                        stage.world().kill_host(is_first ? "node2" : stage.host_);
                      }});
}

Step qemu_dies_at(std::string_view verb, When when = When::kDuring) {
  return meets(Mishap{std::string(verb), when, [](Stage& stage) {
                        (void)stage.world().qemu_dies(compute::domain_name(stage.vm_id));
                      }});
}

/// Whichever host it is that does not answer.
Step declares_lost() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    for (const HostId id : compute::list_hosts(txn)) {
      const auto host = TRY(compute::find_host(txn, id));
      if (!host.is_reachable) return stage.daemon().hosts.declare_lost(txn, id, host.name);
    }
    return fail(Errc::kWrongState, "every host answers");
  });
}

Step pauses() {
  return does([](Stage& stage) {
    (void)stage.world().guest_pauses(compute::domain_name(stage.vm_id));
  });
}

Step makes_restore_point() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    TRY(stage.daemon().vms.create_disk_snapshot(txn, UserId{0}, stage.vm_id, DiskId{0}, "point"));
    return {};
  });
}

/// A host is lost under a VM that then goes on on another one, with what its guest has written.
Story goes_on_elsewhere(std::string name, std::vector<Step> before, std::vector<Step> steps,
                        std::vector<Check> end = {}) {
  Story story{std::move(name), {a_second_host(), a_vm()}, std::move(steps), std::move(end)};
  story.before.insert(story.before.end(), before.begin(), before.end());
  for (Step& step : std::vector{declares_lost(), sees(vm_is("POWEROFF")),
                                acts(Action::kUndeploy), acts(Action::kResume)})
    story.steps.push_back(std::move(step));
  story.end.push_back(vm_is("RUNNING"));
  story.end.push_back(disk_is_as_written());
  story.otherwise = story.end;
  return story;
}

std::vector<Story> lost_moving_stories() {
  return {
      goes_on_elsewhere("a host is lost while a VM resumes on it",
                        {acts(Action::kPoweroff), host_dies_at("ensure_started")},
                        {soon(acts(Action::kResume), kNoticed)}),
      goes_on_elsewhere("a host is lost after a boot that nobody heard of",
                        {acts(Action::kPoweroff), host_dies_at("ensure_started", When::kAfter)},
                        {soon(acts(Action::kResume), kNoticed)}),
      goes_on_elsewhere("a host is lost while a guest is restored on it",
                        {acts(Action::kSuspend), host_dies_at("ensure_restored")},
                        {soon(acts(Action::kResume), kNoticed)}),
      goes_on_elsewhere("a host is lost with a restored guest that nobody heard of",
                        {acts(Action::kSuspend), writes_and_dies_after("ensure_restored")},
                        {soon(acts(Action::kResume), kNoticed)}),
      goes_on_elsewhere("a host is lost while a VM is suspended on it",
                        {host_dies_at("ensure_saved")},
                        {soon(acts(Action::kSuspend), kNoticed)}),
      goes_on_elsewhere("a host is lost while a guest leaves it live",
                        {host_dies_at("ensure_migrated")}, {soon(moves(Form::kLive), kNoticed)}),
      goes_on_elsewhere("a host is lost while a guest leaves it through its memory",
                        {host_dies_at("ensure_saved")}, {soon(moves(Form::kSave), kNoticed)}),
      goes_on_elsewhere("a host is lost while a moved guest is restored on it",
                        {host_dies_at("ensure_restored")},
                        {soon(moves(Form::kSave), kNoticed)}),
      goes_on_elsewhere("a host is lost while a disk is attached on it",
                        {host_dies_at("ensure_disk_attached", When::kBefore)},
                        {soon(attaches_disk(), kNoticed)}),
      goes_on_elsewhere("a host is lost while a restore point is made on it",
                        {host_dies_at("agent.freeze")}, {soon(makes_restore_point(), kNoticed)}),
      goes_on_elsewhere("a host is lost with a restore point that nobody heard of",
                        {host_dies_at("ensure_pinned", When::kAfter)},
                        {soon(makes_restore_point(), kNoticed)}),
      goes_on_elsewhere("a host is lost while a disk on it is copied",
                        {meets(failing("ensure_copied", 3))},
                        {soon(snaps(Kind::kHot), Duration{2'000}), soon(host_dies(), kNoticed)},
                        {snapshot_is("ready")}),
      goes_on_elsewhere("a host is lost while a disk on it is pinned",
                        {host_dies_at("agent.freeze")}, {soon(snaps(Kind::kHot), kNoticed)},
                        {snapshot_is("ready")}),
      goes_on_elsewhere("a host is lost with a layer that nobody heard of",
                        {host_dies_at("ensure_pinned", When::kAfter)},
                        {soon(snaps(Kind::kHot), kNoticed)}, {snapshot_is("ready")}),
      goes_on_elsewhere("a host is lost while layers on it are folded",
                        {host_dies_at("ensure_unpinned"), meets(failing("ensure_copied", 1))},
                        {soon(snaps(Kind::kHot), kPinned), soon(writes(0, 3, 33), kNoticed)},
                        {snapshot_is("ready")}),
  };
}

std::vector<Story> lost_ending_stories() {
  const auto ready = snapshot_is("ready");
  const Step deferred = snaps(Kind::kDeferred);
  return {
      {"a host is lost while a VM boots on it", {host_dies_at("ensure_started")},
       {soon(creates(""), kNoticed), soon(finds(), Duration{1}), declares_lost(),
        acts(Action::kTerminate)},
       {vm_is("DONE"), vm_has_no_files()}},
      {"a host is lost and a VM moves there no more",
       {a_second_host(), a_vm(), other_host_dies_at("ensure_migrated")},
       {soon(moves(Form::kLive), kNoticed), declares_lost()},
       {vm_is("RUNNING"), disk_is_as_written()}},
      {"a host is lost after a guest on it was saved",
       {a_second_host(), a_vm(), host_dies_at("ensure_undefined", When::kBefore)},
       {soon(acts(Action::kStop), kNoticed), declares_lost(), acts(Action::kResume)},
       {vm_is("RUNNING"), disk_is_as_written()},
       {vm_is("EPILOG_STOP_FAILURE"), disk_is_as_written()}},
      {"a host is lost while a VM with an armed snapshot is powered off",
       {a_vm(), host_dies_at("ask_shutdown", When::kBefore)},
       {deferred, soon(acts(Action::kPoweroff), kNoticed), declares_lost(), captures()},
       {ready, vm_is("POWEROFF")}},
      {"a host is lost while a VM with an armed snapshot is terminated",
       {a_vm(), host_dies_at("ask_shutdown", When::kBefore)},
       {deferred, soon(acts(Action::kTerminate), kNoticed), declares_lost()},
       {ready, vm_is("DONE"), vm_has_no_files()},
       {snapshot_is("armed"), vm_is("POWEROFF"), disk_is_as_written()}},
      {"a host is lost while a VM on it is undeployed",
       {a_vm(), host_dies_at("ensure_undefined", When::kBefore)},
       {soon(acts(Action::kUndeploy), kNoticed), declares_lost()}, {vm_is("UNDEPLOYED")}},
      {"a host is lost with a paused guest", {a_vm(), pauses()},
       {soon(host_dies(), kNoticed), declares_lost()}, {vm_is("POWEROFF"), disk_is_as_written()}},
      {"a host is lost while a VM is deleted whose disk is copied",
       {a_vm(), meets(failing("ensure_copied", 3))},
       {soon(snaps(Kind::kHot), Duration{2'000}), soon(host_dies(), kNoticed),
        soon(recovers(compute::Recover::kDelete), kNoticed), declares_lost()},
       {ready, vm_is("DONE"), vm_has_no_files()}},
  };
}

std::vector<Story> dying_stories() {
  const auto off = vm_is("POWEROFF");
  const auto runs = vm_is("RUNNING");
  const auto kept = disk_is_as_written();
  const auto ready = snapshot_is("ready");
  const Step hot = snaps(Kind::kHot);
  const Step deferred = snaps(Kind::kDeferred);
  const auto with = [&](Step step) { return std::vector{a_second_host(), a_vm(), step}; };
  return {
      {"QEMU dies while a VM is suspended", {a_vm(), qemu_dies_at("ensure_saved")},
       {acts(Action::kSuspend), acts(Action::kResume)}, {runs, kept}},
      {"QEMU dies while a VM is stopped", {a_vm(), qemu_dies_at("ensure_saved")},
       {acts(Action::kStop)}, {off, kept}},
      {"QEMU dies while a VM with an armed snapshot is suspended",
       {a_vm(), qemu_dies_at("ensure_saved")}, {deferred, acts(Action::kSuspend), captures()},
       {ready, off}},
      {"QEMU dies while its guest moves live", with(qemu_dies_at("ensure_migrated")),
       {moves(Form::kLive), acts(Action::kResume)}, {runs, kept}},
      {"QEMU dies while its guest moves through its memory", with(qemu_dies_at("ensure_saved")),
       {moves(Form::kSave)}, {off, kept}},
      {"QEMU dies as soon as it runs", {a_vm(), qemu_dies_at("ensure_started", When::kAfter)},
       {acts(Action::kPoweroff), acts(Action::kResume)}, {off, kept},
       {vm_is("RUNNING"), kept}},
      {"QEMU dies while it is to shut down", {a_vm(), qemu_dies_at("ask_shutdown", When::kBefore)},
       {deferred, acts(Action::kPoweroff), captures()}, {ready, off}},
      {"QEMU dies while a disk is pinned", {a_vm(), qemu_dies_at("agent.freeze")},
       {hot}, {ready, off, kept}},
      {"QEMU dies with a layer and frozen", {a_vm(), qemu_dies_at("agent.thaw", When::kBefore)},
       {hot}, {ready, off, kept}},
      {"QEMU dies while layers are folded",
       {a_vm(), qemu_dies_at("ensure_unpinned"), meets(failing("ensure_copied", 1))},
       {soon(hot, kPinned), writes(0, 3, 33)}, {ready, off, kept},
       {ready, vm_is("RUNNING"), kept}},
      {"QEMU dies while a disk is attached",
       {a_vm(), qemu_dies_at("ensure_disk_attached", When::kBefore)}, {attaches_disk()},
       {off, kept}},
  };
}

}  // namespace

std::vector<Story> lost_stories() {
  std::vector<Story> all;
  for (auto* some : {&lost_moving_stories, &lost_ending_stories, &dying_stories})
    for (Story& one : some()) all.push_back(std::move(one));
  return all;
}

}  // namespace neph::crash
