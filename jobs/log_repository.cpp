#include "jobs/log.h"

namespace neph::jobs {
namespace {

constexpr int kFirstKept = 8;
constexpr int kLastKept = 56;
/// A loop of a few steps ("ask, wait, look") repeats itself entry by entry.
constexpr int kRepeatsWithin = 4;
constexpr std::size_t kTextMax = 2'000;

/// \returns whether one of the last entries said the same
bool count_repetition(db::Txn& txn, JobId job, int next, std::string_view step,
                      std::string_view text) {
  const auto same = txn.value<int>(
      "SELECT seq FROM job_log WHERE job_id = ? AND seq >= ? AND step = ? AND text = ?", job,
      next - kRepeatsWithin, step, text);
  if (!same) return false;
  txn.exec("UPDATE job_log SET times = times + 1, last_at_ms = ? WHERE job_id = ? AND seq = ?",
           txn.at(), job, *same);
  return true;
}

/// At most kTextMax bytes, without half a character at the end.
std::string_view cut(std::string_view text) {
  if (text.size() <= kTextMax) return text;
  std::size_t end = kTextMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

void note(db::Txn& txn, JobId job, std::string_view step, std::string_view whole) {
  txn.touch(ObjectKind::kJob, job);
  const std::string_view text = cut(whole);
  const int next = txn.value<int>("SELECT COALESCE(MAX(seq) + 1, 0) FROM job_log WHERE job_id = ?",
                                  job)
                       .value_or(0);
  if (count_repetition(txn, job, next, step, text)) return;
  txn.exec("INSERT INTO job_log(job_id, seq, at_ms, last_at_ms, step, text) VALUES(?,?,?,?,?,?)",
           job, next, txn.at(), txn.at(), step, text);
  if (next < kFirstKept + kLastKept) return;
  txn.exec("DELETE FROM job_log WHERE job_id = ? AND seq BETWEEN ? AND ?", job, kFirstKept,
           next - kLastKept);
}

std::vector<LogEntry> list_log(db::Txn& txn, JobId job) {
  std::vector<LogEntry> log;
  auto rows = txn.query(
      "SELECT seq, at_ms, last_at_ms, times, step, text FROM job_log WHERE job_id = ? ORDER BY seq",
      job);
  while (rows.next()) {
    log.push_back({rows.get<int>(0), rows.get<Instant>(1), rows.get<Instant>(2), rows.get<int>(3),
                   rows.text(4), rows.text(5)});
  }
  return log;
}

}  // namespace neph::jobs
