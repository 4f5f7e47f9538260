#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check/check_service.h"
#include "events/outbox.h"
#include "site/hook.h"
#include "tests/crash/power.h"
#include "tests/sim/site.h"
#include "tests/support/invariants.h"
#include "tests/support/lossy_disk.h"

/// Where a story is played and the power goes.
namespace neph::crash {

using invariants::Complaints;

/// What a story gives each of its steps to come to rest.
inline constexpr Duration kRest{100'000};

class Stage;

/// What happens once, to the first call of a driver's verb: before it, after it, or at the first
/// moment at which it takes time.
struct Mishap {
  enum class When { kBefore, kDuring, kAfter };
  std::string verb;
  When when = When::kDuring;
  std::function<void(Stage&)> what;
};

/// The whole core with its store on a lossy disk. Power cuts strike before and after every call of
/// a driver, wherever a driver sleeps, between the chunks of a copy, and in every commit before it
/// is synced. Nothing durable happens between two of these points, so they stand for all others.
class Stage final : public Site {
 public:
  explicit Stage(std::uint64_t seed);
  ~Stage() override;
  void TestBody() override {}

  /// A controller, a host and an image, at rest.
  void open() { SetUp(); }
  /// Another controller over what the power cut has left. \pre that is a store
  void restart();
  /// From now on the store tells its disk nothing of what must last: to show that power cuts bite.
  void stop_syncing();
  /// Lets time pass; PowerCut when the power goes.
  void drive(Duration time);

  // Steps of a story. A user whose request was not answered asks again; one that is refused then
  // has been granted before.
  void ask(const std::function<Result<void>(Stage&, db::Txn&)>& work);
  /// From now on what is asked for may come too late, or too early.
  void allow_refusals() { allows_refusals_ = true; }
  /// A step that nobody need repeat.
  void note_done() { is_acknowledged_ = true; }
  void write(int disk, std::int64_t block, sim::Stamp stamp);
  /// The same in the middle of a driver's call: no time passes.
  void write_now(int disk, std::int64_t block, sim::Stamp stamp);
  enum class Attempt { kFirst, kAgain };
  void begin_step(Attempt attempt) {
    is_acknowledged_ = false;
    may_be_refused_ = allows_refusals_ || attempt == Attempt::kAgain;
    rest_ = kRest;
  }
  [[nodiscard]] bool is_acknowledged() const { return is_acknowledged_; }
  /// The next step comes so soon after this one, in the middle of what it has begun.
  void let_rest(Duration time) { rest_ = time; }
  [[nodiscard]] Duration rest() const { return rest_; }
  [[nodiscard]] bool comes_to_rest() const { return rest_ >= kRest; }

  void expect(Mishap mishap) { mishaps_.push_back(std::move(mishap)); }
  /// What a step finds wrong.
  void complain(std::string what) { found_.push_back(std::move(what)); }
  [[nodiscard]] const Complaints& found() const { return found_; }

  [[nodiscard]] Power& power() { return power_; }
  [[nodiscard]] check::CheckService& checks() { return *checks_; }
  [[nodiscard]] const site::HookSettings& hooks() const { return hooks_; }
  /// For files that no power cut takes; made when it is asked for.
  [[nodiscard]] std::filesystem::path folder() const;
  /// The one that is backed up. It is not the controller's own, which lies on the lossy disk.
  [[nodiscard]] std::filesystem::path store_to_copy() const { return folder_ / "store.db"; }
  /// What is wrong with store and world when all has come to rest.
  [[nodiscard]] Complaints complaints();
  /// What a disk of the VM shows before its guest has written, unless it is the first image.
  void begins_with(int disk, sim::Blocks blocks) { shown_by_[disk] = {{Instant{}, blocks}}; }
  /// A VM besides that of the story, whose guest writes nothing.
  void stays_silent(VmId other) { silent_.insert(other); }
  /// What a guest has written on a disk, as it should show.
  [[nodiscard]] sim::Blocks written(int disk) const;
  /// READY images that show something else than their disk did at the instant they name.
  [[nodiscard]] Complaints wrong_images();
  /// Ends every VM, removes every image but the first. \returns what is left all the same
  [[nodiscard]] Complaints clean_up();
  [[nodiscard]] std::vector<std::string> kinds_used();
  [[nodiscard]] std::vector<std::string> kinds_there_are();

  using Site::admin_;
  using Site::base_;
  using Site::create_vm;
  using Site::daemon;
  using Site::disk;
  using Site::files_of;
  using Site::guest_shuts_down;
  using Site::host_;
  using Site::image;
  using Site::lanes;
  using Site::open_jobs;
  using Site::pass;
  using Site::read;
  using Site::run;
  using Site::settle;
  using Site::shown;
  using Site::take;
  using Site::vm;
  using Site::world;

  /// The VM that a story is about, made before it begins.
  VmId vm_id;
  /// The host that it is on, or was.
  [[nodiscard]] compute::Host host_of_vm();
  /// The last job of that kind, no matter whether it is over; unset: there is none.
  [[nodiscard]] static jobs::Job last_job(db::Txn& txn, std::string_view kind);
  /// The image of that name, unset when there is none.
  [[nodiscard]] ImageId image_named(db::Txn& txn, const std::string& name) const;
  [[nodiscard]] ImageId image_named(const std::string& name);
  [[nodiscard]] std::optional<snapshots::Snapshot> snapshot_named(const std::string& name);

 protected:
  Result<std::unique_ptr<db::Database>> open_store() override;
  sim::WorldConfig world_config() override;
  Clock& world_clock() override { return clock_; }
  void extend(Daemon& daemon) override;

 private:
  void watch();
  void end_controller();
  void end_everything();
  void meet(Mishap::When when);

  /// What extend() adds.
  [[nodiscard]] std::vector<jobs::KindSpec> more_kinds();

  const std::uint64_t seed_;
  const std::filesystem::path folder_;
  site::HookSettings hooks_{.directory = folder_};
  SystemClock real_clock_;  ///< for programs of hooks, which really run
  std::unique_ptr<check::CheckService> checks_;
  std::unique_ptr<events::Courier> courier_;
  int restarts_ = 0;
  Power power_;
  CutClock clock_{lanes().clock(), power_, [this] { meet(Mishap::When::kDuring); }};
  LossyDisk disk_;
  bool syncs_ = true;
  bool is_acknowledged_ = false;
  bool may_be_refused_ = false;
  bool allows_refusals_ = false;
  Duration rest_ = kRest;
  std::vector<Mishap> mishaps_;
  std::string verb_;  ///< of the driver call that has begun last
  Complaints found_;
  /// What each disk of the VM showed since when.
  std::map<int, std::vector<std::pair<Instant, sim::Blocks>>> shown_by_;
  std::set<VmId> silent_;
};

}  // namespace neph::crash
