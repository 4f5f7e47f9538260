#include "daemon/restore.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "base/log.h"
#include "daemon/files.h"
#include "db/database.h"
#include "db/upkeep.h"
#include "snapshots/snapshot.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

/// Where nobody knows what was made since the backup, ids go on so far behind it.
constexpr std::int64_t kMargin = 100'000;

/// A backup of this very store tells what was given until then; the store itself, what was given
/// since. Any other store, also a new one that somebody started meanwhile, tells nothing.
void go_on_from(db::StoreFacts& facts, const Result<db::StoreFacts>& replaced,
                RestoreReport& report) {
  report.knows_successor = replaced && !facts.identity.empty() &&
                           replaced->identity == facts.identity;
  for (auto& [name, next] : facts.counters) {
    if (!report.knows_successor) next += kMargin;
    if (!replaced) continue;
    const auto since = replaced->counters.find(name);
    if (since != replaced->counters.end()) next = std::max(next, since->second);
  }
  report.next_vm = facts.counters["vm"];
}

Result<void> keep_under(const fs::path& file, const fs::path& kept) {
  if (::link(file.c_str(), kept.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno("keep", file);
}

/// The store that is there also gets another name. A WAL beside it, which only one that cannot be
/// read has left, goes with it: SQLite would play it into the new store.
Result<void> keep_aside(const fs::path& store, const fs::path& kept) {
  CHECK_OK(keep_under(store, kept));
  CHECK_OK(keep_under(store.string() + "-wal", kept.string() + "-wal"));
  CHECK_OK(sync_directory(store.parent_path()));
  for (const char* more : {"-wal", "-shm"}) ::unlink((store.string() + more).c_str());
  return {};
}

/// To the newest schema, and without promises that only the store knew how to keep that this one
/// replaces.
Result<void> bring_up_to_date(const fs::path& fresh, Instant now) {
  const auto database = TRY(db::Database::open(fresh));
  return database->transact_one(now, [](db::Txn& txn) -> Result<void> {
    snapshots::doubt_unfinished(txn);
    return {};
  });
}

fs::path name_aside(const fs::path& store, Instant now) {
  std::string time = to_text(now);
  std::erase_if(time, [](char letter) { return letter == ':' || letter == '-'; });
  return fmt::format("{}.before-restore-{}", store.string(), time);
}

}  // namespace

Result<RestoreReport> restore_store(const fs::path& state, const fs::path& backup, Instant now) {
  TRY(db::inspect_store(backup));
  const auto faults = TRY(db::find_faults(backup));
  if (!faults.empty())
    return fail_because(Errc::kInvalid, faults.front(), "backup {} is damaged", backup.string());
  RestoreReport report;
  const fs::path store = store_file(state);
  const fs::path fresh = store.string() + ".restoring";
  ::unlink(fresh.c_str());
  NoProgress nobody_watches;
  CHECK_OK(db::copy_store(backup, fresh.string() + ".part", fresh, nobody_watches));
  // Brought up to date first, so that counters which are younger than the backup count as well.
  CHECK_OK(bring_up_to_date(fresh, now));
  auto facts = TRY(db::inspect_store(fresh));
  std::error_code problem;
  if (fs::exists(store, problem)) {
    const auto replaced = db::inspect_store(store);
    go_on_from(facts, replaced, report);
    // One that cannot be read stays as it is, WAL and all: somebody may want to save what he can.
    if (!replaced) log::warn("restore.replaces_unreadable", {{"why", replaced.error().text()}});
    if (replaced) CHECK_OK(db::settle_store(store));
    report.kept = name_aside(store, now);
  } else {
    go_on_from(facts, tl::unexpected(Error{Errc::kNotFound, "there was none", {}}), report);
  }
  CHECK_OK(db::raise_counters(fresh, facts.counters));
  CHECK_OK(db::settle_store(fresh));
  if (!report.kept.empty()) CHECK_OK(keep_aside(store, report.kept));
  if (::rename(fresh.c_str(), store.c_str()) != 0) return fail_errno("replace", store);
  CHECK_OK(sync_directory(state));
  return report;
}

}  // namespace neph::daemon
