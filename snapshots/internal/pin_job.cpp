#include <algorithm>
#include <functional>
#include <optional>

#include "base/log.h"
#include "compute/host.h"
#include "compute/thaw.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/moment.h"
#include "snapshots/internal/pin_at_rest.h"
#include "snapshots/internal/records.h"
#include "snapshots/internal/set.h"

/// snapshot.pin: waits for the instant of a set and fixes it. No step takes a slot: an instant
/// never waits for a copy.
namespace neph::snapshots {
namespace {

using datastore::Fires;
using datastore::Grade;
using datastore::Hold;
using datastore::HoldState;

constexpr Duration kForever{365LL * 86'400'000};
constexpr Duration kReleaseWait{60'000};
constexpr Duration kAgentPause{500};
constexpr int kPinAttempts = 6;
constexpr int kStopAttempts = 10;
constexpr std::string_view kLastError = "LAST_ERROR";

/// What stands in the way of the instant, and whom to ask to wake us.
struct Obstacle {
  std::string key;
  Duration deadline;
  std::string reason;
};

/// A layer that another snapshot has put on the disk: ours would lie on top of it.
bool is_in_the_way(const Snapshot& other, const Snapshot& mine) {
  if (other.set == mine.set) return false;
  if (other.pin == PinKind::kOverlay) return true;
  return other.pin == PinKind::kNone && !other.pin_path.empty();
}

std::optional<Obstacle> find_layer_of_others(db::Txn& txn, const std::vector<Snapshot>& set) {
  for (const Snapshot& mine : set) {
    for (const Hold& hold : datastore::list_holds(txn, mine.vm, mine.disk)) {
      const auto other = find_snapshot(txn, hold.snapshot);
      if (!other || !is_in_the_way(*other, mine)) continue;
      return Obstacle{datastore::released_key(mine.vm, mine.disk), kReleaseWait,
                      fmt::format("snapshot {} of the same disk is {}", other->id,
                                  name_of(other->phase))};
    }
  }
  return std::nullopt;
}

/// What is left to do before the instant: nothing, a pin of a running guest or one at rest.
enum class Way { kWait, kPin, kRest };

void mark_all_due(db::Txn& txn, const std::vector<Snapshot>& set, Instant at, Grade grade) {
  for (const Snapshot& snapshot : set) datastore::mark_due(txn, snapshot.id, at, grade);
}

Way way_of(db::Txn& txn, const std::vector<Snapshot>& set, const compute::Vm& vm) {
  std::optional<Hold> due;
  for (const Snapshot& snapshot : set) {
    const auto hold = datastore::find_hold(txn, snapshot.id);
    if (hold && hold->state == HoldState::kDue) due = hold;
  }
  if (due) {
    // One instant for the whole set, whatever fired the first of it.
    mark_all_due(txn, set, due->due_at, due->grade);
    return Way::kRest;
  }
  const Moment moment = moment_of(vm);
  const bool is_off = moment == Moment::kAtRest || moment == Moment::kSaved;
  if (set.front().fires == Fires::kByItself) {
    if (moment == Moment::kRunning) return Way::kPin;
    if (!is_off) return Way::kWait;
    const Grade seen = vm.rest_grade == Grade::kNone ? Grade::kUnknown : vm.rest_grade;
    mark_all_due(txn, set, txn.at(), moment == Moment::kSaved ? Grade::kCrash : seen);
    return Way::kRest;
  }
  const bool has_crashed = moment == Moment::kAtRest && vm.rest_grade == Grade::kCrash;
  if (!set.front().captures_crashed || !has_crashed) return Way::kWait;
  mark_all_due(txn, set, txn.at(), Grade::kCrash);
  return Way::kRest;
}

jobs::Next wait_for_guest(const std::vector<Snapshot>& set, const compute::Vm& vm) {
  const Snapshot& first = set.front();
  const bool watches_states = first.fires == Fires::kByItself || first.captures_crashed;
  const std::string key =
      watches_states ? compute::state_key(vm.id) : datastore::due_key(first.id);
  const char* what = first.fires == Fires::kEnd ? "the end of the VM" : "the guest";
  return jobs::wait_for(key, kForever, fmt::format("waiting for {}: {}", what, words_of(vm)));
}

Result<jobs::Work> plan_await(db::Txn& txn, const jobs::Job& job) {
  auto set = list_members(txn, job);
  if (set.empty()) return jobs::at_once(jobs::cancelled());
  const auto vm = TRY(compute::find_vm(txn, job.vm));
  const Way way = way_of(txn, set, vm);
  if (way == Way::kWait) return jobs::at_once(wait_for_guest(set, vm));
  if (const auto other = find_layer_of_others(txn, set)) {
    for (const Snapshot& snapshot : set) mark_waiting(txn, snapshot, other->reason);
    return jobs::at_once(jobs::wait_for(other->key, other->deadline, other->reason));
  }
  // A backup is begun at once, by who may even back up what is not his.
  if (!is_backup(txn, set.front()))
    for (const Snapshot& snapshot : set) CHECK_OK(check_rights_again(txn, snapshot));
  for (Snapshot& snapshot : set) {
    snapshot.phase = Phase::kPinning;
    snapshot.reason.clear();
    save_snapshot(txn, snapshot);
  }
  return jobs::at_once(jobs::go(way == Way::kPin ? "pin" : "rest"));
}

/// What a look at a running guest brought.
struct Pinned {
  bool is_agent_missing = false;
  hypervisor_driver::PinProof proof;
};

/// Writes down which files are going to appear, before they do: after kill -9 the same step looks
/// for them, and a guest that has stopped meanwhile is started with them.
Result<hypervisor_driver::PinRequest> intend_pin(db::Txn& txn, std::vector<Snapshot>& set,
                                                 const compute::Vm& vm, Duration freeze_limit) {
  hypervisor_driver::PinRequest request;
  request.quiesce = set.front().quiesce;
  request.freeze_deadline = freeze_limit;
  for (Snapshot& snapshot : set) {
    auto disk = TRY(compute::find_disk(txn, snapshot.vm, snapshot.disk));
    disk.overlay_path = overlay_path_of(disk, snapshot.set);
    compute::save_disk(txn, disk);
    snapshot.pin = PinKind::kOverlay;
    snapshot.pin_path = disk.overlay_path;
    snapshot.phase = Phase::kPinning;
    snapshot.host = vm.host;
    snapshot.captured = txn.at();
    save_snapshot(txn, snapshot);
    request.disks.push_back({disk.target, disk.overlay_path});
  }
  return request;
}

Result<Pinned> pin(hypervisor_driver::Driver& driver, const hypervisor_driver::DomainRef& domain,
                   const hypervisor_driver::PinRequest& request, bool waits_for_agent) {
  if (waits_for_agent && !TRY(driver.has_agent(domain))) return Pinned{true, {}};
  auto proof = driver.ensure_pinned(domain, request);
  if (proof) return Pinned{false, std::move(*proof)};
  if (proof.error().code != Errc::kStalled) return tl::unexpected(proof.error());
  // A guest must not stay frozen until the next attempt.
  if (const auto thawed = driver.ensure_thawed(domain); !thawed)
    log::error("snapshot.thaw", {{"domain", domain.name}, {"error", thawed.error().text()}});
  return tl::unexpected(proof.error());
}

void note_why_not_frozen(db::Txn& txn, const Snapshot& snapshot, const std::string& why) {
  auto image = datastore::find_image(txn, snapshot.image);
  if (!image || why.empty()) return;
  image->attributes.set("SNAPSHOT_NOT_FROZEN", why);
  datastore::save_image(txn, *image);
}

jobs::Next settle_pinned(db::Txn& txn, const jobs::Job& job, const Pinned& pinned) {
  for (Snapshot& snapshot : list_touched(txn, job)) {
    const auto& proof = pinned.proof;
    snapshot.grade = proof.is_frozen ? Grade::kFrozen : Grade::kCrash;
    snapshot.captured = proof.captured;
    snapshot.frozen_for = proof.frozen_for;
    if (!proof.is_frozen) note_why_not_frozen(txn, snapshot, proof.why_not_frozen);
    settle_member(txn, snapshot);
  }
  return jobs::done();
}

/// The driver refused for good: it has made nothing.
void forget_intent(db::Txn& txn, const jobs::Job& job) {
  for (Snapshot& snapshot : list_touched(txn, job)) {
    auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
    if (disk && disk->overlay_path == snapshot.pin_path) {
      disk->overlay_path.clear();
      compute::save_disk(txn, *disk);
    }
    snapshot.pin = PinKind::kNone;
    snapshot.pin_path.clear();
    snapshot.captured = {};
    save_snapshot(txn, snapshot);
  }
}

jobs::Next settle_refused(db::Txn& txn, const jobs::Job& job, const Error& error) {
  switch (error.code) {
    case Errc::kInvalid:
      forget_intent(txn, job);
      return fail_members(txn, job, "pinning", error);
    // The guest has stopped, or does so this moment; its state will tell.
    case Errc::kWrongState:
    case Errc::kNotFound:
      // A VM does not stay in BACKUP for as long as its guest is neither running nor off.
      if (job.attempt + 1 >= kStopAttempts && is_backup(txn, job)) break;
      return jobs::again(jobs::pause_after(job.attempt), error.text());
    default:
      if (error.code == Errc::kUnavailable || job.attempt + 1 < kPinAttempts)
        return retry_members(txn, job, "pinning", error);
  }
  text::Template args = job.args;
  args.set(kLastError, error.text());
  jobs::save_args(txn, job.id, args);
  return jobs::go("doubt");
}

/// Pinning has failed again and again. Only when the guest is thawed and no overlay has come of it
/// may it fail for good; else the guest may be writing to one, and pinning goes on until that is
/// known.
jobs::Next settle_doubt(db::Txn& txn, const jobs::Job& job, const Result<bool>& has_overlay) {
  if (!has_overlay)
    return jobs::again(jobs::pause_after(job.attempt), has_overlay.error().text());
  if (*has_overlay) return jobs::go("pin");
  forget_intent(txn, job);
  return fail_members(txn, job, "pinning", {Errc::kStalled, job.args.get(kLastError), {}});
}

/// Thaws the guest, if it still runs there.
Result<std::function<Result<void>()>> thawing(const Toolbox& tools, db::Txn& txn,
                                              const compute::Vm& vm, int attempt) {
  if (moment_of(vm) != Moment::kRunning) return [] { return Result<void>{}; };
  const auto domain = TRY(compute::find_domain(txn, vm.id));
  auto* driver = TRY(tools.drivers.hypervisor(domain.vm_mad));
  return [=] { return compute::thaw_in_doubt(*driver, domain.ref, attempt); };
}

Result<jobs::Work> plan_doubt(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  const auto set = list_members(txn, job);
  if (set.empty()) return jobs::at_once(jobs::cancelled());
  const auto vm = TRY(compute::find_vm(txn, job.vm));
  auto* driver = TRY(layer_driver(txn, tools, vm));
  const auto thaw = TRY(thawing(tools, txn, vm, job.attempt));
  std::vector<std::string> overlays;
  for (const Snapshot& snapshot : set) overlays.push_back(snapshot.pin_path);
  return jobs::work<bool>(
      [driver, overlays, thaw](Progress&) -> Result<bool> {
        CHECK_OK(thaw());
        for (const auto& overlay : overlays) {
          const auto facts = driver->inspect_file({overlay, datastore_driver::Format::kQcow2});
          if (facts || facts.error().code != Errc::kNotFound) return true;
          CHECK_OK(driver->ensure_deleted(overlay));
        }
        return false;
      },
      &settle_doubt);
}

Result<jobs::Work> plan_pin(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  auto set = list_members(txn, job);
  if (set.empty()) return jobs::at_once(jobs::cancelled());
  const auto vm = TRY(compute::find_vm(txn, job.vm));
  if (way_of(txn, set, vm) != Way::kPin) return jobs::at_once(jobs::go("await"));
  if (find_layer_of_others(txn, set)) return jobs::at_once(jobs::go("await"));
  const auto domain = TRY(compute::find_domain(txn, vm.id));
  auto* driver = TRY(tools.drivers.hypervisor(domain.vm_mad));
  const auto request = TRY(intend_pin(txn, set, vm, tools.settings.freeze_limit));
  const bool waits_for_agent = request.quiesce != hypervisor_driver::Quiesce::kNever &&
                               kAgentPause * job.attempt < tools.settings.agent_patience;
  auto work = jobs::work<Pinned>(
      [=](Progress&) { return pin(*driver, domain.ref, request, waits_for_agent); },
      [](db::Txn& settling, const jobs::Job& now, Result<Pinned> pinned) -> jobs::Next {
        if (!pinned) return settle_refused(settling, now, pinned.error());
        if (pinned->is_agent_missing)
          return jobs::again(kAgentPause, "waiting for the guest agent");
        return settle_pinned(settling, now, *pinned);
      });
  work.host = vm.host;
  return work;
}

Result<jobs::Work> plan_rest(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  auto set = list_members(txn, job);
  if (set.empty()) return jobs::at_once(jobs::cancelled());
  // Another set of the same disk may have come first since this one waited.
  if (find_layer_of_others(txn, set)) return jobs::at_once(jobs::go("await"));
  return plan_pin_at_rest(tools, txn, job, set);
}

}  // namespace

jobs::KindSpec pin_job(const Toolbox& tools) {
  jobs::KindSpec kind{"snapshot.pin", {}};
  jobs::StepSpec await{.name = "await"};
  await.plan = [](db::Txn& txn, const jobs::Job& job) {
    return or_fail(txn, job, "capturing", plan_await(txn, job));
  };
  jobs::StepSpec pin_step{.name = "pin"};
  pin_step.plan = [tools](db::Txn& txn, const jobs::Job& job) {
    return or_fail(txn, job, "pinning", plan_pin(tools, txn, job));
  };
  jobs::StepSpec rest{.name = "rest"};
  rest.plan = [tools](db::Txn& txn, const jobs::Job& job) {
    return or_fail(txn, job, "pinning", plan_rest(tools, txn, job));
  };
  jobs::StepSpec doubt{.name = "doubt"};
  doubt.plan = [tools](db::Txn& txn, const jobs::Job& job) {
    return or_fail(txn, job, "pinning", plan_doubt(tools, txn, job));
  };
  kind.steps = {await, pin_step, rest, doubt};
  return kind;
}

}  // namespace neph::snapshots
