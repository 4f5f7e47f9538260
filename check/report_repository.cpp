#include <algorithm>

#include "check/internal/reports.h"

namespace neph::check {
namespace {

constexpr int kReportsKept = 20;

Finding read_finding(const db::Cursor& row) {
  Finding finding;
  finding.kind = row.get<Kind>(0);
  finding.severity = row.get<Severity>(1);
  finding.object = row.text(2);
  finding.place = row.text(3);
  finding.owner = row.text(4);
  finding.size = Bytes{row.integer(5)};
  finding.modified = row.get<Instant>(6);
  finding.words = row.text(7);
  finding.repair = row.get<Repair>(8);
  finding.repaired = row.text(9);
  return finding;
}

}  // namespace

void save_report(db::Txn& txn, const Report& report) {
  txn.exec("DELETE FROM checks WHERE job_id = ?", report.job);
  txn.exec("DELETE FROM checks WHERE job_id NOT IN "
           "(SELECT job_id FROM checks ORDER BY job_id DESC LIMIT ?)", kReportsKept - 1);
  txn.exec("INSERT INTO checks(job_id, is_repair, began_at_ms, ended_at_ms, vms, images, hosts, "
           "files, findings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
           report.job, report.is_repair, report.began, report.ended, report.vms, report.images,
           report.hosts, report.files, report.found);
  const auto count = std::min(report.findings.size(), kFindingsMax);
  for (std::size_t number = 0; number < count; ++number) {
    const Finding& finding = report.findings[number];
    txn.exec("INSERT INTO check_findings(job_id, number, kind, severity, object, place, owner, "
             "size_bytes, modified_at_ms, words, repair, repaired) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
             report.job, number, finding.kind, finding.severity, finding.object, finding.place,
             finding.owner, finding.size.value, finding.modified, finding.words, finding.repair,
             finding.repaired);
  }
  for (const Unseen& unseen : report.unseen) {
    txn.exec("INSERT OR IGNORE INTO check_unseen(job_id, place, reason) VALUES (?, ?, ?)",
             report.job, unseen.place, unseen.reason);
  }
}

Result<Report> find_report(db::Txn& txn, JobId job) {
  Report report;
  report.job = job;
  auto row = txn.query("SELECT is_repair, began_at_ms, ended_at_ms, vms, images, hosts, files, "
                       "findings FROM checks WHERE job_id = ?", job);
  if (!row.next()) return fail(Errc::kNotFound, "there is no report of a check by job {}", job);
  report.is_repair = row.get<bool>(0);
  report.began = row.get<Instant>(1);
  report.ended = row.get<Instant>(2);
  report.vms = row.integer(3);
  report.images = row.integer(4);
  report.hosts = row.integer(5);
  report.files = row.integer(6);
  report.found = row.integer(7);
  auto found = txn.query("SELECT kind, severity, object, place, owner, size_bytes, modified_at_ms, "
                         "words, repair, repaired FROM check_findings WHERE job_id = ? "
                         "ORDER BY number", job);
  while (found.next()) report.findings.push_back(read_finding(found));
  auto unseen = txn.query("SELECT place, reason FROM check_unseen WHERE job_id = ? ORDER BY place",
                          job);
  while (unseen.next()) report.unseen.push_back({unseen.text(0), unseen.text(1)});
  return report;
}

void note_repair(db::Txn& txn, JobId job, std::string_view place, std::string_view words) {
  txn.exec("UPDATE check_findings SET repaired = ? WHERE job_id = ? AND place = ? AND repair <> 0",
           words, job, place);
}

}  // namespace neph::check
