#pragma once

#include <vector>

#include "check/findings.h"
#include "db/database.h"

/// What a run found, as rows.
namespace neph::check {

struct Report {
  JobId job;
  bool is_repair = false;
  Instant began;
  Instant ended;
  std::int64_t vms = 0;
  std::int64_t images = 0;
  std::int64_t hosts = 0;
  std::int64_t files = 0;
  std::int64_t found = 0;         ///< also those beyond kFindingsMax
  std::vector<Finding> findings;  ///< the first, worst first
  std::vector<Unseen> unseen;
};

/// So many findings of a run are kept.
inline constexpr std::size_t kFindingsMax = 5'000;

/// Forgets the oldest reports.
void save_report(db::Txn& txn, const Report& report);
[[nodiscard]] Result<Report> find_report(db::Txn& txn, JobId job);
void note_repair(db::Txn& txn, JobId job, std::string_view place, std::string_view words);

/// Makes the sums of quotas what the rows add up to; touches users and groups.
void recount_quotas(db::Txn& txn);

}  // namespace neph::check
