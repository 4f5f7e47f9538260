#include "db/database.h"

#include <sqlite3.h>

#include <map>
#include <unordered_map>

#include "base/progress.h"
#include "db/internal/full.h"
#include "db/upkeep.h"

namespace neph::db {
namespace {

Errc errc_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL: return Errc::kExhausted;
    case SQLITE_CONSTRAINT: return Errc::kConflict;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return Errc::kUnavailable;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return Errc::kInvalid;
    default: return Errc::kInternal;
  }
}

std::string full_words(sqlite3* connection) {
  const char* name = connection != nullptr ? sqlite3_db_filename(connection, "main") : nullptr;
  const std::filesystem::path file = name != nullptr ? name : "";
  return fmt::format("{} {} is full, so nothing was changed; free some space there, and try again",
                     kFullWords, file.parent_path().string());
}

Error error_of(sqlite3* connection, int code, std::string_view doing) {
  const std::string said =
      connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_FULL) return {Errc::kExhausted, full_words(connection), said};
  return {errc_of(code), fmt::format("the state store cannot {}", doing), said};
}

}  // namespace

struct Database::Impl {
  sqlite3* connection = nullptr;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>> idle;  ///< prepared, by SQL text

  ~Impl() {
    for (auto& [sql, statements] : idle)
      for (auto* statement : statements) sqlite3_finalize(statement);
    sqlite3_close(connection);
  }

  void run(const char* sql) {
    char* said = nullptr;
    const int code = sqlite3_exec(connection, sql, nullptr, nullptr, &said);
    sqlite3_free(said);
    if (code != SQLITE_OK) throw Failure(error_of(connection, code, sql));
  }
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

bool Cursor::next() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw Failure(error_of(sqlite3_db_handle(statement_.get()), code, "read a row"));
}

bool Cursor::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t Cursor::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Cursor::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
std::string Cursor::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::shared_ptr<sqlite3_stmt> Txn::prepare(std::string_view sql) {
  auto& idle = database_.impl_->idle[std::string{sql}];
  sqlite3_stmt* statement = nullptr;
  if (!idle.empty()) {
    statement = idle.back();
    idle.pop_back();
  } else {
    const int code = sqlite3_prepare_v3(database_.impl_->connection, sql.data(),
                                        static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
    if (code != SQLITE_OK)
      throw Failure(error_of(database_.impl_->connection, code, fmt::format("prepare {}", sql)));
  }
  // Statements go back to the pool, so a nested use of the same SQL gets one of its own.
  return {statement, [&idle](sqlite3_stmt* done) {
            sqlite3_reset(done);
            sqlite3_clear_bindings(done);
            idle.push_back(done);
          }};
}

void Txn::run(const std::shared_ptr<sqlite3_stmt>& statement) {
  const int code = sqlite3_step(statement.get());
  if (code != SQLITE_DONE && code != SQLITE_ROW)
    throw Failure(error_of(database_.impl_->connection, code, "write a row"));
}

void Txn::bind(sqlite3_stmt& statement, int position, std::int64_t value) {
  NEPH_ASSERT(sqlite3_bind_int64(&statement, position, value) == SQLITE_OK);
}
void Txn::bind(sqlite3_stmt& statement, int position, double value) {
  NEPH_ASSERT(sqlite3_bind_double(&statement, position, value) == SQLITE_OK);
}
void Txn::bind(sqlite3_stmt& statement, int position, std::string_view value) {
  // A null data pointer would bind NULL; an empty text is not NULL.
  const char* data = value.data() != nullptr ? value.data() : "";
  NEPH_ASSERT(sqlite3_bind_text64(&statement, position, data, value.size(), SQLITE_TRANSIENT,
                                  SQLITE_UTF8) == SQLITE_OK);
}
void Txn::bind_null(sqlite3_stmt& statement, int position) {
  NEPH_ASSERT(sqlite3_bind_null(&statement, position) == SQLITE_OK);
}

std::int64_t Txn::last_insert_id() const {
  return sqlite3_last_insert_rowid(database_.impl_->connection);
}
std::int64_t Txn::changed_rows() const { return sqlite3_changes64(database_.impl_->connection); }

namespace {

void migrate(Database& database, sqlite3* connection, const std::function<void(const char*)>& run) {
  std::int64_t version = 0;
  database.read({}, [&](Txn& txn) {
    version = txn.value<std::int64_t>("PRAGMA user_version").value_or(0);
  });
  const auto newest = static_cast<std::int64_t>(migrations().size());
  if (version > newest)
    throw Failure({Errc::kInvalid,
                   fmt::format("the state store has schema {} and this nephd knows only {}: it was "
                               "used by a newer version",
                               version, newest),
                   ""});
  for (; version < newest; ++version) {
    run("BEGIN IMMEDIATE");
    const auto& [name, sql] = migrations()[static_cast<std::size_t>(version)];
    if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      auto error = error_of(connection, sqlite3_errcode(connection), "apply migration " + name);
      run("ROLLBACK");
      throw Failure(std::move(error));
    }
    run(fmt::format("PRAGMA user_version = {}", version + 1).c_str());
    run("COMMIT");
  }
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  auto impl = std::make_unique<Impl>();
  const int code = sqlite3_open_v2(file.c_str(), &impl->connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                       SQLITE_OPEN_NOMUTEX,  // one lane uses it
                                   nullptr);
  if (code != SQLITE_OK)
    return tl::unexpected(error_of(impl->connection, code, "open " + file.string()));
  sqlite3_busy_timeout(impl->connection, 5000);
  auto database = std::unique_ptr<Database>(new Database(std::move(impl)));
  try {
    auto run = [&](const char* sql) { database->impl_->run(sql); };
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA foreign_keys = ON");
    run("PRAGMA cache_size = -65536");
    run("PRAGMA temp_store = MEMORY");
    migrate(*database, database->impl_->connection, run);
  } catch (const Failure& failure) {
    return tl::unexpected(failure.error());
  }
  return database;
}

void Database::read(Instant at, const std::function<void(Txn&)>& work) {
  Txn txn(*this, at);
  work(txn);
}

Database::Outcome Database::transact(Instant at, const std::vector<Work>& works) {
  Outcome outcome;
  outcome.errors.resize(works.size());
  try {
    impl_->run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < works.size(); ++i) {
      Txn txn(*this, at);
      impl_->run("SAVEPOINT piece");
      try {
        if (auto answer = works[i](txn); !answer) outcome.errors[i] = std::move(answer.error());
      } catch (const Failure& failure) {
        outcome.errors[i] = failure.error();
        // SQLite itself rolls back the whole transaction on some errors (full, I/O).
        if (sqlite3_get_autocommit(impl_->connection) != 0) throw;
      }
      if (outcome.errors[i]) impl_->run("ROLLBACK TO piece");
      else outcome.changes.add(txn.changes());
      impl_->run("RELEASE piece");
    }
    impl_->run("COMMIT");
  } catch (const Failure& failure) {
    if (sqlite3_get_autocommit(impl_->connection) == 0)
      sqlite3_exec(impl_->connection, "ROLLBACK", nullptr, nullptr, nullptr);
    outcome.changes = {};
    for (auto& error : outcome.errors)
      if (!error) error = failure.error();
  }
  return outcome;
}

Result<void> Database::backup(const std::filesystem::path& file) {
  NoProgress nobody_watches;
  return copy_store(sqlite3_db_filename(impl_->connection, "main"), file.string() + ".part", file,
                    nobody_watches);
}

std::string Database::schema() {
  std::string text;
  read({}, [&](Txn& txn) {
    auto cursor = txn.query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name");
    while (cursor.next()) text += cursor.text(0) + ";\n";
  });
  return text;
}

}  // namespace neph::db
