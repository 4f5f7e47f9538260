#include "check/check_service.h"

#include <algorithm>

#include "base/log.h"
#include "check/catalogue.h"
#include "check/findings.h"
#include "check/internal/report_xml.h"
#include "check/internal/reports.h"
#include "check/look.h"
#include "datastore/holds.h"
#include "db/upkeep.h"
#include "jobs/queue.h"

/// site.check: looks at hosts and storage, compares with the rows as they were before and are
/// after, mends rows in the same transaction, then files. site.backup: copies the store.
namespace neph::check {
namespace {

using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr std::string_view kRepair = "REPAIR";
constexpr std::string_view kRemove = "REMOVE";
constexpr std::string_view kPath = "PATH";
/// A large datastore is listed without a word in between.
constexpr Duration kLookStall{600'000};

Result<void> check_path(const std::string& path) {
  const std::filesystem::path asked(path);
  const bool is_plain = asked.is_absolute() && asked.lexically_normal() == asked &&
                        asked.has_filename();
  if (is_plain) return {};
  return fail(Errc::kInvalid, "\"{}\" is not the absolute path of a file, without . and ..", path);
}

/// What stands in the rows alone is mended in the transaction that finds it.
void mend_rows(db::Txn& txn, const Catalogue& rows, std::vector<Finding>& findings) {
  bool is_recounted = false;
  for (Finding& finding : findings) {
    if (finding.repair == Repair::kRecount) {
      if (!is_recounted) recount_quotas(txn);
      is_recounted = true;
      finding.repaired = "counted anew";
    }
    for (const ClaimRow& claim : rows.claims) {
      if (finding.repair != Repair::kReleaseClaim || claim.resource != finding.place) continue;
      jobs::release(txn, claim.job, claim.resource);
      finding.repaired = "released";
    }
    for (const HoldRow& hold : rows.holds) {
      const bool is_this = finding.object == fmt::format("snapshot {}", hold.snapshot);
      if (finding.repair != Repair::kReleaseHold || !is_this) continue;
      datastore::release_hold(txn, hold.snapshot);
      finding.repaired = "released";
    }
  }
}

void log_repairs(const Job& job, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.repaired.empty()) continue;
    log::info("check.repaired", {{"job", job.id},
                                 {"kind", name_of(finding.kind)},
                                 {"object", finding.object},
                                 {"place", finding.place},
                                 {"done", finding.repaired}});
  }
}

std::string summary(const Report& report) {
  if (report.found == 0 && report.unseen.empty()) return "nothing to complain about";
  return fmt::format("{} findings, {} places not looked at", report.found, report.unseen.size());
}

Next settle_look(db::Txn& txn, const Job& job, const Catalogue& before, const Seen& seen) {
  const Catalogue now = read_catalogue(txn, before.at);
  if (const std::string path = job.args.get(kRemove); !path.empty()) {
    for (const Catalogue* rows : {&before, &now}) {
      if (const auto allowed = may_remove(*rows, seen, path); !allowed)
        return jobs::failed(allowed.error());
    }
    return jobs::go("remove");
  }
  Report report;
  report.job = job.id;
  report.is_repair = job.args.is_yes(kRepair);
  report.began = seen.began;
  report.ended = txn.at();
  report.vms = static_cast<std::int64_t>(now.vms.size());
  report.images = static_cast<std::int64_t>(now.images.size());
  report.hosts = static_cast<std::int64_t>(seen.hosts.size());
  report.files = static_cast<std::int64_t>(seen.files.size());
  report.findings = lasting(compare(before, seen), compare(now, seen));
  report.found = static_cast<std::int64_t>(report.findings.size());
  report.unseen = seen.unseen;
  if (report.is_repair) mend_rows(txn, now, report.findings);
  log_repairs(job, report.findings);
  save_report(txn, report);
  const bool has_files = std::ranges::any_of(report.findings, [](const Finding& finding) {
    return finding.repair == Repair::kRemoveFile;
  });
  log::info("check.done", {{"job", job.id}, {"result", summary(report)}});
  if (report.is_repair && has_files) return jobs::go("sweep");
  return jobs::done(summary(report));
}

Result<Work> plan_look(const DriverCatalogue& drivers, const std::filesystem::path& store,
                       db::Txn& txn, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::cancelled());
  const auto rows = std::make_shared<const Catalogue>(read_catalogue(txn, {}));
  return jobs::work<Seen>(
      [&drivers, store, rows](Progress& progress) -> Result<Seen> {
        Seen seen = look(drivers, *rows, store, progress);
        if (progress.is_cancelled()) return fail(Errc::kConflict, "the check was cancelled");
        return seen;
      },
      [rows](db::Txn& settling, const Job& now, Result<Seen> seen) -> Next {
        if (now.is_cancel_asked) return jobs::cancelled();
        if (!seen) return jobs::failed(seen.error());
        return settle_look(settling, now, *rows, *seen);
      });
}

struct Doomed {
  datastore_driver::Driver* driver = nullptr;
  std::string path;
};

Result<Doomed> doom(const DriverCatalogue& drivers, const Catalogue& rows,
                    const std::string& path) {
  for (const DatastoreRow& datastore : rows.datastores) {
    if (path.starts_with(datastore.base_path + "/"))
      return Doomed{TRY(drivers.datastore(datastore.tm_mad)), path};
  }
  return fail(Errc::kNotFound, "{} lies in no datastore", path);
}

/// Removes what an ended job began: their names carry its number, so nobody finishes them.
Result<Work> plan_sweep(const DriverCatalogue& drivers, db::Txn& txn, const Job& job) {
  const Report report = TRY(find_report(txn, job.id));
  const Catalogue rows = read_catalogue(txn, {});
  std::vector<Doomed> files;
  for (const Finding& finding : report.findings) {
    if (finding.repair == Repair::kRemoveFile)
      files.push_back(TRY(doom(drivers, rows, finding.place)));
  }
  using Removed = std::vector<std::string>;
  return jobs::work<Removed>(
      [files](Progress&) -> Result<Removed> {
        Removed removed;
        for (const Doomed& file : files) {
          if (file.driver->ensure_deleted(file.path)) removed.push_back(file.path);
        }
        return removed;
      },
      [](db::Txn& settling, const Job& now, Result<Removed> removed) -> Next {
        for (const std::string& path : *removed) {
          note_repair(settling, now.id, path, "removed");
          log::info("check.repaired", {{"job", now.id}, {"place", path}, {"done", "removed"}});
        }
        const auto report = find_report(settling, now.id);
        return report ? jobs::done(summary(*report)) : jobs::failed(report.error());
      });
}

Result<Work> plan_remove(const DriverCatalogue& drivers, db::Txn& txn, const Job& job) {
  const auto file = TRY(doom(drivers, read_catalogue(txn, {}), job.args.get(kRemove)));
  return Work{[file](Progress&) { return file.driver->ensure_deleted(file.path); },
              [file](db::Txn&, const Job& now, Result<void> removed) -> Next {
                if (!removed) return jobs::failed(removed.error());
                log::info("check.removed", {{"job", now.id}, {"path", file.path}});
                return jobs::done(fmt::format("{} is removed", file.path));
              }};
}

/// Before the first attempt: from then on a file of that name may be our own.
Result<Work> plan_refusal(const Job& job) {
  const std::filesystem::path target = job.args.get(kPath);
  return Work{[target](Progress&) -> Result<void> {
                std::error_code problem;
                if (std::filesystem::exists(target, problem))
                  return fail(Errc::kConflict, "file {} exists already", target.string());
                return {};
              },
              [](db::Txn&, const Job&, Result<void> free) -> Next {
                return free ? jobs::go("copy") : jobs::failed(free.error());
              }};
}

/// Whether an attempt before a kill -9 has finished the backup.
bool is_made(const std::filesystem::path& store, const std::filesystem::path& target) {
  const auto ours = db::inspect_store(store);
  const auto made = db::inspect_store(target);
  return ours && made && made->identity == ours->identity;
}

Result<Work> plan_backup(const std::filesystem::path& store, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::cancelled());
  const std::filesystem::path target = job.args.get(kPath);
  // The number tells whose it is, should it be left behind.
  const std::filesystem::path part = fmt::format("{}.part-{}", target.string(), job.id);
  return Work{[store, part, target](Progress& progress) -> Result<void> {
                if (is_made(store, target)) return {};
                return db::copy_store(store, part, target, progress);
              },
              [target](db::Txn&, const Job& now, Result<void> copied) -> Next {
                if (!copied && now.is_cancel_asked) return jobs::cancelled();
                if (!copied) return jobs::failed(copied.error());
                log::info("backup.done", {{"job", now.id}, {"file", target.string()}});
                return jobs::done(target.string());
              }};
}

JobId enqueue(db::Txn& txn, UserId by, std::string kind, std::string step,
              const text::Template& args) {
  return jobs::enqueue(txn, {.kind = std::move(kind), .step = std::move(step), .args = args,
                             .owner = by});
}

}  // namespace

JobId CheckService::start(db::Txn& txn, UserId by, Mend mend) const {
  text::Template args;
  if (mend == Mend::kProven) args.set(kRepair, "YES");
  return enqueue(txn, by, "site.check", "look", args);
}

Result<JobId> CheckService::start_removal(db::Txn& txn, UserId by, const std::string& path) const {
  CHECK_OK(check_path(path));
  text::Template args;
  args.set(kRemove, path);
  return enqueue(txn, by, "site.check", "look", args);
}

Result<std::string> CheckService::document(db::Txn& txn, JobId job) const {
  return report_xml(TRY(find_report(txn, job)));
}

Result<JobId> CheckService::start_backup(db::Txn& txn, UserId by, const std::string& path) const {
  CHECK_OK(check_path(path));
  if (store_.empty()) return fail(Errc::kWrongState, "a store in memory has no backups");
  text::Template args;
  args.set(kPath, path);
  return enqueue(txn, by, "site.backup", "refuse", args);
}

std::vector<jobs::KindSpec> CheckService::job_kinds() const {
  const auto* drivers = &drivers_;
  jobs::StepSpec look{.name = "look", .stall = kLookStall};
  look.plan = [drivers, store = store_](db::Txn& txn, const Job& job) {
    return plan_look(*drivers, store, txn, job);
  };
  jobs::StepSpec sweep{.name = "sweep"};
  sweep.plan = [drivers](db::Txn& txn, const Job& job) { return plan_sweep(*drivers, txn, job); };
  jobs::StepSpec remove{.name = "remove"};
  remove.plan = [drivers](db::Txn& txn, const Job& job) { return plan_remove(*drivers, txn, job); };
  jobs::StepSpec refuse{.name = "refuse"};
  refuse.plan = [](db::Txn&, const Job& job) { return plan_refusal(job); };
  jobs::StepSpec copy{.name = "copy", .stall = kLookStall};
  copy.plan = [store = store_](db::Txn&, const Job& job) { return plan_backup(store, job); };
  return {{"site.check", {look, sweep, remove}}, {"site.backup", {refuse, copy}}};
}

}  // namespace neph::check
