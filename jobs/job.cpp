#include "jobs/job.h"

#include <algorithm>
#include <array>

#include "jobs/backoff.h"

namespace neph::jobs {

std::string_view name_of(JobState state) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "", "queued", "running", "waiting", "done", "failed", "cancelled"};
  return kNames.at(static_cast<std::size_t>(state));
}

Next go(std::string_view step) {
  Next next;
  next.kind = Next::Kind::kStep;
  next.step = step;
  return next;
}

Next again(Duration after, std::string reason) {
  Next next;
  next.kind = Next::Kind::kAgain;
  next.after = after;
  next.reason = std::move(reason);
  return next;
}

Next wait_for(std::string key, Duration deadline, std::string reason) {
  Next next;
  next.kind = Next::Kind::kWait;
  next.key = std::move(key);
  next.after = deadline;
  next.reason = std::move(reason);
  return next;
}

Next done(std::string result) {
  Next next;
  next.result = std::move(result);
  return next;
}

Next failed(Error error) {
  Next next;
  next.kind = Next::Kind::kFailed;
  next.error = std::move(error);
  return next;
}

Next cancelled() {
  Next next;
  next.kind = Next::Kind::kCancelled;
  return next;
}

Work at_once(Next next) {
  return {nullptr, [next = std::move(next)](db::Txn&, const Job&, Result<void>) { return next; }};
}

Duration pause_after(int attempt, Duration first, Duration longest) {
  constexpr int kDoublingsMax = 20;
  return std::min(first * (std::int64_t{1} << std::clamp(attempt, 0, kDoublingsMax)), longest);
}

}  // namespace neph::jobs
