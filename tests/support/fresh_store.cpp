#include "tests/support/fresh_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>

#include "base/result.h"

namespace neph {
namespace {

/// A second connection to a store in memory, which lives as long as any connection to it.
class Connection {
 public:
  explicit Connection(const std::string& uri) {
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    NEPH_ASSERT(sqlite3_open_v2(uri.c_str(), &connection_, kFlags, nullptr) == SQLITE_OK);
  }
  ~Connection() { sqlite3_close(connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] sqlite3* get() const { return connection_; }

 private:
  sqlite3* connection_ = nullptr;
};

std::string uri_of(int number) { return fmt::format("file:/fresh-{}?vfs=memdb", number); }

std::unique_ptr<db::Database> open(const std::string& uri) {
  auto opened = db::Database::open(uri);
  NEPH_ASSERT(opened.has_value());
  return std::move(*opened);
}

/// The one that is copied.
const Connection& original() {
  static const Connection connection(uri_of(0));
  static const auto migrated = open(uri_of(0));
  return connection;
}

}  // namespace

std::unique_ptr<db::Database> fresh_store() {
  static int last = 0;
  const std::string uri = uri_of(++last);
  const Connection copy(uri);
  auto* backup = sqlite3_backup_init(copy.get(), "main", original().get(), "main");
  NEPH_ASSERT(backup != nullptr);
  constexpr int kAllPages = -1;
  NEPH_ASSERT(sqlite3_backup_step(backup, kAllPages) == SQLITE_DONE);
  sqlite3_backup_finish(backup);
  return open(uri);
}

std::vector<unsigned char> fresh_store_file() {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(original().get(), "main", &size, 0);
  NEPH_ASSERT(bytes != nullptr);
  std::vector<unsigned char> file(bytes, bytes + size);
  sqlite3_free(bytes);
  return file;
}

}  // namespace neph
