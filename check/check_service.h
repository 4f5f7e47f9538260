#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "db/database.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"

/// Looks after the site as a whole: what is in the catalogue against what there is, and copies of
/// the catalogue itself. All of it is for administrators, which is the caller's business.
namespace neph::check {

class CheckService {
 public:
  /// \param store  file of the state store, empty for one in memory
  CheckService(const DriverCatalogue& drivers, std::filesystem::path store)
      : drivers_(drivers), store_(std::move(store)) {}

  enum class Mend { kNothing, kProven };
  /// Queues "site.check". Its report is there when the job is done.
  JobId start(db::Txn& txn, UserId by, Mend mend) const;
  /// Queues the removal of a file that no row names: "site.check" looks everywhere first, and the
  /// job fails unless the file is provably nobody's.
  /// \returns kInvalid for a path that is not absolute and plain
  Result<JobId> start_removal(db::Txn& txn, UserId by, const std::string& path) const;
  /// The CHECK document of a job of start(). \returns kNotFound when there is none (yet)
  [[nodiscard]] Result<std::string> document(db::Txn& txn, JobId job) const;

  /// Queues "site.backup": the store as it is at one instant, in a file on this machine that must
  /// not be there yet. \returns kInvalid for a path that is not absolute and plain
  Result<JobId> start_backup(db::Txn& txn, UserId by, const std::string& path) const;

  [[nodiscard]] std::vector<jobs::KindSpec> job_kinds() const;

 private:
  const DriverCatalogue& drivers_;
  const std::filesystem::path store_;
};

}  // namespace neph::check
