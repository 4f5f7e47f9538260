#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "db/database.h"

/// What happened to a job, in words for its owner. Store lane, in the transaction in which it
/// happened, so that the log and the cursor never differ.
namespace neph::jobs {

struct LogEntry {
  int seq = 0;
  Instant at;         ///< the first time
  Instant last;       ///< the last time
  int times = 1;
  std::string step;
  std::string text;
};

/// Writes an entry; touches the job. What repeats one of the last few entries is counted there, so
/// that a job that waits for days does not wash its story away. Of a long log the first entries and
/// the last are kept. Long texts are cut.
void note(db::Txn& txn, JobId job, std::string_view step, std::string_view text);
/// Oldest first.
[[nodiscard]] std::vector<LogEntry> list_log(db::Txn& txn, JobId job);

}  // namespace neph::jobs
