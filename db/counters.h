#pragma once

#include <cstdint>
#include <string_view>

#include "db/database.h"

namespace neph::db {

/// The next number of a counter ("vm", "image" ...: the rows of table counters). It is a
/// programmer's error to name one that does not exist.
[[nodiscard]] std::int64_t take_number(Txn& txn, std::string_view counter);

/// The id of an object that is about to be inserted. No id is given twice.
template <class AnyId>
[[nodiscard]] AnyId take_id(Txn& txn, std::string_view counter) {
  return AnyId{take_number(txn, counter)};
}

}  // namespace neph::db
