#include "cli/watch.h"

#include <array>
#include <string_view>

#include "cli/states.h"

namespace neph::cli {
namespace {

struct GoalRow {
  VmGoal goal;
  std::string_view state;
};

// kReleased has no row: any state but HOLD will do.
constexpr std::array<GoalRow, 7> kGoalStates{{
    {VmGoal::kRunning, "RUNNING"},
    {VmGoal::kPoweroff, "POWEROFF"},
    {VmGoal::kSuspended, "SUSPENDED"},
    {VmGoal::kStopped, "STOPPED"},
    {VmGoal::kUndeployed, "UNDEPLOYED"},
    {VmGoal::kDone, "DONE"},
    {VmGoal::kHeld, "HOLD"},
}};

bool has_arrived(std::string_view state, VmGoal goal) {
  if (goal == VmGoal::kReleased) return state != "HOLD";
  for (const auto& row : kGoalStates)
    if (row.goal == goal) return row.state == state;
  return false;
}

std::string vm_note(const Element& vm) {
  const std::string error = vm.get("USER_TEMPLATE/ERROR");
  if (has_vm_failed(vm)) return error;
  return vm_state_name(vm) == "PENDING" ? vm.get("USER_TEMPLATE/SCHED_MESSAGE") : "";
}

/// Follows one VM to its goal.
class VmWatch {
 public:
  VmWatch(VmGoal goal) : goal_(goal) {}  // NOLINT: made from the goal alone

  Report judge(const Element& vm) {
    Report report;
    report.phase = vm_state_name(vm);
    report.note = vm_note(vm);
    if (has_arrived(report.phase, goal_)) {
      report.standing = Standing::kDone;
    } else if (has_vm_failed(vm) || report.phase == "DONE") {
      report.standing = Standing::kFailed;
    } else if (goal_ != VmGoal::kRunning && was_away_ && is_vm_running(vm)) {
      report.standing = Standing::kFailed;
      report.note = "the guest is running again";
    } else if (goal_ == VmGoal::kRunning && was_active_ && is_off(report.phase)) {
      report.standing = Standing::kFailed;
      report.note = "the guest has stopped";
    }
    const bool is_active = vm.number("STATE", -1) == 3;
    was_active_ = was_active_ || is_active;
    was_away_ = was_away_ || (is_active && !is_vm_running(vm));
    return report;
  }

 private:
  static bool is_off(std::string_view state) {
    return state == "POWEROFF" || state == "SUSPENDED" || state == "STOPPED" ||
           state == "UNDEPLOYED";
  }

  VmGoal goal_;
  bool was_active_ = false;  ///< on a host at an earlier look
  bool was_away_ = false;    ///< in some state between RUNNING and the goal at an earlier look
};

void read_bytes(const Element& document, Report& report) {
  report.bytes_done = document.number("BYTES_DONE");
  report.bytes_total = document.number("BYTES_TOTAL");
  report.rate = document.number("RATE");
  report.seconds_left = document.number("SECONDS_LEFT", -1);
}

std::string first_filled(std::initializer_list<std::string> texts) {
  for (const auto& text : texts)
    if (!text.empty()) return text;
  return {};
}

}  // namespace

Report snapshot_report(const Element& snapshot) {
  Report report;
  report.phase = snapshot.get("PHASE");
  const std::string waiting_for = snapshot.get("WAITING_FOR");
  const std::string reason = first_filled({snapshot.get("REASON"), snapshot.get("HELD_BACK")});
  if (report.phase == "waiting" && !waiting_for.empty()) report.phase += " for " + waiting_for;
  // Of one that is ready they would be those of folding its layer back.
  if (report.phase != "armed" && report.phase != "ready") read_bytes(snapshot, report);
  report.note = reason;
  if (report.phase == "ready") {
    report.standing = Standing::kDone;
    report.note = "grade " + snapshot.get("GRADE");
  } else if (report.phase == "failed" || report.phase == "cancelled" ||
             report.phase == "discarded") {
    report.standing = Standing::kFailed;
    report.note = first_filled({snapshot.get("ERROR"), reason});
  }
  return report;
}

Report image_report(const Element& image) {
  Report report;
  report.phase = image_state_name(image.number("STATE", -1));
  if (report.phase == "READY" || report.phase == "USED" || report.phase == "USED_PERS")
    report.standing = Standing::kDone;
  if (report.phase == "ERROR" || report.phase == "DISABLED") report.standing = Standing::kFailed;
  report.note = image.get("TEMPLATE/ERROR");
  return report;
}

Report job_report(const Element& job) {
  Report report;
  report.phase = job.get("STATE");
  read_bytes(job, report);
  report.note = first_filled({job.get("ERROR"), job.get("RESULT"), job.get("REASON"),
                              job.get("HELD_BACK")});
  if (report.phase == "done") report.standing = Standing::kDone;
  if (report.phase == "failed" || report.phase == "cancelled") report.standing = Standing::kFailed;
  return report;
}

Look look_at_vm(RpcClient& rpc, std::int64_t vm, VmGoal goal) {
  return [&rpc, vm, watch = VmWatch(goal)]() mutable -> Result<Report> {
    return watch.judge(TRY(rpc.call_document("one.vm.info", {vm})));
  };
}

Look look_at_snapshot(RpcClient& rpc, std::int64_t snapshot) {
  return [&rpc, snapshot]() -> Result<Report> {
    return snapshot_report(TRY(rpc.call_document("neph.snapshot.info", {snapshot})));
  };
}

Look look_at_image(RpcClient& rpc, std::int64_t image) {
  return [&rpc, image]() -> Result<Report> {
    return image_report(TRY(rpc.call_document("one.image.info", {image})));
  };
}

Look look_at_job(RpcClient& rpc, std::int64_t job) {
  return [&rpc, job]() -> Result<Report> {
    return job_report(TRY(rpc.call_document("neph.job.info", {job})));
  };
}

}  // namespace neph::cli
