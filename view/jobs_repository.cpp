#include "view/internal/jobs_rows.h"

namespace neph::view {

std::vector<JobId> list_shown_jobs(db::Txn& txn, std::size_t over_max) {
  std::vector<JobId> ids;
  auto rows = txn.query(
      "SELECT id FROM jobs WHERE state <= 3 UNION "
      "SELECT id FROM (SELECT id FROM jobs WHERE state > 3 ORDER BY id DESC LIMIT ?) ORDER BY id",
      over_max);
  while (rows.next()) ids.push_back(rows.get<JobId>(0));
  return ids;
}

}  // namespace neph::view
