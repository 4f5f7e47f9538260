#include "compute/schedule.h"
#include "tests/crash/story.h"

namespace neph::crash {
namespace {

using compute::Action;
using compute::Recover;

constexpr const char* kMore =
    "CONTEXT=[A=\"b\"]\nDISK=[TYPE=\"fs\",SIZE=\"10\",FORMAT=\"qcow2\"]";

Step guest_is_slow() {
  return does([](Stage& stage) {
    stage.world().set_conduct(compute::domain_name(stage.vm_id),
                              {.shutdown_takes = Duration{12'000}});
  });
}
Step guest_ignores_acpi() {
  return does([](Stage& stage) {
    stage.world().guest_ignores_acpi(compute::domain_name(stage.vm_id));
  });
}

Step guest_is_paused() {
  return does([](Stage& stage) {
    (void)stage.world().guest_pauses(compute::domain_name(stage.vm_id));
  });
}
Step host_is_cut() {
  return does([](Stage& stage) { stage.world().cut_host(stage.host_); });
}
Step host_is_back() {
  return does([](Stage& stage) { stage.world().restore_host(stage.host_); });
}

Story story(std::string name, std::vector<Step> before, std::vector<Step> steps,
            std::string_view end) {
  return {std::move(name), std::move(before), std::move(steps), {vm_is(end)}};
}

std::vector<Story> deploy_stories() {
  return {
      story("a VM is deployed", {}, {creates(kMore), finds()}, "RUNNING"),
      story("a VM is deployed at the third attempt",
            {meets(failing("ensure_cloned", 1)), meets(failing("ensure_started", 1))},
            {creates(kMore), finds()}, "RUNNING"),
      story("a VM whose prolog fails is terminated",
            {meets(failing("ensure_created", sim::kAlways, Errc::kInvalid))},
            {creates(kMore), finds(), acts(Action::kTerminate)}, "DONE"),
      story("a VM whose boot fails is recovered",
            {meets(failing("ensure_started", 1, Errc::kInvalid))},
            {creates(kMore), finds(), recovers(Recover::kRetry)}, "RUNNING"),
      story("a VM whose boot fails is terminated",
            {meets(failing("ensure_started", sim::kAlways, Errc::kInvalid))},
            {creates(kMore), finds(), acts(Action::kTerminateHard)}, "DONE"),
  };
}

std::vector<Story> halt_stories() {
  return {
      story("poweroff and resume", {a_vm()}, {acts(Action::kPoweroff), acts(Action::kResume)},
            "RUNNING"),
      story("poweroff of a slow guest", {a_vm(), guest_is_slow()}, {acts(Action::kPoweroff)},
            "POWEROFF"),
      story("poweroff-hard of a guest that does not obey", {a_vm(), guest_ignores_acpi()},
            {acts(Action::kPoweroffHard)}, "POWEROFF"),
      story("undeploy and resume", {a_vm(2)}, {acts(Action::kUndeploy), acts(Action::kResume)},
            "RUNNING"),
      story("terminate", {a_vm(2)}, {acts(Action::kTerminate)}, "DONE"),
      story("terminate-hard", {a_vm()}, {acts(Action::kTerminateHard)}, "DONE"),
      story("terminate at the second attempt", {a_vm(), meets(failing("ensure_deleted", 1))},
            {acts(Action::kTerminate)}, "DONE"),
      story("recover delete", {a_vm()}, {recovers(Recover::kDelete)}, "DONE"),
      story("the guest ends by itself", {a_vm()}, {guest_ends()}, "POWEROFF"),
      story("a paused guest is terminated", {a_vm(), guest_is_paused()},
            {acts(Action::kTerminate)}, "DONE"),
      story("the host of an ended VM comes back", {a_vm()},
            {acts(Action::kPoweroff), host_is_cut(), acts(Action::kTerminate), host_is_back()},
            "DONE"),
  };
}

/// Due at once, planned once however often it is asked for.
Step plans(std::string_view action) {
  return asks([action = std::string(action)](Stage& stage, db::Txn& txn) -> Result<void> {
    if (!compute::list_schedule(txn, stage.vm_id).empty()) return {};
    const auto ask = TRY(text::Template::parse(
        fmt::format("SCHED_ACTION=[ACTION=\"{}\", TIME=\"+0\"]", action)));
    TRY(compute::add_schedule(txn, stage.vm_id, ask));
    return {};
  });
}

Check plan_is_done() {
  return [](Stage& stage, Complaints& complaints) {
    for (const auto& plan : stage.read<std::vector<compute::ScheduledAction>>(
             [&](db::Txn& txn) { return compute::list_schedule(txn, stage.vm_id); })) {
      if (plan.is_over && plan.done.is_set()) continue;
      complaints.push_back(fmt::format("{} is not done: {}", plan.action, plan.message));
    }
  };
}

/// Done twice, the reboot or the suspension would show: the second one fails, and says so.
std::vector<Story> schedule_stories() {
  return {
      {"a VM is suspended at its time", {a_vm()}, {plans("suspend")},
       {vm_is("SUSPENDED"), plan_is_done()}},
      {"a VM is terminated at its time", {a_vm()}, {plans("terminate-hard")},
       {vm_is("DONE"), plan_is_done()}},
  };
}

std::vector<Story> save_stories() {
  return {
      story("suspend and resume", {a_vm()}, {acts(Action::kSuspend), acts(Action::kResume)},
            "RUNNING"),
      story("stop and resume", {a_vm()}, {acts(Action::kStop), acts(Action::kResume)}, "RUNNING"),
      story("suspend, then terminate", {a_vm()},
            {acts(Action::kSuspend), acts(Action::kTerminate)}, "DONE"),
      story("suspend at the second attempt", {a_vm(), meets(failing("ensure_saved", 1))},
            {acts(Action::kSuspend)}, "SUSPENDED"),
      story("reboot", {a_vm()}, {acts(Action::kReboot)}, "RUNNING"),
      story("reboot-hard", {a_vm()}, {acts(Action::kRebootHard)}, "RUNNING"),
  };
}

}  // namespace

std::vector<Story> vm_stories() {
  std::vector<Story> all;
  for (auto* some : {&deploy_stories, &halt_stories, &save_stories, &schedule_stories})
    for (Story& one : some()) all.push_back(std::move(one));
  return all;
}

}  // namespace neph::crash
