#include "jobs/runner.h"

#include <algorithm>

#include "base/log.h"

namespace neph::jobs {
namespace {

constexpr Duration kWatchInterval{1'000};
/// How soon a settlement is tried again that the store could not take (disk full).
constexpr Duration kSettleRetry{1'000};
constexpr Duration kSleepMax{60'000};
constexpr Duration kClockStepMin{5'000};
/// So many jobs are begun by one look at the queue; what they leave is found by the next.
constexpr std::size_t kChosenMax = 500;
/// A step that has to wait because others hang where it would act looks again so soon.
constexpr Duration kHungPause{5'000};
/// So many turns are remembered; forgetting them costs nobody more than one turn.
constexpr std::size_t kTurnsMax = 4'096;

std::int64_t place_id(Slot slot, HostId host, DatastoreId datastore) {
  if (slot == Slot::kNone) return -1;
  return slot == Slot::kHost ? host.value : datastore.value;
}

/// A store that takes nothing says so itself, once; its many jobs, every second, would only fill
/// what is full.
void complain(std::string_view event, JobId job, const Error& error) {
  const bool is_everybodys = error.code == Errc::kExhausted;
  log::write(is_everybodys ? log::Level::kDebug : log::Level::kError, event,
             {{"job", job}, {"error", error.text()}});
}

}  // namespace

/// How an act reports, and hears that it must stop. Written by a driver thread, read by all.
class Runner::ActProgress final : public Progress {
 public:
  ActProgress(JobId job, ProgressBoard& board, const Clock& clock)
      : job_(job), board_(board), clock_(clock), moved_at_(clock.monotonic().count()) {}

  void report(Bytes done, Bytes total) override {
    board_.report(job_, done, total);
    if (done_.exchange(done.value) != done.value) moved_at_ = clock_.monotonic().count();
  }
  void report_sign(std::int64_t sign) override {
    if (sign_.exchange(sign) != sign) moved_at_ = clock_.monotonic().count();
  }
  [[nodiscard]] bool is_cancelled() const override { return is_cancelled_; }

  void cancel() { is_cancelled_ = true; }
  [[nodiscard]] Duration idle() const { return clock_.monotonic() - Duration{moved_at_.load()}; }

 private:
  const JobId job_;
  ProgressBoard& board_;
  const Clock& clock_;
  std::atomic<bool> is_cancelled_{false};
  std::atomic<std::int64_t> done_{-1};
  std::atomic<std::int64_t> sign_{-1};
  std::atomic<std::int64_t> moved_at_;
};

struct Runner::Act {
  Act(Job leased, const StepSpec& spec, Work planned, ProgressBoard& board, const Clock& clock)
      : job(std::move(leased)), step(spec), work(std::move(planned)),
        place{spec.slot, place_id(spec.slot, job.host, job.datastore)},
        progress(job.id, board, clock) {}
  /// Where it hangs if it does: a step without a slot may act on a host all the same.
  [[nodiscard]] Place hangs_at() const {
    return work.host.is_set() ? Place{Slot::kHost, work.host.value} : place;
  }
  Job job;
  const StepSpec& step;
  Work work;
  Place place;
  ActProgress progress;
  std::atomic<bool> is_stalled{false};
};

/// A job that could begin, and who comes before it.
struct Runner::Ranked {
  int ahead = 0;                ///< steps and older jobs of the same user at the same place
  std::uint64_t last_turn = 0;
  JobId id;
  Place place;
  friend auto operator<=>(const Ranked&, const Ranked&) = default;
};

Runner::Runner(db::Store& store, Lanes& lanes, ProgressBoard& board, Limits limits)
    : store_(store), lanes_(lanes), board_(board), limits_(limits) {
  store_.observe([this](db::Txn& txn, const db::ChangeSet& changes) { observe(txn, changes); });
}

Runner::~Runner() = default;

void Runner::add(KindSpec kind) {
  const bool is_new = kinds_.emplace(kind.kind, kind).second;
  NEPH_ASSERT(is_new && !kind.steps.empty());
}

void Runner::start() {
  if (is_stopping_) return;
  (void)take_clock_step();
  is_started_ = true;
  requeue();
}

/// Jobs that nobody requeues never run again, so it is tried until the store takes it.
void Runner::requeue() {
  store_.run<std::monostate>(
      [](db::Txn& txn) -> Result<std::monostate> {
        requeue_interrupted(txn);
        return std::monostate{};
      },
      [this](const Result<std::monostate>& queued) {
        if (queued) return ask_pump();
        complain("jobs.requeue_failed", JobId{}, queued.error());
        lanes_.timers().after(kSettleRetry, lanes_.store(), [this] { requeue(); });
      });
}

void Runner::stop() {
  is_stopping_ = true;
  lanes_.store().post([this] {
    for (const auto& [id, act] : acts_) act->progress.cancel();
  });
}

void Runner::observe(db::Txn& txn, const db::ChangeSet& changes) {
  if (!changes.has(ObjectKind::kJob)) return;
  for (const auto& [id, act] : acts_) {
    if (!changes.all().contains({ObjectKind::kJob, id.value})) continue;
    const auto job = find(txn, id);
    if (job && job->is_cancel_asked) act->progress.cancel();
  }
  ask_pump();
}

void Runner::ask_pump() {
  if (is_pump_asked_ || !is_started_ || is_stopping_) return;
  is_pump_asked_ = true;
  lanes_.store().post([this] { pump(); });
}

void Runner::pump() {
  struct Found {
    std::vector<JobId> runnable;
    std::optional<Instant> next_due;
  };
  is_pump_asked_ = false;
  const Duration step = take_clock_step();
  store_.run<Found>(
      [this, step](db::Txn& txn) -> Result<Found> {
        if (step != Duration{0}) shift_waits(txn, step);
        return Found{choose(txn), next_due(txn)};
      },
      [this, step](const Result<Found>& found) {
        if (!found) {
          clock_apart_ -= step;
          return wake_at(lanes_.clock().now() + kSettleRetry);
        }
        if (found->next_due) wake_at(*found->next_due);
        for (const JobId id : found->runnable) {
          store_.run<std::shared_ptr<Act>>(
              [this, id](db::Txn& txn) { return begin(txn, id); },
              [this, id](Result<std::shared_ptr<Act>> act) {
                if (act && *act) return launch(*act);
                if (act) return;
                acts_.erase(id);
                complain("job.begin_failed", id, act.error());
                wake_at(lanes_.clock().now() + kSettleRetry);
              });
        }
      });
}

Duration Runner::take_clock_step() {
  const Duration apart = Duration{lanes_.clock().now().ms} - lanes_.clock().monotonic();
  const Duration step = apart - clock_apart_;
  if (std::chrono::abs(step) < kClockStepMin) return Duration{0};
  clock_apart_ = apart;
  return step;
}

/// Jobs that can begin, in the order in which they shall. Those behind a job that lacks a slot are
/// looked at all the same, so that copies that queue hold up nothing else.
std::vector<JobId> Runner::choose(db::Txn& txn) const {
  std::vector<JobId> chosen;
  std::map<Place, int> free;
  ProgressBoard::HeldBack held_back;
  std::map<Place, std::shared_ptr<const std::string>> reasons;
  const auto no_thread = std::make_shared<const std::string>("all driver threads are busy");
  for (const Ranked& next : rank(list_runnable(txn))) {
    if (!has_thread(next.place.slot)) {
      held_back.emplace(next.id, no_thread);
      continue;
    }
    if (next.place.slot != Slot::kNone) {
      int& left = free.try_emplace(next.place, free_slots(next.place)).first->second;
      if (left <= 0) {
        auto& reason = reasons[next.place];
        if (!reason) reason = std::make_shared<const std::string>(why_full(next.place));
        held_back.emplace(next.id, reason);
        continue;
      }
      --left;
    }
    chosen.push_back(next.id);
    if (chosen.size() >= kChosenMax) break;
  }
  board_.hold_back(std::move(held_back));
  return chosen;
}

std::string Runner::why_full(const Place& place) const {
  const bool is_host = place.slot == Slot::kHost;
  const auto where = fmt::format("{} {}", is_host ? "host" : "datastore", place.id);
  if (hung_at(place) >= limits_.hung_per_place)
    return fmt::format("earlier steps hang on {}", where);
  return fmt::format("{} is busy: at most {} {} at a time", where, most_at(place),
                     is_host ? "steps" : "copies");
}

std::vector<Runner::Ranked> Runner::rank(const std::vector<Candidate>& waiting) const {
  std::map<Turn, int> ahead;
  for (const auto& [id, act] : acts_)
    if (!act->is_stalled) ++ahead[{act->place, act->job.owner}];
  std::vector<Ranked> ranked;
  for (const Candidate& job : waiting) {
    if (acts_.contains(job.id)) continue;
    const StepSpec* step = find_step(job.kind, job.step);
    const Slot slot = step == nullptr ? Slot::kNone : step->slot;
    const Place place{slot, place_id(slot, job.host, job.datastore)};
    const Turn turn{place, job.owner};
    const auto last = turns_.find(turn);
    ranked.push_back({ahead[turn]++, last == turns_.end() ? 0 : last->second, job.id, place});
  }
  std::sort(ranked.begin(), ranked.end());
  return ranked;
}

void Runner::take_turn(const Turn& turn) {
  if (turns_.size() >= kTurnsMax) turns_.clear();
  turns_[turn] = ++last_turn_;
}

/// A timer never sleeps long, for the clock may be set.
void Runner::wake_at(Instant due) {
  const Instant now = lanes_.clock().now();
  due = std::min(due, now + kSleepMax);
  if (next_wake_ > now && next_wake_ <= due) return;
  next_wake_ = due;
  lanes_.timers().after(std::max(due - now, Duration{1}), lanes_.store(), [this, due] {
    if (next_wake_ == due) next_wake_ = {};
    ask_pump();
  });
}

const StepSpec* Runner::find_step(std::string_view kind_name, std::string_view step_name) const {
  const auto kind = kinds_.find(kind_name);
  if (kind == kinds_.end()) return nullptr;
  const auto& steps = kind->second.steps;
  const auto step = std::find_if(steps.begin(), steps.end(),
                                 [&](const StepSpec& spec) { return spec.name == step_name; });
  return step == steps.end() ? nullptr : &*step;
}

bool Runner::has_thread(Slot slot) const {
  const auto hung = std::count_if(acts_.begin(), acts_.end(), [](const auto& entry) {
    return entry.second->is_stalled.load();
  });
  const auto live = std::ssize(acts_) - std::min<std::ptrdiff_t>(hung, limits_.hung_max);
  const int kept = slot == Slot::kNone ? 0 : limits_.acts_max / 4;
  return live < limits_.acts_max - kept;
}

int Runner::hung_at(const Place& place) const {
  return static_cast<int>(std::count_if(acts_.begin(), acts_.end(), [&](const auto& entry) {
    return entry.second->is_stalled && entry.second->hangs_at() == place;
  }));
}

int Runner::free_slots(const Place& place) const {
  if (hung_at(place) >= limits_.hung_per_place) return 0;
  const auto taken = std::count_if(acts_.begin(), acts_.end(), [&](const auto& entry) {
    return !entry.second->is_stalled && entry.second->place == place;
  });
  return most_at(place) - static_cast<int>(taken);
}

int Runner::most_at(const Place& place) const {
  return place.slot == Slot::kHost ? limits_.per_host : limits_.copies_per_datastore;
}

/// Nobody settles this job: its kind hears of it instead.
void Runner::abandon(db::Txn& txn, const Job& job, const Error& error) {
  log::error("job.abandoned", {{"job", job.id}, {"kind", job.kind}, {"step", job.step},
                               {"error", error.text()}});
  const auto kind = kinds_.find(job.kind);
  if (kind != kinds_.end() && kind->second.abandon) kind->second.abandon(txn, job, error);
  apply(txn, job, failed(error));
}

/// Plans the step of a job. Steps that need nothing of the world are settled at once.
/// \returns null when there is nothing to launch
Result<std::shared_ptr<Runner::Act>> Runner::begin(db::Txn& txn, JobId id) {
  const auto job = find_runnable(txn, id);
  if (!job || acts_.contains(id) || is_stopping_) return nullptr;
  const StepSpec* step = find_step(job->kind, job->step);
  if (step == nullptr || !job->damage.empty()) {
    abandon(txn, *job, {Errc::kInternal, step != nullptr ? job->damage
                        : fmt::format("no step {}/{}", job->kind, job->step), {}});
    return nullptr;
  }
  const Place place{step->slot, place_id(step->slot, job->host, job->datastore)};
  if (!has_thread(step->slot)) return nullptr;
  if (step->slot != Slot::kNone && free_slots(place) <= 0) return nullptr;
  auto work = step->plan(txn, *job);
  if (!work) {
    log::warn("job.failed", {{"job", id}, {"kind", job->kind}, {"step", job->step},
                             {"error", work.error().text()}});
    apply(txn, *job, failed(work.error()));
    return nullptr;
  }
  if (!work->act) {
    apply(txn, *job, work->settle(txn, *job, {}));
    return nullptr;
  }
  const bool is_barred = work->host.is_set() &&
                         hung_at({Slot::kHost, work->host.value}) >= limits_.hung_per_place;
  if (is_barred) {
    apply(txn, *job, wait_for({}, kHungPause, fmt::format("earlier steps hang on host {}",
                                                          work->host)));
    return nullptr;
  }
  mark_running(txn, id);
  auto act = std::make_shared<Act>(*job, *step, std::move(*work), board_, lanes_.clock());
  take_turn({act->place, job->owner});
  acts_.emplace(id, act);
  return act;
}

void Runner::launch(const std::shared_ptr<Act>& act) {
  if (++acting_ == 1) lanes_.timers().after(kWatchInterval, lanes_.store(), [this] { watch(); });
  lanes_.drivers().post([this, act] {
    Result<void> outcome = act->work.act(act->progress);
    if (!outcome && act->is_stalled) {
      outcome = fail_because(Errc::kStalled, outcome.error().text(), "nothing moved for {} s",
                             act->step.stall.count() / 1000);
    }
    lanes_.store().post([this, act, outcome = std::move(outcome)] { finish(act, outcome); });
  });
}

/// Settles; when the store cannot take it, tries until it can. A stop leaves the row as it is: the
/// next start runs the step again.
void Runner::finish(const std::shared_ptr<Act>& act, Result<void> outcome) {
  const JobId id = act->job.id;
  if (is_stopping_ && !outcome) {
    --acting_;
    return;
  }
  store_.run<std::monostate>(
      [act, outcome](db::Txn& txn) -> Result<std::monostate> {
        const Job job = TRY(find(txn, act->job.id));
        apply(txn, job, act->work.settle(txn, job, outcome));
        return std::monostate{};
      },
      [this, act, outcome, id](const Result<std::monostate>& settled) {
        if (!settled && settled.error().code != Errc::kNotFound) {
          complain("job.settle_failed", id, settled.error());
          lanes_.timers().after(kSettleRetry, lanes_.store(),
                                [this, act, outcome] { finish(act, outcome); });
          return;
        }
        acts_.erase(id);
        board_.erase(id);
        --acting_;
        ask_pump();
      });
}

/// Tells steps to stop that have not moved for their stall limit, and gives their slots to others.
void Runner::watch() {
  for (const auto& [id, act] : acts_) {
    const Duration idle = act->progress.idle();
    if (idle < act->step.stall || act->is_stalled.exchange(true)) continue;
    log::warn("job.stalled", {{"job", id}, {"kind", act->job.kind}, {"step", act->step.name}});
    act->progress.cancel();
    // The row tells; and the commit looks at the queue again.
    store_.run([job = act->job, idle](db::Txn& txn) -> Result<void> {
      mark_stalled(txn, job, idle);
      return {};
    });
  }
  if (acting_ > 0) lanes_.timers().after(kWatchInterval, lanes_.store(), [this] { watch(); });
}

}  // namespace neph::jobs
