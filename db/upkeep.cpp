#include "db/upkeep.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "db/database.h"

namespace neph::db {
namespace {

namespace fs = std::filesystem;

/// As migration 0003 sets it: "Neph".
constexpr std::int64_t kApplicationId = 0x4e657068;
/// A step copies so many pages, about 4 MB, then tells how far it is.
constexpr int kPagesPerStep = 1024;
constexpr int kFaultsMax = 100;

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
struct EndStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

tl::unexpected<Error> fail_sqlite(sqlite3* connection, int code, std::string_view what,
                                  const fs::path& file) {
  const std::string said =
      connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const int kind = code & 0xff;
  const bool is_no_store = kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT;
  Errc errc = is_no_store ? Errc::kInvalid : Errc::kUnavailable;
  if (kind == SQLITE_FULL) errc = Errc::kExhausted;
  return fail_because(errc, said, "cannot {} {}", what, file.string());
}

tl::unexpected<Error> fail_errno(std::string_view what, const fs::path& file) {
  const Errc errc = errno == ENOSPC ? Errc::kExhausted : Errc::kUnavailable;
  return fail_because(errc, std::strerror(errno), "cannot {} {}", what, file.string());
}

Result<Connection> open_store(const fs::path& file, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return fail_sqlite(raw, code, "open", file);
  sqlite3_busy_timeout(raw, 5000);
  return connection;
}

Result<void> run(const Connection& connection, const char* sql, const fs::path& file) {
  const int code = sqlite3_exec(connection.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail_sqlite(connection.get(), code, "use", file);
  return {};
}

/// Calls `take` with each row.
template <class Take>
Result<void> each_row(const Connection& connection, const char* sql, const fs::path& file,
                      Take&& take) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(connection.get(), sql, -1, &raw, nullptr);
  const Statement statement(raw);
  if (code != SQLITE_OK) return fail_sqlite(connection.get(), code, "read", file);
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) take(raw);
  if (code != SQLITE_DONE) return fail_sqlite(connection.get(), code, "read", file);
  return {};
}

std::string text_of(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? std::string{} : std::string(text);
}

Result<std::int64_t> number(const Connection& connection, const char* sql, const fs::path& file) {
  std::int64_t found = 0;
  CHECK_OK(each_row(connection, sql, file,
                    [&](sqlite3_stmt* row) { found = sqlite3_column_int64(row, 0); }));
  return found;
}

Result<void> sync(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return fail_errno("open", path);
  const int synced = ::fsync(file);
  ::close(file);
  if (synced != 0) return fail_errno("sync", path);
  return {};
}

/// What a first attempt, or SQLite beside it, has left.
void forget(const fs::path& part) {
  for (const char* more : {"", "-journal", "-wal", "-shm"})
    ::unlink((part.string() + more).c_str());
}

Result<void> make_private(const fs::path& part) {
  const int file = ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail_errno("create", part);
  ::close(file);
  return {};
}

Result<void> copy_pages(const Connection& from, const Connection& to, const fs::path& target,
                        Progress& progress) {
  sqlite3_backup* copying = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (copying == nullptr)
    return fail_sqlite(to.get(), sqlite3_errcode(to.get()), "write", target);
  int code = SQLITE_OK;
  while (code == SQLITE_OK && !progress.is_cancelled()) {
    code = sqlite3_backup_step(copying, kPagesPerStep);
    const int total = sqlite3_backup_pagecount(copying);
    progress.report(Bytes{std::int64_t{total - sqlite3_backup_remaining(copying)} * 4096},
                    Bytes{std::int64_t{total} * 4096});
  }
  sqlite3_backup_finish(copying);
  if (code == SQLITE_OK) return fail(Errc::kConflict, "the backup was cancelled");
  if (code != SQLITE_DONE) return fail_sqlite(to.get(), code, "write", target);
  return {};
}

Result<void> fill(const fs::path& store, const fs::path& part, Progress& progress) {
  const auto from = TRY(open_store(store, SQLITE_OPEN_READONLY));
  // One read transaction over all steps: the copy shows one instant, and is never begun again
  // because somebody wrote meanwhile.
  CHECK_OK(run(from, "BEGIN", store));
  TRY(number(from, "SELECT COUNT(*) FROM sqlite_master", store));
  const auto to = TRY(open_store(part, SQLITE_OPEN_READWRITE));
  CHECK_OK(run(to, "PRAGMA synchronous = OFF", part));
  CHECK_OK(copy_pages(from, to, part, progress));
  // A single file that can be carried away; the store itself goes back to WAL when it is opened.
  return run(to, "PRAGMA journal_mode = DELETE", part);
}

Result<void> publish(const fs::path& part, const fs::path& target) {
  CHECK_OK(sync(part, O_RDWR));
  // As rename, but never over a file that is there.
  if (::link(part.c_str(), target.c_str()) != 0) {
    if (errno == EEXIST) return fail(Errc::kConflict, "file {} exists already", target.string());
    return fail_errno("create", target);
  }
  ::unlink(part.c_str());
  return sync(target.parent_path(), O_RDONLY | O_DIRECTORY);
}

Result<void> copy_and_publish(const fs::path& store, const fs::path& part, const fs::path& target,
                              Progress& progress) {
  CHECK_OK(make_private(part));
  CHECK_OK(fill(store, part, progress));
  const auto faults = TRY(find_faults(part));
  if (!faults.empty())
    return fail_because(Errc::kInvalid, faults.front(), "the copy {} is not whole", part.string());
  return publish(part, target);
}

}  // namespace

Result<std::vector<std::string>> find_faults(const fs::path& store) {
  const auto connection = TRY(open_store(store, SQLITE_OPEN_READONLY));
  std::vector<std::string> faults;
  CHECK_OK(each_row(connection, fmt::format("PRAGMA integrity_check({})", kFaultsMax).c_str(),
                    store, [&](sqlite3_stmt* row) {
                      if (text_of(row, 0) != "ok") faults.push_back(text_of(row, 0));
                    }));
  CHECK_OK(each_row(connection, "PRAGMA foreign_key_check", store, [&](sqlite3_stmt* row) {
    if (faults.size() >= kFaultsMax) return;
    faults.push_back(fmt::format("a row of {} refers to a row of {} that is gone", text_of(row, 0),
                                 text_of(row, 2)));
  }));
  return faults;
}

Result<StoreFacts> inspect_store(const fs::path& store) {
  std::error_code problem;
  if (!fs::exists(store, problem))
    return fail(Errc::kNotFound, "there is no file {}", store.string());
  const auto connection = TRY(open_store(store, SQLITE_OPEN_READONLY));
  if (TRY(number(connection, "PRAGMA application_id", store)) != kApplicationId)
    return fail(Errc::kInvalid, "{} is no state store of Nephograph", store.string());
  StoreFacts facts;
  facts.schema = TRY(number(connection, "PRAGMA user_version", store));
  const auto newest = static_cast<std::int64_t>(migrations().size());
  if (facts.schema > newest)
    return fail(Errc::kInvalid, "{} has schema {} and this nephd knows only {}: it is of a newer "
                "version", store.string(), facts.schema, newest);
  CHECK_OK(each_row(connection, "SELECT id FROM store_identity", store,
                    [&](sqlite3_stmt* row) { facts.identity = text_of(row, 0); }));
  CHECK_OK(each_row(connection, "SELECT name, next FROM counters", store, [&](sqlite3_stmt* row) {
    facts.counters[text_of(row, 0)] = sqlite3_column_int64(row, 1);
  }));
  return facts;
}

Result<void> copy_store(const fs::path& store, const fs::path& part, const fs::path& target,
                        Progress& progress) {
  std::error_code problem;
  if (fs::exists(target, problem))
    return fail(Errc::kConflict, "file {} exists already", target.string());
  forget(part);
  const auto copied = copy_and_publish(store, part, target, progress);
  if (!copied) forget(part);
  return copied;
}

Result<void> raise_counters(const fs::path& store,
                            const std::map<std::string, std::int64_t>& counters) {
  const auto connection = TRY(open_store(store, SQLITE_OPEN_READWRITE));
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(
      connection.get(), "UPDATE counters SET next = MAX(next, ?) WHERE name = ?", -1, &raw,
      nullptr);
  const Statement statement(raw);
  if (code != SQLITE_OK) return fail_sqlite(connection.get(), code, "write", store);
  CHECK_OK(run(connection, "BEGIN IMMEDIATE", store));
  for (const auto& [name, next] : counters) {
    sqlite3_reset(raw);
    sqlite3_bind_int64(raw, 1, next);
    sqlite3_bind_text(raw, 2, name.c_str(), -1, SQLITE_TRANSIENT);
    if (const int step = sqlite3_step(raw); step != SQLITE_DONE)
      return fail_sqlite(connection.get(), step, "write", store);
  }
  sqlite3_reset(raw);
  return run(connection, "COMMIT", store);
}

Result<void> settle_store(const fs::path& store) {
  const auto connection = TRY(open_store(store, SQLITE_OPEN_READWRITE));
  // With journal_mode DELETE no WAL is left behind.
  return run(connection, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE", store);
}

}  // namespace neph::db
