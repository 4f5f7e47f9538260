#include <algorithm>

#include "base/numbers.h"
#include "db/counters.h"
#include "db/list_ids.h"
#include "jobs/log.h"
#include "jobs/queue.h"

namespace neph::jobs {
namespace {

constexpr std::string_view kColumns =
    "id, kind, step, state, args, user_id, host_id, datastore_id, vm_id, image_id, snapshot_id, "
    "attempt, is_cancel_asked, wake_key, not_before_ms, reason, error, result, created_at_ms, "
    "changed_at_ms";
/// How long the history of what is over is kept, and how often that is looked at.
constexpr Duration kHistory{7LL * 86'400'000};
constexpr std::int64_t kPruneEvery = 256;
constexpr Duration kPauseMax{60'000};
// SQLite takes a partial index only where the query repeats its condition word by word, as the
// queries below do with "state <= 3" and "wake_key <> ''".

std::string select(std::string_view rest) { return fmt::format("SELECT {} {}", kColumns, rest); }

Job read(const db::Cursor& row) {
  Job job;
  int column = 0;
  auto into = [&]<class T>(T& field) { field = row.get<T>(column++); };
  std::string args;
  into(job.id), into(job.kind), into(job.step), into(job.state), into(args), into(job.owner);
  into(job.host), into(job.datastore), into(job.vm), into(job.image), into(job.snapshot);
  into(job.attempt), into(job.is_cancel_asked), into(job.wake_key), into(job.not_before);
  into(job.reason), into(job.error), into(job.result), into(job.created), into(job.changed);
  auto parsed = text::Template::parse(args, text::kStoredLimits);
  if (parsed) job.args = std::move(*parsed);
  else job.damage = fmt::format("its arguments are damaged: {}", parsed.error().text());
  return job;
}

std::vector<Job> read_all(db::Cursor rows) {
  std::vector<Job> jobs;
  while (rows.next()) jobs.push_back(read(rows));
  return jobs;
}

void release_all(db::Txn& txn, JobId job) {
  std::vector<std::string> resources;
  auto rows = txn.query("SELECT resource FROM job_claims WHERE job_id = ?", job);
  while (rows.next()) resources.push_back(rows.text(0));
  for (const auto& resource : resources) release(txn, job, resource);
}

/// "done", "done: 100 MB", "failed: no space".
std::string words_of_end(JobState state, const Next& next) {
  const std::string more = next.error ? next.error->text() : next.result;
  return fmt::format("{}{}{}", name_of(state), more.empty() ? "" : ": ", more);
}

void end(db::Txn& txn, const Job& job, JobState state, const Next& next) {
  note(txn, job.id, job.step, words_of_end(state, next));
  txn.exec(
      "UPDATE jobs SET state = ?, wake_key = '', not_before_ms = 0, reason = '', error = ?, "
      "result = ?, changed_at_ms = ? WHERE id = ?",
      state, next.error ? next.error->text() : "", next.result, txn.at(), job.id);
  release_all(txn, job.id);
  wake(txn, over_key(job.id));
  if (job.id.value % kPruneEvery == 0) prune(txn, Instant{txn.at().ms - kHistory.count()});
}

}  // namespace

JobId enqueue(db::Txn& txn, const NewJob& job) {
  const auto id = db::take_id<JobId>(txn, "job");
  const JobState state = job.wake_key.empty() ? JobState::kQueued : JobState::kWaiting;
  txn.exec(
      "INSERT INTO jobs(id, kind, step, state, args, user_id, host_id, datastore_id, vm_id, "
      "image_id, snapshot_id, wake_key, not_before_ms, reason, created_at_ms, changed_at_ms) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      id, job.kind, job.step, state, job.args.to_text(), job.owner, job.host, job.datastore,
      job.vm, job.image, job.snapshot, job.wake_key, Instant{job.wake_key.empty() ? 0 : kNever},
      job.reason, txn.at(), txn.at());
  note(txn, id, job.step, job.reason.empty() ? "asked for" : "waits: " + job.reason);
  return id;
}

Result<Job> find(db::Txn& txn, JobId id) {
  auto row = txn.query(select("FROM jobs WHERE id = ?"), id);
  if (!row.next()) return fail(Errc::kNotFound, "there is no job {}", id);
  return read(row);
}

std::vector<Job> list_open(db::Txn& txn) {
  return read_all(txn.query(select("FROM jobs WHERE state <= 3 ORDER BY id")));
}

std::vector<Job> list_recent(db::Txn& txn, int count) {
  auto jobs = read_all(txn.query(select("FROM jobs ORDER BY id DESC LIMIT ?"), count));
  std::reverse(jobs.begin(), jobs.end());
  return jobs;
}

void save_args(db::Txn& txn, JobId id, const text::Template& args) {
  txn.exec("UPDATE jobs SET args = ? WHERE id = ?", args.to_text(), id);
}

void wake(db::Txn& txn, std::string_view key) {
  std::vector<JobId> woken;
  auto rows = txn.query("SELECT id FROM jobs WHERE wake_key <> '' AND wake_key = ?", key);
  while (rows.next()) woken.push_back(rows.get<JobId>(0));
  for (const JobId id : woken) {
    txn.exec("UPDATE jobs SET state = ?, wake_key = '', not_before_ms = 0 WHERE id = ?",
             JobState::kQueued, id);
    txn.touch(ObjectKind::kJob, id);
  }
}

bool is_open(db::Txn& txn, JobId id) {
  if (!id.is_set()) return false;
  const auto job = find(txn, id);
  return job && !is_over(job->state);
}

Result<void> ask_cancel(db::Txn& txn, JobId id) {
  const Job job = TRY(find(txn, id));
  if (is_over(job.state)) {
    return fail(Errc::kWrongState, "job {} is over: it is {}", id, name_of(job.state));
  }
  if (!job.is_cancel_asked) note(txn, id, job.step, "asked to stop");
  txn.exec("UPDATE jobs SET is_cancel_asked = 1 WHERE id = ?", id);
  if (job.state == JobState::kWaiting) hurry(txn, id);
  return {};
}

void hurry(db::Txn& txn, JobId id) {
  txn.exec("UPDATE jobs SET state = ?, wake_key = '', not_before_ms = 0 WHERE id = ? AND state = ?",
           JobState::kQueued, id, JobState::kWaiting);
  txn.touch(ObjectKind::kJob, id);
}

void hurry_on_host(db::Txn& txn, HostId host, const std::vector<VmId>& vms) {
  for (const Job& job : list_open(txn)) {
    const bool is_there = job.host == host || std::ranges::find(vms, job.vm) != vms.end();
    if (is_there) hurry(txn, job.id);
  }
}

Result<void> claim(db::Txn& txn, const Job& job, std::string_view resource) {
  const auto holder = find_claimant(txn, resource);
  if (holder == job.id) return {};
  if (holder) return fail(Errc::kConflict, "job {} is working on {}", *holder, resource);
  txn.exec("INSERT INTO job_claims(resource, job_id) VALUES(?, ?)", resource, job.id);
  return {};
}

void release(db::Txn& txn, JobId job, std::string_view resource) {
  txn.exec("DELETE FROM job_claims WHERE resource = ? AND job_id = ?", resource, job);
  if (txn.changed_rows() > 0) wake(txn, claim_key(resource));
}

std::string claim_key(std::string_view resource) { return fmt::format("claim/{}", resource); }

std::string over_key(JobId id) { return fmt::format("job.over/{}", id); }

std::optional<JobId> find_claimant(db::Txn& txn, std::string_view resource) {
  return txn.value<JobId>("SELECT job_id FROM job_claims WHERE resource = ?", resource);
}

void apply(db::Txn& txn, const Job& job, const Next& next) {
  txn.touch(ObjectKind::kJob, job.id);
  switch (next.kind) {
    case Next::Kind::kStep:
      note(txn, job.id, next.step, "begun");
      txn.exec(
          "UPDATE jobs SET step = ?, state = ?, attempt = 0, wake_key = '', not_before_ms = 0, "
          "reason = '', changed_at_ms = ? WHERE id = ?",
          next.step, JobState::kQueued, txn.at(), job.id);
      return;
    case Next::Kind::kAgain:
    case Next::Kind::kWait:
      note(txn, job.id, job.step,
           (next.kind == Next::Kind::kAgain ? "tried again: " : "waits: ") + next.reason);
      txn.exec(
          "UPDATE jobs SET state = ?, attempt = attempt + ?, wake_key = ?, not_before_ms = ?, "
          "reason = ?, changed_at_ms = ? WHERE id = ?",
          JobState::kWaiting, next.kind == Next::Kind::kAgain, next.key, txn.at() + next.after,
          next.reason, txn.at(), job.id);
      return;
    case Next::Kind::kDone: return end(txn, job, JobState::kDone, next);
    case Next::Kind::kFailed: return end(txn, job, JobState::kFailed, next);
    case Next::Kind::kCancelled: return end(txn, job, JobState::kCancelled, next);
  }
}

std::optional<Job> find_runnable(db::Txn& txn, JobId id) {
  auto row = txn.query(
      select("FROM jobs WHERE id = ? AND (state = 1 OR (state = 3 AND not_before_ms <= ?))"), id,
      txn.at());
  if (!row.next()) return std::nullopt;
  return read(row);
}

void mark_running(db::Txn& txn, JobId id) {
  txn.exec("UPDATE jobs SET state = ?, wake_key = '', not_before_ms = 0, reason = '' WHERE id = ?",
           JobState::kRunning, id);
  txn.touch(ObjectKind::kJob, id);
}

void prune(db::Txn& txn, Instant before) {
  txn.exec(
      "DELETE FROM jobs WHERE state > 3 AND changed_at_ms < ? "
      "AND id < (SELECT next FROM counters WHERE name = 'job') - 1000",
      before);
}

void requeue_interrupted(db::Txn& txn) {
  std::vector<std::pair<JobId, std::string>> interrupted;
  auto rows = txn.query("SELECT id, step FROM jobs WHERE state <= 3 AND state = ?",
                        JobState::kRunning);
  while (rows.next()) interrupted.emplace_back(rows.get<JobId>(0), rows.text(1));
  for (const auto& [id, step] : interrupted) {
    txn.exec("UPDATE jobs SET state = ?, reason = '' WHERE id = ?", JobState::kQueued, id);
    note(txn, id, step, "begun again: the daemon was restarted");
  }
  txn.exec(
      "UPDATE jobs SET not_before_ms = ? WHERE state <= 3 AND state = 3 AND wake_key = '' AND "
      "not_before_ms > ?",
      txn.at(), txn.at() + kPauseMax);
}

void shift_waits(db::Txn& txn, Duration by) {
  txn.exec("UPDATE jobs SET not_before_ms = not_before_ms + ? WHERE state <= 3 AND state = 3",
           by.count());
  const auto named = db::list_ids<JobId>(
      txn, "SELECT id FROM jobs WHERE state <= 3 AND instr(args, '_MS') > 0");
  for (const JobId id : named) {
    const auto job = find(txn, id);
    if (!job || !job->damage.empty()) continue;  // the runner abandons it
    text::Template args = job->args;
    for (const auto& attribute : job->args.attributes()) {
      const auto instant = natural_from(job->args.get(attribute.name));
      if (attribute.name.ends_with("_MS") && instant)
        args.set(attribute.name, fmt::format("{}", *instant + by.count()));
    }
    save_args(txn, id, args);
  }
}

void mark_stalled(db::Txn& txn, const Job& job, Duration idle) {
  const std::string reason = fmt::format(
      "nothing has moved for {} s: told to stop, its slot goes to others", idle.count() / 1'000);
  txn.exec("UPDATE jobs SET reason = ? WHERE id = ? AND state = ?", reason, job.id,
           JobState::kRunning);
  note(txn, job.id, job.step, reason);
}

std::vector<Candidate> list_runnable(db::Txn& txn) {
  std::vector<Candidate> candidates;
  auto rows = txn.query(
      "SELECT id, kind, step, user_id, host_id, datastore_id FROM jobs WHERE state <= 3 AND "
      "(state = 1 OR (state = 3 AND not_before_ms <= ?)) ORDER BY id",
      txn.at());
  while (rows.next()) {
    candidates.push_back({rows.get<JobId>(0), rows.text(1), rows.text(2), rows.get<UserId>(3),
                          rows.get<HostId>(4), rows.get<DatastoreId>(5)});
  }
  return candidates;
}

std::optional<Instant> next_due(db::Txn& txn) {
  const auto due = txn.value<std::optional<Instant>>(
      "SELECT MIN(not_before_ms) FROM jobs WHERE state <= 3 AND state = 3 AND not_before_ms > ?",
      txn.at());
  return due.value_or(std::nullopt);
}

}  // namespace neph::jobs
