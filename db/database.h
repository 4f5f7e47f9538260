#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

struct sqlite3_stmt;

/// The state store: one SQLite file (WAL, synchronous=FULL, foreign keys). Repositories see Txn
/// and Cursor, nothing of SQLite. All of it is used on the store lane only.
namespace neph::db {

/// Unwinds a transaction that cannot go on: disk full, I/O error, a broken constraint. Thrown by
/// Txn, caught by Database::transact alone, which rolls back and answers the error as a value.
/// See docs/decisions/0002-database-failures.md.
class Failure final : public std::exception {
 public:
  explicit Failure(Error error) : error_(std::move(error)) {}
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
};

/// Objects that a transaction touched; the view republishes them after the commit.
class ChangeSet {
 public:
  void touch(ObjectKind kind, std::int64_t id) { touched_.emplace(kind, id); }
  template <class Tag>
  void touch(ObjectKind kind, Id<Tag> id) {
    touched_.emplace(kind, id.value);
  }
  void add(const ChangeSet& more) { touched_.insert(more.touched_.begin(), more.touched_.end()); }
  [[nodiscard]] bool empty() const { return touched_.empty(); }
  [[nodiscard]] bool has(ObjectKind kind) const {
    const auto at = touched_.lower_bound({kind, INT64_MIN});
    return at != touched_.end() && at->first == kind;
  }
  using Touched = std::set<std::pair<ObjectKind, std::int64_t>>;
  [[nodiscard]] const Touched& all() const { return touched_; }

 private:
  std::set<std::pair<ObjectKind, std::int64_t>> touched_;
};

template <class T>
struct is_id : std::false_type {};
template <class Tag>
struct is_id<Id<Tag>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

/// Rows of one statement, one at a time. Lives no longer than its transaction.
class Cursor {
 public:
  explicit Cursor(std::shared_ptr<sqlite3_stmt> statement) : statement_(std::move(statement)) {}
  /// Steps to the next row; false when there is none.
  [[nodiscard]] bool next();
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;

  /// Any bindable type: integers, enumerators, bool, double, ids, strings, optionals of these.
  /// NULL reads as an unset id.
  template <class T>
  [[nodiscard]] T get(int column) const {
    if constexpr (is_optional<T>::value) {
      if (is_null(column)) return std::nullopt;
      return get<typename T::value_type>(column);
    } else if constexpr (is_id<T>::value) {
      return is_null(column) ? T{} : T{integer(column)};
    } else if constexpr (std::is_same_v<T, std::string>) {
      return text(column);
    } else if constexpr (std::is_same_v<T, Instant>) {
      return Instant{integer(column)};
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(real(column));
    } else if constexpr (std::is_same_v<T, bool>) {
      return integer(column) != 0;
    } else {
      return static_cast<T>(integer(column));
    }
  }

 private:
  std::shared_ptr<sqlite3_stmt> statement_;
};

/// One transaction (or one savepoint of a group commit). Values are bound, never pasted.
/// Throws Failure when the database cannot go on.
class Txn {
 public:
  /// When the transaction began: the time of everything it writes.
  [[nodiscard]] Instant at() const { return at_; }

  template <class... Args>
  void exec(std::string_view sql, const Args&... args) {
    run(prepare_bound(sql, args...));
  }
  template <class... Args>
  [[nodiscard]] Cursor query(std::string_view sql, const Args&... args) {
    return Cursor{prepare_bound(sql, args...)};
  }
  /// First column of the first row, nullopt when there is no row.
  template <class T, class... Args>
  [[nodiscard]] std::optional<T> value(std::string_view sql, const Args&... args) {
    auto cursor = query(sql, args...);
    if (!cursor.next()) return std::nullopt;
    return cursor.template get<T>(0);
  }
  [[nodiscard]] std::int64_t last_insert_id() const;
  /// Rows that the last exec() changed.
  [[nodiscard]] std::int64_t changed_rows() const;

  void touch(ObjectKind kind, std::int64_t id) { changes_.touch(kind, id); }
  template <class Tag>
  void touch(ObjectKind kind, Id<Tag> id) {
    changes_.touch(kind, id);
  }
  [[nodiscard]] const ChangeSet& changes() const { return changes_; }

 private:
  friend class Database;
  Txn(class Database& database, Instant at) : database_(database), at_(at) {}

  template <class... Args>
  std::shared_ptr<sqlite3_stmt> prepare_bound(std::string_view sql, const Args&... args) {
    auto statement = prepare(sql);
    int position = 0;
    (bind_any(*statement, ++position, args), ...);
    return statement;
  }
  template <class T>
  void bind_any(sqlite3_stmt& statement, int position, const T& value) {
    if constexpr (is_optional<T>::value) {
      if (value) bind_any(statement, position, *value);
      else bind_null(statement, position);
    } else if constexpr (is_id<T>::value) {
      if (value.is_set()) bind(statement, position, value.value);
      else bind_null(statement, position);
    } else if constexpr (std::is_same_v<T, Instant>) {
      bind(statement, position, value.ms);
    } else if constexpr (std::is_floating_point_v<T>) {
      bind(statement, position, static_cast<double>(value));
    } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      bind(statement, position, static_cast<std::int64_t>(value));
    } else {
      bind(statement, position, std::string_view{value});
    }
  }
  std::shared_ptr<sqlite3_stmt> prepare(std::string_view sql);
  void run(const std::shared_ptr<sqlite3_stmt>& statement);
  void bind(sqlite3_stmt& statement, int position, std::int64_t value);
  void bind(sqlite3_stmt& statement, int position, double value);
  void bind(sqlite3_stmt& statement, int position, std::string_view value);
  void bind_null(sqlite3_stmt& statement, int position);

  class Database& database_;
  Instant at_;
  ChangeSet changes_;
};

/// One connection. Not thread safe: it belongs to the store lane (or to a test).
class Database {
 public:
  /// Opens or creates the file and brings its schema up to date. ":memory:" for tests.
  /// \returns kInvalid for a file that is no database of ours or comes from a newer version
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs several pieces of work in one commit. A piece that answers an error or fails is rolled
  /// back alone; when the commit itself fails, all have failed.
  /// \returns what changed, and the error of each piece that failed
  struct Outcome {
    ChangeSet changes;
    std::vector<std::optional<Error>> errors;
  };
  using Work = std::function<Result<void>(Txn&)>;
  [[nodiscard]] Outcome transact(Instant at, const std::vector<Work>& works);

  /// One piece of work, one commit: for start-up, tools and tests.
  template <class F>
  auto transact_one(Instant at, F&& work) -> std::invoke_result_t<F, Txn&> {
    using R = std::invoke_result_t<F, Txn&>;
    std::optional<R> answer;
    const Outcome outcome = transact(at, {[&](Txn& txn) -> Result<void> {
                                       answer = work(txn);
                                       if (!*answer) return tl::unexpected(answer->error());
                                       return {};
                                     }});
    if (outcome.errors[0]) return tl::unexpected(*outcome.errors[0]);
    return std::move(*answer);
  }

  /// A read outside any write transaction; work must not write. Throws Failure when the database
  /// cannot be read.
  void read(Instant at, const std::function<void(Txn&)>& work);

  /// Consistent copy of the whole store into a new file, while it is in use.
  [[nodiscard]] Result<void> backup(const std::filesystem::path& file);

  /// Schema text of a fresh store, one statement a line in name order; for the migration test.
  [[nodiscard]] std::string schema();

 private:
  friend class Txn;
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The migrations in order, as embedded at build time: (file name, SQL).
[[nodiscard]] const std::vector<std::pair<std::string, std::string>>& migrations();

}  // namespace neph::db
