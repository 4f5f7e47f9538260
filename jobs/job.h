#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/progress.h"
#include "base/result.h"
#include "db/database.h"
#include "text/template.h"

/// Durable jobs: everything slow is a row with a cursor, so that kill -9 loses nothing (D6).
/// This room knows no VM and no image; upper rooms register kinds.
namespace neph::jobs {

enum class JobState {
  kQueued = 1, kRunning = 2, kWaiting = 3, kDone = 4, kFailed = 5, kCancelled = 6,
};
[[nodiscard]] std::string_view name_of(JobState state);
[[nodiscard]] constexpr bool is_over(JobState state) { return state >= JobState::kDone; }

/// One row of the queue.
struct Job {
  JobId id;
  std::string kind;
  std::string step;  ///< the cursor: this step runs next, or again
  JobState state = JobState::kQueued;
  text::Template args;  ///< written by the kind, read by its steps
  UserId owner;
  HostId host;            ///< whose slot it takes
  DatastoreId datastore;  ///< whose slot it takes
  VmId vm;
  ImageId image;
  SnapshotId snapshot;
  int attempt = 0;            ///< of the present step, 0 for the first
  bool is_cancel_asked = false;
  std::string wake_key;       ///< what a waiting job waits for
  Instant not_before;         ///< earliest next run; a waiting job's deadline
  std::string reason;         ///< why it waits, for people
  std::string error;
  std::string result;
  Instant created;
  Instant changed;
  std::string damage;         ///< why its arguments cannot be read; empty: they can
};

/// What a step asks for after it ran. Built with the functions below.
struct Next {
  enum class Kind { kStep, kAgain, kWait, kDone, kFailed, kCancelled };
  Kind kind = Kind::kDone;
  std::string step;
  std::string key;
  Duration after{0};
  std::string reason;
  std::string result;
  std::optional<Error> error;
};
/// Goes on with another step, at once.
[[nodiscard]] Next go(std::string_view step);
/// Runs the same step again after a while; counts as another attempt.
[[nodiscard]] Next again(Duration after, std::string reason);
/// Runs the same step again when somebody wakes the key, or when the deadline has passed. For
/// steps that did not act: a wake that comes while a step acts is not remembered, so a settle
/// that finds it must wait answers go(step) with a step whose plan looks and waits.
[[nodiscard]] Next wait_for(std::string key, Duration deadline, std::string reason);
[[nodiscard]] Next done(std::string result = {});
[[nodiscard]] Next failed(Error error);
[[nodiscard]] Next cancelled();

/// One step, planned in a transaction, acted out without one, settled in a transaction.
struct Work {
  /// Runs on a driver lane, sees no database, inspects the world first, may run again after
  /// kill -9. Empty: settled in the planning transaction itself.
  std::function<Result<void>(Progress&)> act;
  /// Runs on the store lane, in the same transaction as the new cursor.
  std::function<Next(db::Txn&, const Job&, Result<void>)> settle;
  /// The host that the act calls, for steps without a slot: where earlier steps hang, it waits.
  HostId host;
};

/// A Work whose act answers a value.
template <class T>
[[nodiscard]] Work work(std::function<Result<T>(Progress&)> act,
                        std::function<Next(db::Txn&, const Job&, Result<T>)> settle) {
  auto answer = std::make_shared<std::optional<Result<T>>>();
  return {[act = std::move(act), answer](Progress& progress) -> Result<void> {
            *answer = act(progress);
            if (!**answer) return tl::unexpected((*answer)->error());
            return {};
          },
          [settle = std::move(settle), answer](db::Txn& txn, const Job& job,
                                               Result<void> outcome) -> Next {
            if (!outcome) return settle(txn, job, tl::unexpected(outcome.error()));
            return settle(txn, job, **answer);
          }};
}

/// A step that needs nothing of the world.
[[nodiscard]] Work at_once(Next next);

/// What a step occupies while it acts. Pins take none: an instant never waits for a copy.
enum class Slot { kNone, kHost, kCopy };

struct StepSpec {
  std::string name;
  Slot slot = Slot::kNone;
  /// No progress for so long: the step is told to stop, and others get its slot.
  Duration stall{60'000};
  std::function<Result<Work>(db::Txn&, const Job&)> plan;
};

struct KindSpec {
  std::string kind;
  std::vector<StepSpec> steps;
  /// The runner cannot run the job (its row is damaged, its step is not known) and fails it: tells
  /// the object that it works for, so that its owner gets it out of there.
  std::function<void(db::Txn&, const Job&, const Error&)> abandon = nullptr;
};

}  // namespace neph::jobs
